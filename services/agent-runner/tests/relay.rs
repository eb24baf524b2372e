//! The relay between a client's socket and the gateway's: what is added, what is taken out, and that nothing waits.

use std::sync::Arc;

use agent_runner::relay::Relay;
use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const TOKEN: &str = "cxr_secret";

/// A relay and the gateway's end of it, spoken to byte by byte.
struct Wire {
    gateway: TcpListener,
    relay: std::net::SocketAddr,
    task: JoinHandle<Result<()>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    async fn new() -> Result<Self> {
        let gateway = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", gateway.local_addr()?).parse()?;
        let relay = Arc::new(Relay::new(&url, Uuid::nil(), &TOKEN.into())?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(relay.serve(listener, CancellationToken::new()));
        Ok(Self { gateway, relay: address, task })
    }

    /// Sends a request's head and returns both ends, with the head as the gateway got it.
    async fn send(&self, head: &str) -> Result<(TcpStream, TcpStream, String)> {
        let mut client = TcpStream::connect(self.relay).await?;
        client.write_all(head.replace('\n', "\r\n").as_bytes()).await?;
        let (mut gateway, _) = self.gateway.accept().await?;
        let head = read_until(&mut gateway, "\r\n\r\n").await?;
        Ok((client, gateway, head.to_ascii_lowercase()))
    }
}

async fn read_until(stream: &mut TcpStream, end: &str) -> Result<String> {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(stream.read_u8().await?));
    }
    Ok(text)
}

#[tokio::test]
async fn a_request_to_the_gateway_gets_the_runs_token_and_streams() -> Result<()> {
    let wire = Wire::new().await?;
    let request = "GET /registry/npm/x?y=1 HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer mine\nX-Kept: yes\n\n";
    let (mut client, mut gateway, head) = wire.send(request).await?;
    assert!(head.starts_with("get /registry/npm/x?y=1 http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nauthorization: bearer cxr_secret\r\n") && !head.contains("mine"), "{head}");
    assert!(head.contains(&format!("\r\nhost: {}\r\n", wire.gateway.local_addr()?)), "{head}");
    assert!(head.contains("\r\nx-kept: yes\r\n") && !head.contains("proxy-authorization"), "{head}");

    gateway.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await?;
    // The answer is not over, and its first part is here.
    read_until(&mut client, "first\r\n").await?;
    gateway.write_all(b"4\r\nlast\r\n0\r\n\r\n").await?;
    read_until(&mut client, "last\r\n0\r\n\r\n").await?;
    Ok(())
}

#[tokio::test]
async fn a_link_to_the_gateways_own_name_is_followed_like_a_path() -> Result<()> {
    let wire = Wire::new().await?;
    let url = format!("http://{}/registry/crates/dl/x", wire.gateway.local_addr()?);
    let (_client, _gateway, head) = wire.send(&format!("GET {url} HTTP/1.1\nHost: x\n\n")).await?;
    assert!(head.starts_with("get /registry/crates/dl/x http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nauthorization: bearer cxr_secret\r\n"), "{head}");
    Ok(())
}

#[tokio::test]
async fn plain_http_elsewhere_is_shown_to_the_gateway_which_refuses_it() -> Result<()> {
    let wire = Wire::new().await?;
    let request = "GET http://example.test/x HTTP/1.1\nHost: example.test\nProxy-Connection: keep-alive\n\n";
    let (mut client, mut gateway, head) = wire.send(request).await?;
    assert!(head.starts_with("get http://example.test/x http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: basic ") && !head.contains("\r\nauthorization:"), "{head}");
    assert!(!head.contains("proxy-connection"), "{head}");
    gateway.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nuse https").await?;
    let answer = read_until(&mut client, "use https").await?;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_tunnel_is_asked_for_with_the_runs_credentials_and_carries_bytes() -> Result<()> {
    let wire = Wire::new().await?;
    let (mut client, mut gateway, head) =
        wire.send("CONNECT example.test:443 HTTP/1.1\nHost: example.test:443\n\n").await?;
    assert!(head.starts_with("connect example.test:443 http/1.1\r\n"), "{head}");
    let basic = "mdawmdawmdatmdawmc0wmdawltawmdatmdawmdawmdawmdawomn4cl9zzwnyzxq=";
    assert!(head.contains(&format!("\r\nproxy-authorization: basic {basic}\r\n")), "{head}");
    gateway.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await?;
    read_until(&mut client, "\r\n\r\nhello").await?;
    client.write_all(b"and back").await?;
    assert_eq!(read_until(&mut gateway, "and back").await?, "and back");
    drop(client);
    assert_eq!(gateway.read(&mut [0; 1]).await?, 0, "the gateway's end was not closed");
    Ok(())
}

#[tokio::test]
async fn a_tunnel_that_is_refused_and_a_gateway_that_is_gone_are_said() -> Result<()> {
    let wire = Wire::new().await?;
    let (mut client, mut gateway, _) =
        wire.send("CONNECT example.test:443 HTTP/1.1\nHost: example.test:443\n\n").await?;
    gateway.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 7\r\n\r\nno host").await?;
    let answer = read_until(&mut client, "no host").await?;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");

    let (mut client, gateway, _) = wire.send("GET /git/x HTTP/1.1\nHost: x\n\n").await?;
    drop(gateway);
    let answer = read_until(&mut client, "\r\n\r\n").await?;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    Ok(())
}
