//! Values of secrets that the platform makes for applications: made up, or following from names under a key of their own.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

const BYTES: usize = 32;

/// What values are derived with. Another key is another value for every name, so it is never rotated by itself.
#[derive(Clone)]
pub struct DerivationKey(Hmac<Sha256>);

/// Why a text was not accepted as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not {BYTES} bytes in base64")]
pub struct DerivationKeyProblem;

impl DerivationKey {
    /// Reads a key of 32 bytes in standard base64.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &SecretString) -> Result<Self, DerivationKeyProblem> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose_secret().trim()).map_err(|_| DerivationKeyProblem)?);
        if bytes.len() != BYTES {
            return Err(DerivationKeyProblem);
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| DerivationKeyProblem)
    }

    /// A new key in the form that [`DerivationKey::parse`] reads, for whoever sets a platform up.
    #[must_use]
    pub fn generate() -> SecretString {
        STANDARD.encode(*Zeroizing::new(rand::random::<[u8; BYTES]>())).into()
    }

    /// The value that follows from these names, in this order: 43 characters of base64 without padding.
    #[must_use]
    pub fn value(&self, names: &[&str]) -> SecretString {
        let mac = names.iter().fold(self.0.clone(), |mac, name| {
            // The length keeps `a`, `bc` and `ab`, `c` apart.
            mac.chain_update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes()).chain_update(name)
        });
        let bytes: Zeroizing<[u8; BYTES]> = Zeroizing::new(mac.finalize().into_bytes().into());
        URL_SAFE_NO_PAD.encode(*bytes).into()
    }
}

impl fmt::Debug for DerivationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivationKey")
    }
}

/// A value that nobody can guess: 256 random bits as 43 characters of base64 without padding.
#[must_use]
pub fn random_value() -> SecretString {
    URL_SAFE_NO_PAD.encode(*Zeroizing::new(rand::random::<[u8; BYTES]>())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> DerivationKey {
        DerivationKey::parse(&STANDARD.encode([7_u8; BYTES]).into()).unwrap()
    }

    fn value(names: &[&str]) -> String {
        key().value(names).expose_secret().to_owned()
    }

    #[test]
    fn a_value_follows_from_all_names_and_from_the_key() {
        assert_eq!(value(&["p", "staging", "KEY"]), value(&["p", "staging", "KEY"]));
        assert_eq!(value(&["p"]).len(), 43);
        let others: [&[&str]; 5] = [&["q", "staging", "KEY"], &["pstaging", "KEY"], &["p", "stagingKEY"], &["p"], &[]];
        for names in others {
            assert_ne!(value(names), value(&["p", "staging", "KEY"]), "{names:?}");
        }
        let other = DerivationKey::parse(&DerivationKey::generate()).unwrap();
        assert_ne!(other.value(&["p"]).expose_secret(), value(&["p"]));
        assert_eq!(format!("{:?}", key()), "DerivationKey");
    }

    #[test]
    fn the_value_is_hmac_sha_256_over_length_and_text_of_each_name() {
        let mut bytes = Vec::new();
        for name in ["project", "NAME"] {
            bytes.extend((name.len() as u64).to_be_bytes());
            bytes.extend(name.as_bytes());
        }
        let mac = Hmac::<Sha256>::new_from_slice(&[7; BYTES]).unwrap().chain_update(&bytes);
        assert_eq!(value(&["project", "NAME"]), URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    }

    #[test]
    fn what_is_no_key_is_refused_and_no_two_random_values_are_equal() {
        for text in ["", "short", &STANDARD.encode([7_u8; 31]), &STANDARD.encode([7_u8; 33])] {
            assert!(DerivationKey::parse(&text.to_owned().into()).is_err(), "{text}");
        }
        let (one, other) = (random_value(), random_value());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(one.expose_secret().len(), 43);
    }
}
