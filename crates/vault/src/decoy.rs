//! A credential that opens nothing. Each run gets one of its own in a file that nobody has to read; where it turns up, an
//! agent carried away what it found ([`Lookout`] recognises it).

use std::fmt;

use rand::Rng;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret, SecretString};

use crate::lookout::Lookout;

const PREFIX: &str = "AKIA";
const ID_LENGTH: usize = 20;
const KEY_LENGTH: usize = 40;
const ID_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters that no escape (`%4b`, `\n`, `\u004b`) can take away from the front of the key.
const FIRST_LETTERS: &[u8] = b"GHJKLMPQSVWYZghjklmpqsvwyz";

/// The access key of a cloud account that does not exist. It looks like AWS's, and like none that is in use: the profile
/// has a name, so that no client takes it by itself.
#[derive(Clone)]
pub struct Decoy {
    id: SecretString,
    key: SecretString,
}

impl Decoy {
    /// Where it lies, below the home of the agent's user.
    pub const PLACE: &str = ".aws/credentials";

    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = rand::rng();
        let mut pick = |letters: &[u8]| char::from(letters[random.random_range(..letters.len())]);
        let id: String = PREFIX.chars().chain((PREFIX.len()..ID_LENGTH).map(|_| pick(ID_LETTERS))).collect();
        let first = pick(FIRST_LETTERS);
        // Letters and digits alone, so that no encoding for addresses, shells or JSON changes it.
        let rest = rand::rng().sample_iter(Alphanumeric).take(KEY_LENGTH - 1).map(char::from);
        let key: String = std::iter::once(first).chain(rest).collect();
        Self { id: id.into(), key: key.into() }
    }

    /// One from its text form; `None` when it does not have the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, key) = text.split_once(':')?;
        let is_plain = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_one = id.starts_with(PREFIX) && is_plain(id, ID_LENGTH) && is_plain(key, KEY_LENGTH);
        is_one.then(|| Self { id: id.into(), key: key.into() })
    }

    /// Its text form, for whoever keeps it or hands it on.
    #[must_use]
    pub fn text(&self) -> SecretString {
        format!("{}:{}", self.id.expose_secret(), self.key.expose_secret()).into()
    }

    /// What the file holds.
    #[must_use]
    pub fn file(&self) -> SecretString {
        let (id, key) = (self.id.expose_secret(), self.key.expose_secret());
        format!("[production]\naws_access_key_id = {id}\naws_secret_access_key = {key}\n").into()
    }

    /// What finds it again in what the agent says.
    #[must_use]
    pub fn lookout(&self) -> Lookout {
        Lookout::for_values(&[self.id.expose_secret(), self.key.expose_secret()])
    }
}

impl fmt::Debug for Decoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Redactor;

    #[test]
    fn each_is_another_and_survives_its_text_form() {
        let (one, other) = (Decoy::generate(), Decoy::generate());
        assert_ne!(one.text().expose_secret(), other.text().expose_secret());
        let read = Decoy::parse(one.text().expose_secret()).unwrap();
        assert_eq!(read.file().expose_secret(), one.file().expose_secret());
        assert_eq!(format!("{one:?}"), "Decoy");
        for text in ["", ":", "AKIA:x", &format!("{}x", one.text().expose_secret())] {
            assert!(Decoy::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_redacted_on_its_way_still_shows_it() {
        let decoy = Decoy::generate();
        let said = Redactor::default().with_addresses().redact(decoy.file().expose_secret()).into_owned();
        assert!(decoy.lookout().find(said.as_bytes()).is_some(), "{said}");
    }
}
