//! Clients that go away in the middle of a request, which drops whatever the platform was doing for them.

use std::time::Duration;

use anyhow::{Result, ensure};
use rig::delivery::Delivery;
use rig::until;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::world::{LINES, POOL, World, acknowledged};

const CLIENTS: usize = 128;
const CLEAN: usize = 1000;
const WAITING_FOR_A_LOCK: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE application_name LIKE 'control-plane%' AND wait_event_type = 'Lock'";
const IDLE_IN_TRANSACTION: &str = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";

/// F-01. The statements are held up by a lock until every client has gone, so the requests are cut where a transaction
/// would be open.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_cost_nobody_a_delivery() -> Result<()> {
    let mut t = World::begin().await?;
    let mut lock = PgConnection::connect(&t.database).await?;
    lock.execute("BEGIN; LOCK TABLE webhook_deliveries IN SHARE MODE").await?;
    let mut clients = Vec::new();
    for (number, delivery) in t.deliveries("hung-up", CLIENTS).into_iter().enumerate() {
        let mut stream = TcpStream::connect(t.platform.gateway.address).await?;
        let request = raw(&delivery);
        // Every fourth goes away in the middle of its body, the others while their statement runs or waits to run.
        let sent = if number % 4 == 0 { request.len() / 2 } else { request.len() };
        stream.write_all(&request[..sent]).await?;
        clients.push(stream);
    }
    // Some of the pool's connections listen for wake-ups or look after readiness.
    let held = i64::from(POOL / 2);
    until("statements to wait for the lock", Duration::from_secs(10), async || {
        Ok(t.count(WAITING_FOR_A_LOCK).await? >= held)
    })
    .await?;
    let cut = t.count(WAITING_FOR_A_LOCK).await?;
    for client in clients {
        // A reset, as from a client that died; not the orderly end that a server might overlook.
        client.set_zero_linger()?;
        drop(client);
    }
    lock.execute("ROLLBACK").await?;
    let answers = t.send(t.deliveries("clean", CLEAN), LINES).await;
    let idle = t.count(IDLE_IN_TRANSACTION).await?;
    let rows = t.rows(&answers).await?;
    let (clean, hung_up) = (rows.iter().filter(|guid| guid.starts_with("clean-")).count(), rows.len());
    let accepted = acknowledged(&answers).count();
    println!(
        "F-01: {CLIENTS} clients hung up, {cut} of them inside a statement ({} stored); then {accepted} of {CLEAN} clean \
         deliveries were acknowledged, {clean} rows, {idle} connections idle in a transaction",
        hung_up - clean
    );
    ensure!((accepted, clean, idle) == (CLEAN, CLEAN, 0), "see the counts above");
    t.still_runs()
}

/// The request as it goes over the wire.
fn raw(delivery: &Delivery) -> Vec<u8> {
    let mut head = format!("POST {} HTTP/1.1\r\nhost: rig.test\r\n", delivery.path);
    for (name, value) in &delivery.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", delivery.body.len()));
    [head.as_bytes(), &delivery.body].concat()
}
