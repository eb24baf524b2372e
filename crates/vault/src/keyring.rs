//! Secrets at rest: each value is encrypted with a random key of its own, and that key with a named key of the platform
//! (AES-256-GCM both). Rotation therefore rewrites 60 bytes and never the data. Both layers are bound to the place the
//! value is stored at, so a row's secret cannot be moved to another row.
//!
//! Layout: `1 | length of the key id | key id | nonce, wrapped key (60 bytes) | nonce, ciphertext, tag`.

use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::{Aead, Generate, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const WRAPPED: usize = NONCE + 32 + 16;
const CANARY: &str = "codex-k8s";
const CANARY_PLACE: &str = "system_settings/canary/value";

/// The keys that secrets at rest are wrapped with. The first encrypts, all of them decrypt.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<Vec<(String, Aes256Gcm)>>,
}

/// An encrypted value with the id of the key it is wrapped with. Safe to store and to show.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// Why a list of keys was not accepted. No variant holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringProblem {
    /// The list has no entry.
    #[error("names no key; expected `id:base64` entries separated by commas, the current key first")]
    Empty,
    /// An entry (counted from 1) has no id of 1 to 32 letters, digits, `.`, `_` or `-` before a colon.
    #[error("entry {0} has no key id of 1 to 32 letters, digits, dots, dashes or underscores")]
    Id(usize),
    /// The key with this id is not 32 bytes in standard base64.
    #[error("the key {0} is not 32 bytes in base64")]
    Key(String),
    /// Two keys have this id.
    #[error("the key id {0} is given twice")]
    Duplicate(String),
}

/// Why a sealed value could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenProblem {
    /// The bytes are not a sealed value.
    #[error("not a sealed value")]
    Malformed,
    /// It is wrapped with a key that is not in the ring.
    #[error("sealed with the key {0}, which is not configured")]
    UnknownKey(String),
    /// Wrong key, wrong place, or changed bytes: which of them cannot be known.
    #[error("the sealed value does not belong to this key and place, or was changed")]
    Refused,
    /// A text was expected, but the value is not UTF-8.
    #[error("the sealed value is not text")]
    NotText,
}

/// The configured keys are not those the database was written with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the encryption keys do not fit this database")]
pub struct CanaryProblem(#[from] OpenProblem);

impl Sealed {
    /// What was stored. It is checked when it is opened.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id of the key it is wrapped with; `None` when this is no sealed value.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.parts().map(|parts| parts.id)
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let (&[version, length], rest) = self.0.split_first_chunk()?;
        let (id, rest) = rest.split_at_checked(usize::from(length))?;
        let (wrapped, data) = rest.split_at_checked(WRAPPED)?;
        (version == VERSION).then_some(Parts { id: std::str::from_utf8(id).ok()?, wrapped, data })
    }

    fn join(id: &str, wrapped: &[u8], data: &[u8]) -> Self {
        let length = u8::try_from(id.len()).unwrap_or_default();
        Self([&[VERSION, length], id.as_bytes(), wrapped, data].concat())
    }
}

struct Parts<'a> {
    id: &'a str,
    wrapped: &'a [u8],
    data: &'a [u8],
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes, key {:?})", self.0.len(), self.key_id())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

impl Keyring {
    /// Reads `id:base64` entries separated by commas, the current key first.
    ///
    /// # Errors
    /// The first thing that is wrong with the list.
    pub fn parse(list: &SecretString) -> Result<Self, KeyringProblem> {
        let mut keys: Vec<(String, Aes256Gcm)> = Vec::new();
        let entries = list.expose_secret().split(',').map(str::trim).filter(|entry| !entry.is_empty());
        for (index, entry) in entries.enumerate() {
            let (id, key) = entry.split_once(':').filter(|(id, _)| is_id(id)).ok_or(KeyringProblem::Id(index + 1))?;
            if keys.iter().any(|(known, _)| known == id) {
                return Err(KeyringProblem::Duplicate(id.to_owned()));
            }
            let bytes = Zeroizing::new(STANDARD.decode(key).map_err(|_| KeyringProblem::Key(id.to_owned()))?);
            let cipher = Aes256Gcm::new_from_slice(&bytes).map_err(|_| KeyringProblem::Key(id.to_owned()))?;
            keys.push((id.to_owned(), cipher));
        }
        if keys.is_empty() { Err(KeyringProblem::Empty) } else { Ok(Self { keys: Arc::new(keys) }) }
    }

    /// A new key in the form that [`Keyring::parse`] reads, for whoever sets a platform up.
    #[must_use]
    pub fn generate_entry(id: &str) -> SecretString {
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        format!("{id}:{}", STANDARD.encode(*key)).into()
    }

    /// Encrypts a value for one place, written as `table/row/column`.
    ///
    /// # Errors
    /// [`OpenProblem::Refused`] when the value is longer than the cipher can take (64 GiB).
    pub fn seal(&self, plaintext: &[u8], place: &str) -> Result<Sealed, OpenProblem> {
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        let data_cipher = Aes256Gcm::new_from_slice(key.as_slice()).map_err(|_| OpenProblem::Refused)?;
        let data = encrypt(&data_cipher, plaintext, &data_binding(place))?;
        let (id, cipher) = self.current()?;
        let wrapped = encrypt(cipher, key.as_slice(), &key_binding(id, place))?;
        Ok(Sealed::join(id, &wrapped, &data))
    }

    /// Decrypts a value that was sealed for the same place.
    ///
    /// # Errors
    /// Unknown key, wrong place, or bytes that are not what was sealed.
    pub fn open(&self, sealed: &Sealed, place: &str) -> Result<SecretSlice<u8>, OpenProblem> {
        let (key, data) = self.unwrap_key(sealed, place)?;
        let cipher = Aes256Gcm::new_from_slice(&key).map_err(|_| OpenProblem::Refused)?;
        decrypt(&cipher, data, &data_binding(place)).map(|mut plain| std::mem::take(&mut *plain).into())
    }

    /// Like [`Keyring::open`], for a value that was text.
    ///
    /// # Errors
    /// As [`Keyring::open`], and [`OpenProblem::NotText`].
    pub fn open_text(&self, sealed: &Sealed, place: &str) -> Result<SecretString, OpenProblem> {
        let plain = self.open(sealed, place)?;
        std::str::from_utf8(plain.expose_secret()).map(SecretString::from).map_err(|_| OpenProblem::NotText)
    }

    /// The same value wrapped with the current key, or `None` when it already is. The data is not touched.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn rewrap(&self, sealed: &Sealed, place: &str) -> Result<Option<Sealed>, OpenProblem> {
        let (key, data) = self.unwrap_key(sealed, place)?;
        let (id, cipher) = self.current()?;
        if sealed.key_id() == Some(id) {
            return Ok(None);
        }
        let wrapped = encrypt(cipher, &key, &key_binding(id, place))?;
        Ok(Some(Sealed::join(id, &wrapped, data)))
    }

    /// The value that a new database is marked with, so that a process with other keys can notice.
    ///
    /// # Errors
    /// As [`Keyring::seal`].
    pub fn canary(&self) -> Result<Sealed, OpenProblem> {
        self.seal(CANARY.as_bytes(), CANARY_PLACE)
    }

    /// Checks that the database was written with one of these keys. A process whose check fails must not serve.
    ///
    /// # Errors
    /// The mark cannot be opened.
    pub fn verify_canary(&self, canary: &Sealed) -> Result<(), CanaryProblem> {
        let text = self.open_text(canary, CANARY_PLACE)?;
        if text.expose_secret() == CANARY { Ok(()) } else { Err(OpenProblem::Refused.into()) }
    }

    fn current(&self) -> Result<(&str, &Aes256Gcm), OpenProblem> {
        self.keys.first().map(|(id, cipher)| (id.as_str(), cipher)).ok_or(OpenProblem::Malformed)
    }

    fn unwrap_key<'s>(&self, sealed: &'s Sealed, place: &str) -> Result<(Zeroizing<Vec<u8>>, &'s [u8]), OpenProblem> {
        let parts = sealed.parts().ok_or(OpenProblem::Malformed)?;
        let known = self.keys.iter().find(|(id, _)| id == parts.id);
        let (id, cipher) = known.ok_or_else(|| OpenProblem::UnknownKey(parts.id.to_owned()))?;
        Ok((decrypt(cipher, parts.wrapped, &key_binding(id, place))?, parts.data))
    }
}

fn is_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn data_binding(place: &str) -> Vec<u8> {
    [b"codex-k8s value\0", place.as_bytes()].concat()
}

fn key_binding(id: &str, place: &str) -> Vec<u8> {
    [b"codex-k8s key\0", id.as_bytes(), b"\0", place.as_bytes()].concat()
}

fn encrypt(cipher: &Aes256Gcm, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, OpenProblem> {
    let nonce = Nonce::<Aes256Gcm>::generate();
    let payload = Payload { msg: plaintext, aad };
    let ciphertext = cipher.encrypt(&nonce, payload).map_err(|_| OpenProblem::Refused)?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn decrypt(cipher: &Aes256Gcm, bytes: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenProblem> {
    let (nonce, msg) = bytes.split_first_chunk::<NONCE>().ok_or(OpenProblem::Malformed)?;
    let plain = cipher.decrypt(&(*nonce).into(), Payload { msg, aad }).map_err(|_| OpenProblem::Refused)?;
    Ok(Zeroizing::new(plain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: &str = "repositories/7/token";

    fn new_ring(ids: &[&str]) -> (Keyring, Vec<SecretString>) {
        let entries: Vec<_> = ids.iter().map(|id| Keyring::generate_entry(id)).collect();
        (joined(&entries), entries)
    }

    fn joined(entries: &[SecretString]) -> Keyring {
        let list = entries.iter().map(|entry| entry.expose_secret()).collect::<Vec<_>>().join(", ");
        Keyring::parse(&list.into()).unwrap()
    }

    proptest! {
        #[test]
        fn a_flipped_bit_anywhere_is_noticed(value in prop::collection::vec(any::<u8>(), 0..64), at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let (ring, _) = new_ring(&["k1"]);
            let sealed = ring.seal(&value, PLACE).unwrap();
            let opened = ring.open(&sealed, PLACE).unwrap();
            prop_assert_eq!(opened.expose_secret(), value.as_slice());
            let mut bytes = sealed.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(ring.open(&Sealed::from_bytes(bytes), PLACE).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(new_ring(&["k1"]).0.open(&Sealed::from_bytes(bytes), PLACE).is_err());
        }
    }

    #[test]
    fn another_place_or_another_key_is_refused() {
        let (ring, _) = new_ring(&["k1"]);
        let sealed = ring.seal(b"ghp_x", PLACE).unwrap();
        assert_eq!(ring.open(&sealed, "repositories/8/token").unwrap_err(), OpenProblem::Refused);
        let (same_id, _) = new_ring(&["k1"]);
        assert_eq!(same_id.open(&sealed, PLACE).unwrap_err(), OpenProblem::Refused);
        let (other_id, _) = new_ring(&["k2"]);
        assert_eq!(other_id.open(&sealed, PLACE).unwrap_err(), OpenProblem::UnknownKey("k1".to_owned()));
    }

    #[test]
    fn rotation_changes_the_wrapped_key_and_not_the_data() {
        let (old, mut entries) = new_ring(&["k1"]);
        let sealed = old.seal(b"ghp_x", PLACE).unwrap();
        entries.insert(0, Keyring::generate_entry("k2"));
        let both = joined(&entries);
        let moved = both.rewrap(&sealed, PLACE).unwrap().unwrap();
        assert_eq!(moved.key_id(), Some("k2"));
        assert_eq!(moved.parts().unwrap().data, sealed.parts().unwrap().data);
        assert_eq!(both.rewrap(&moved, PLACE).unwrap(), None);
        let only_new = joined(&entries[..1]);
        assert_eq!(only_new.open_text(&moved, PLACE).unwrap().expose_secret(), "ghp_x");
        assert!(both.rewrap(&sealed, "elsewhere").is_err());
    }

    #[test]
    fn the_canary_knows_its_keys() {
        let (ring, _) = new_ring(&["k1"]);
        let canary = ring.canary().unwrap();
        assert!(ring.verify_canary(&canary).is_ok());
        assert!(new_ring(&["k1"]).0.verify_canary(&canary).is_err());
    }

    #[test]
    fn bad_lists_are_named_without_quoting_keys() {
        let problem = |list: &str| Keyring::parse(&list.to_owned().into()).unwrap_err();
        assert_eq!(problem(" ,"), KeyringProblem::Empty);
        assert_eq!(problem("c2VjcmV0"), KeyringProblem::Id(1));
        assert_eq!(problem("k1:c2VjcmV0"), KeyringProblem::Key("k1".to_owned()));
        let entry = Keyring::generate_entry("k1");
        let twice = format!("{0},{0}", entry.expose_secret());
        assert_eq!(problem(&twice), KeyringProblem::Duplicate("k1".to_owned()));
    }
}
