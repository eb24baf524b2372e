//! Proof that the pod has no way out but the gateway, made before anything is fetched.
//!
//! A connection that fails proves nothing by itself: the network may be down, or the pod's address not known to the
//! enforcer yet. So one round counts only when every probe fails while the gateway answers. The probes are things
//! that do answer from elsewhere: the API server and the platform's canary.

use std::{net::SocketAddr, time::Duration};

use futures::future::join_all;
use tokio::{net::TcpStream, time::timeout};

/// A packet that a policy drops shows only as silence; what listens one hop away answers well within this.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1500);
/// Between two rounds: policies need a moment to reach a new pod.
const PAUSE: Duration = Duration::from_millis(500);

/// What one probe saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Refused, unreachable or silent.
    Closed,
    /// Something accepted the connection.
    Connected,
}

/// One round: all probes and the gateway at the same time.
#[derive(Debug, Clone)]
pub struct Round {
    /// Whether the gateway gave any HTTP answer.
    pub gateway_answered: bool,
    /// Each probe with what it saw.
    pub probes: Vec<(SocketAddr, Seen)>,
}

/// What a round, or a series of them, proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Egress is closed.
    Closed,
    /// These answered although they must not.
    Open(Vec<SocketAddr>),
    /// The gateway was silent, so that silent probes prove nothing.
    GatewaySilent,
}

/// Judges one round.
#[must_use]
pub fn judge(round: &Round) -> Verdict {
    let open: Vec<_> =
        round.probes.iter().filter(|(_, seen)| *seen == Seen::Connected).map(|(address, _)| *address).collect();
    match (open.is_empty(), round.gateway_answered) {
        (false, _) => Verdict::Open(open),
        (true, false) => Verdict::GatewaySilent,
        (true, true) => Verdict::Closed,
    }
}

/// Repeats rounds until one proves that egress is closed, or `wait` is over; then the last verdict stands.
pub async fn wait_until_closed(
    probes: &[SocketAddr],
    gateway_answers: impl AsyncFn() -> bool,
    wait: Duration,
) -> Verdict {
    let deadline = tokio::time::Instant::now() + wait;
    loop {
        let (seen, gateway_answered) =
            tokio::join!(join_all(probes.iter().map(|address| probe(*address))), gateway_answers());
        let verdict = judge(&Round { gateway_answered, probes: probes.iter().copied().zip(seen).collect() });
        if verdict == Verdict::Closed || tokio::time::Instant::now() + PAUSE >= deadline {
            return verdict;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn probe(address: SocketAddr) -> Seen {
    match timeout(PROBE_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Seen::Connected,
        Ok(Err(_)) | Err(_) => Seen::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn only_silence_beside_an_answering_gateway_proves_it() {
        use Seen::{Closed, Connected};
        let cases = [
            (true, [Closed, Closed], Verdict::Closed),
            (false, [Closed, Closed], Verdict::GatewaySilent),
            (true, [Closed, Connected], Verdict::Open(vec![address(2)])),
            (false, [Connected, Connected], Verdict::Open(vec![address(1), address(2)])),
        ];
        for (gateway_answered, [first, second], verdict) in cases {
            let round = Round { gateway_answered, probes: vec![(address(1), first), (address(2), second)] };
            assert_eq!(judge(&round), verdict, "{round:?}");
        }
    }

    #[tokio::test]
    async fn a_listener_that_answers_is_open_and_one_that_is_gone_is_closed() {
        let listener = tokio::net::TcpListener::bind(address(0)).await.unwrap();
        let open = listener.local_addr().unwrap();
        assert_eq!(wait_until_closed(&[open], async || true, Duration::ZERO).await, Verdict::Open(vec![open]));
        drop(listener);
        assert_eq!(wait_until_closed(&[open], async || true, Duration::ZERO).await, Verdict::Closed);
        assert_eq!(wait_until_closed(&[open], async || false, Duration::ZERO).await, Verdict::GatewaySilent);
    }

    #[tokio::test]
    async fn a_policy_that_comes_late_is_waited_for() {
        let listener = tokio::net::TcpListener::bind(address(0)).await.unwrap();
        let open = listener.local_addr().unwrap();
        let late = std::sync::Mutex::new(Some(listener));
        let rounds = std::sync::atomic::AtomicUsize::new(0);
        let gateway = async || {
            if rounds.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 {
                late.lock().unwrap().take();
            }
            true
        };
        assert_eq!(wait_until_closed(&[open], gateway, Duration::from_secs(20)).await, Verdict::Closed);
    }
}
