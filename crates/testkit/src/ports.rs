//! Ports for programs that have to be told theirs before they start.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// They lie below those that the system gives to whoever asks for any (on Linux from 32768): of these, each connection
/// that is made takes one, maybe before the program does.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;
static ASKED: AtomicU16 = AtomicU16::new(0);

/// A port of the loopback interface that nobody listens on.
///
/// # Errors
/// When there is none left.
pub fn free_port() -> Result<u16> {
    // Processes of tests begin at different places.
    let begin = u16::try_from(std::process::id().wrapping_mul(61) % u32::from(COUNT))?;
    for _ in 0..COUNT {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (begin + asked) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("every port of the loopback interface from {FIRST} on is taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_a_port_that_is_taken_or_was_just_given() -> Result<()> {
        let taken = TcpListener::bind(("127.0.0.1", free_port()?))?.local_addr()?.port();
        let _held = TcpListener::bind(("127.0.0.1", taken))?;
        let (one, other) = (free_port()?, free_port()?);
        assert!(one != other && one != taken && other != taken, "{taken} {one} {other}");
        Ok(())
    }
}
