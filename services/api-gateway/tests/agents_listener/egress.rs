//! Tunnels: whom a pod reaches through `CONNECT`, and for how long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api_gateway::agents::EgressConfig;
use contract::internal::{BrokerEventKind, EgressAnswerVerdict, RunGrantServes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Behind, Names, TOKEN, World, basic};

/// A world in which `granted.test` leads to a host that repeats what it hears, and other names to where they must not.
async fn world() -> World {
    let host = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = host.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = host.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    let names = Names(vec![
        ("granted.test", "127.0.0.1"),
        ("other.test", "127.0.0.1"),
        ("inside.test", "10.96.0.1"),
        ("metadata.test", "1.1.1.1"),
        ("metadata.test", "169.254.169.254"),
    ]);
    let egress = EgressConfig {
        allowed_ranges: vec!["127.0.0.1/32".parse().unwrap()],
        port,
        answer_within: Duration::from_secs(3),
        names: Arc::new(names),
        ..EgressConfig::default()
    };
    let world = World::with(Behind { egress, ..Behind::default() }).await;
    world.control.change(|grant| grant.egress_hosts.push("nameless.test".to_owned()));
    world.port.set(port).unwrap();
    world
}

/// Sends a request line with the run's proxy credentials and returns the connection with the head of the answer.
async fn ask(world: &World, line: &str, credentials: bool) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let run = world.control.grant_or_last().run_id.to_string();
    let credentials =
        if credentials { format!("Proxy-Authorization: {}\r\n", basic(&run, TOKEN)) } else { String::new() };
    stream.write_all(format!("{line} HTTP/1.1\r\nHost: x\r\n{credentials}\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "cut: {}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

async fn tunnel(world: &World) -> TcpStream {
    let port = world.port.get().unwrap();
    let (mut stream, head) = ask(world, &format!("CONNECT granted.test:{port}"), true).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    echo(&mut stream).await;
    stream
}

async fn echo(stream: &mut TcpStream) {
    stream.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn a_granted_host_is_reached_and_that_is_told() {
    let world = world().await;
    let mut stream = tunnel(&world).await;
    echo(&mut stream).await;
    assert_eq!(world.control.event(BrokerEventKind::EgressOpened).await.data["host"], "granted.test");
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).await.unwrap(), 0);
}

#[tokio::test]
async fn everything_else_is_refused_with_its_reason() {
    let world = world().await;
    let port = *world.port.get().unwrap();
    for (target, reason) in [
        (format!("other.test:{port}"), "no grant"),
        (format!("127.0.0.1:{port}"), "addresses are refused"),
        (format!("[::1]:{port}"), "addresses are refused"),
        (format!("2130706433:{port}"), "addresses are refused"),
        (format!("inside.test:{port}"), "10.96.0.1, which is private"),
        (format!("metadata.test:{port}"), "169.254.169.254, which is link-local"),
        (format!("nameless.test:{port}"), "does not resolve"),
        ("granted.test:22".to_owned(), "only port"),
    ] {
        let (mut stream, head) = ask(&world, &format!("CONNECT {target}"), true).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{target}: {head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains(reason), "{target}: {body}");
    }
    let event = world.control.event(BrokerEventKind::EgressRefused).await;
    assert_eq!(event.data["target"], format!("other.test:{port}"));
    assert!(event.data["reason"].as_str().unwrap().contains("no grant"));
}

#[tokio::test]
async fn a_host_that_people_allow_in_time_is_reached_at_once() {
    let world = world().await;
    let port = *world.port.get().unwrap();
    let line = format!("CONNECT other.test:{port}");
    let allowed = async {
        assert_eq!(world.control.tried().await, ["other.test"]);
        world.control.change(|grant| grant.egress_hosts.push("other.test".to_owned()));
        world.control.decide(EgressAnswerVerdict::Allowed);
    };
    let ((mut stream, head), ()) = tokio::join!(ask(&world, &line, true), allowed);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    echo(&mut stream).await;
    drop(stream);
    let ended = world.control.event(BrokerEventKind::EgressClosed).await.data;
    assert_eq!((&ended["host"], &ended["sent"], &ended["received"]), (&"other.test".into(), &5.into(), &5.into()));
}

#[tokio::test]
async fn only_the_first_try_waits_for_people() {
    let world = world().await;
    let port = *world.port.get().unwrap();
    let line = format!("CONNECT other.test:{port}");
    let tried = async || {
        let began = Instant::now();
        let (_, head) = ask(&world, &line, true).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{head}");
        began.elapsed()
    };
    let (first, second) = (tried().await, tried().await);
    assert!(first >= Duration::from_secs(3), "{first:?}");
    assert_eq!(world.control.tried().await.len(), 2, "{second:?}");
    world.control.decide(EgressAnswerVerdict::Refused);
    tried().await;
    let event = world.control.event(BrokerEventKind::EgressRefused).await;
    assert_eq!(event.data["reason"], "no grant yet");
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_asked() {
    let world = world().await;
    let port = world.port.get().unwrap();
    for line in [format!("CONNECT granted.test:{port}"), "GET http://granted.test/".to_owned()] {
        let (_, head) = ask(&world, &line, false).await;
        assert!(head.starts_with("HTTP/1.1 407") && head.contains("proxy-authenticate: Basic"), "{head}");
    }
}

#[tokio::test]
async fn plain_http_is_not_carried_and_the_remedy_is_named() {
    let world = world().await;
    let (_, head) = ask(&world, "GET http://granted.test/", true).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let event = world.control.event(BrokerEventKind::EgressRefused).await;
    assert!(event.data["reason"].as_str().unwrap().contains("use https"));
}

/// How long a tunnel lasts after `what`; it is used all the time, so that only the cut can end it.
async fn lasts_after(world: World, what: impl FnOnce(&World)) -> Duration {
    let mut stream = tunnel(&world).await;
    what(&world);
    let began = Instant::now();
    let mut byte = [0];
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut byte)).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "the tunnel is still open");
    began.elapsed()
}

#[tokio::test]
async fn a_tunnel_ends_with_the_token_the_grant_or_the_run() {
    let revoked = async { lasts_after(world().await, |world| world.control.revoke()).await };
    let withdrawn =
        async { lasts_after(world().await, |world| world.control.change(|grant| grant.egress_hosts.clear())).await };
    let ending = async {
        lasts_after(world().await, |world| world.control.change(|grant| grant.serves = RunGrantServes::Saving)).await
    };
    let (revoked, withdrawn, ending) = tokio::join!(revoked, withdrawn, ending);
    for lasted in [revoked, withdrawn, ending] {
        assert!(lasted < Duration::from_secs(15), "{lasted:?}");
    }
}

#[tokio::test]
async fn a_run_has_only_so_many_tunnels() {
    let world = world().await;
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(tunnel(&world).await);
    }
    let port = world.port.get().unwrap();
    let (_, head) = ask(&world, &format!("CONNECT granted.test:{port}"), true).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}
