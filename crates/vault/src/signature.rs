//! Proof that a webhook came from GitHub: HMAC-SHA-256 over the body's raw bytes.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureProblem {
    /// There is no `X-Hub-Signature-256` header.
    #[error("the request carries no SHA-256 signature")]
    Missing,
    /// The header is not `sha256=` and 64 lower-case hex digits.
    #[error("the signature is malformed")]
    Malformed,
    /// No secret that is valid now made this signature.
    #[error("the signature does not fit the body")]
    Mismatch,
}

/// Checks the value of `X-Hub-Signature-256` against every secret that is valid now (two during a rotation). The time
/// taken does not depend on which secret fits, nor on where a wrong signature differs.
///
/// # Errors
/// The signature is missing, malformed or of nobody we know. With no secret configured nothing is believed.
pub fn verify_github_signature(
    header: Option<&str>,
    body: &[u8],
    secrets: &[SecretString],
) -> Result<(), SignatureProblem> {
    let digits = header.ok_or(SignatureProblem::Missing)?.strip_prefix("sha256=").ok_or(SignatureProblem::Malformed)?;
    let mut signature = [0; 32];
    let lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    hex::decode_to_slice(digits, &mut signature).ok().filter(|()| lower).ok_or(SignatureProblem::Malformed)?;
    let fits = |secret: &SecretString| {
        let key = secret.expose_secret().as_bytes();
        Hmac::<Sha256>::new_from_slice(key)
            .is_ok_and(|mac| !key.is_empty() & mac.chain_update(body).verify_slice(&signature).is_ok())
    };
    let believed = secrets.iter().fold(false, |believed, secret| believed | fits(secret));
    if believed { Ok(()) } else { Err(SignatureProblem::Mismatch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const BODY: &[u8] = b"Hello, World!";

    fn check(header: Option<&str>, body: &[u8], secrets: &[&str]) -> Result<(), SignatureProblem> {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        verify_github_signature(header, body, &secrets)
    }

    #[test]
    fn either_of_two_secrets_is_enough() {
        let secret = "It's a Secret to Everybody";
        assert_eq!(check(Some(SIGNED), BODY, &[secret]), Ok(()));
        assert_eq!(check(Some(SIGNED), BODY, &["new", secret]), Ok(()));
        assert_eq!(check(Some(SIGNED), BODY, &[secret, "old"]), Ok(()));
    }

    #[test]
    fn everything_else_is_refused_for_its_reason() {
        let secret = "It's a Secret to Everybody";
        let table = [
            (None, SignatureProblem::Missing),
            (Some(""), SignatureProblem::Malformed),
            (Some("sha1=757107ea0eb2509fc211221cce984b8a37570b6d"), SignatureProblem::Malformed),
            (Some(&SIGNED[..70]), SignatureProblem::Malformed),
            (Some(&SIGNED[7..]), SignatureProblem::Malformed),
            (
                Some("sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17"),
                SignatureProblem::Malformed,
            ),
            (
                Some("sha256=057107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
                SignatureProblem::Mismatch,
            ),
        ];
        for (header, problem) in table {
            assert_eq!(check(header, BODY, &[secret]), Err(problem), "{header:?}");
        }
        assert_eq!(check(Some(SIGNED), b"Hello, World?", &[secret]), Err(SignatureProblem::Mismatch));
        assert_eq!(check(Some(SIGNED), BODY, &[]), Err(SignatureProblem::Mismatch));
    }

    #[test]
    fn an_empty_secret_proves_nothing() {
        let mac = Hmac::<Sha256>::new_from_slice(b"").unwrap().chain_update(BODY).finalize().into_bytes();
        let header = format!("sha256={}", hex::encode(mac));
        assert_eq!(check(Some(&header), BODY, &[""]), Err(SignatureProblem::Mismatch));
    }
}
