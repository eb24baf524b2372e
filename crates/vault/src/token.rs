//! Bearer tokens of our own: 256 random bits behind a prefix that says what they open. The database keeps only a hash.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const BYTES: usize = 32;

/// What a token opens.
pub trait TokenKind {
    /// What every token of this kind begins with.
    const PREFIX: &'static str;
}

/// Marks the token of one launch of one run.
#[derive(Debug, Clone, Copy)]
pub enum Run {}

/// Marks the secret of one signed-in browser.
#[derive(Debug, Clone, Copy)]
pub enum Session {}

/// Marks the secret of one try to ask somebody through a channel.
#[derive(Debug, Clone, Copy)]
pub enum Callback {}

/// Marks what a system of others asks people with.
#[derive(Debug, Clone, Copy)]
pub enum Integration {}

impl TokenKind for Run {
    const PREFIX: &'static str = "cxr_";
}

impl TokenKind for Session {
    const PREFIX: &'static str = "cxs_";
}

impl TokenKind for Callback {
    const PREFIX: &'static str = "cxc_";
}

impl TokenKind for Integration {
    const PREFIX: &'static str = "cxi_";
}

/// A bearer token. It cannot be printed or compared; look it up by [`Token::hash`].
pub struct Token<K> {
    value: SecretString,
    kind: PhantomData<fn() -> K>,
}

/// What an agent's pod proves itself with; one per launch.
pub type RunToken = Token<Run>;

/// What a browser's refresh cookie holds; one per sign-in.
pub type SessionSecret = Token<Session>;

/// What a channel calls back with; one per try.
pub type CallbackSecret = Token<Callback>;

/// What a system of others asks people with; one per integration.
pub type IntegrationToken = Token<Integration>;

impl<K: TokenKind> Token<K> {
    /// A new token.
    #[must_use]
    pub fn generate() -> Self {
        let random = zeroize::Zeroizing::new(rand::random::<[u8; BYTES]>());
        Self::of(format!("{}{}", K::PREFIX, URL_SAFE_NO_PAD.encode(*random)))
    }

    /// A token that somebody presented; `None` when it does not have the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let random = URL_SAFE_NO_PAD.decode(text.strip_prefix(K::PREFIX)?).ok()?;
        (random.len() == BYTES).then(|| Self::of(text.to_owned()))
    }

    /// What is stored and looked up: SHA-256 of the whole token. A plain hash is enough for 256 random bits.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.expose().as_bytes()).into()
    }

    /// The token itself, for the one place that hands it over.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    fn of(value: String) -> Self {
        Self { value: value.into(), kind: PhantomData }
    }
}

impl<K> Clone for Token<K> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), kind: PhantomData }
    }
}

impl<K: TokenKind> fmt::Debug for Token<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[redacted]", K::PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_form_and_is_not_printed() {
        let token = RunToken::generate();
        let read = RunToken::parse(token.expose()).unwrap();
        assert_eq!(read.hash(), token.hash());
        assert_ne!(RunToken::generate().hash(), token.hash());
        assert_eq!(format!("{token:?}"), "cxr_[redacted]");
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let token = RunToken::generate();
        for text in ["", "cxr_", "cxr_abc", &token.expose()[4..], &format!("{}A", token.expose())] {
            assert!(RunToken::parse(text).is_none(), "{text}");
        }
        assert!(SessionSecret::parse(token.expose()).is_none());
    }
}
