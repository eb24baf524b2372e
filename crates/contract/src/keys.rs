//! Ed25519 keys as PEM text, each with an id of its own: the beginning of the SHA-256 of the public key. Nobody has to
//! configure a key id, and a verifier cannot be told that one key is another.

use std::collections::BTreeMap;

use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey};
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const END: &str = "-----END PUBLIC KEY-----";

/// Why a key could not be read. The text of the key is in no variant.
#[derive(Debug, thiserror::Error)]
pub enum KeyProblem {
    /// Not an Ed25519 private key in PKCS#8 PEM.
    #[error("not an Ed25519 private key in PKCS#8 PEM")]
    Private,
    /// Not an Ed25519 public key in SPKI PEM.
    #[error("not an Ed25519 public key in SPKI PEM")]
    Public,
    /// The text holds no key at all.
    #[error("no public key given")]
    NoKeys,
}

/// A private key that signs tokens, with the id its tokens quote.
#[derive(Clone)]
pub struct SignatureKey {
    id: String,
    encoding: EncodingKey,
    public: VerifyingKey,
}

impl SignatureKey {
    /// Reads one PKCS#8 PEM block.
    ///
    /// # Errors
    /// [`KeyProblem::Private`] when the text is anything else.
    pub fn from_pem(pem: &SecretString) -> Result<Self, KeyProblem> {
        let key = SigningKey::from_pkcs8_pem(pem.expose_secret().trim()).map_err(|_| KeyProblem::Private)?;
        let document = key.to_pkcs8_der().map_err(|_| KeyProblem::Private)?;
        let public = key.verifying_key();
        Ok(Self { id: key_id(&public), encoding: EncodingKey::from_ed_der(document.as_bytes()), public })
    }

    /// The same key under a name that somebody chose, for tokens whose key id is configured.
    #[must_use]
    pub fn named(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// The id that tokens quote as `kid`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    /// Its public half, the only key that verifies what this one signs.
    #[must_use]
    pub fn public_keys(&self) -> PublicKeys {
        PublicKeys(BTreeMap::from([(self.id.clone(), decoding(&self.public))]))
    }

    /// Signs claims as a JWT with this key's id.
    ///
    /// # Errors
    /// When the claims cannot be written as JSON.
    pub fn sign<C: serde::Serialize>(&self, claims: &C) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, self.encoding())
    }
}

impl std::fmt::Debug for SignatureKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignatureKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Public keys by id. While a key is rotated there are two.
#[derive(Clone)]
pub struct PublicKeys(BTreeMap<String, DecodingKey>);

impl PublicKeys {
    /// Reads one or more SPKI PEM blocks, one after the other.
    ///
    /// # Errors
    /// [`KeyProblem`] when there is no key or one is not Ed25519.
    pub fn from_pem(text: &str) -> Result<Self, KeyProblem> {
        let mut keys = BTreeMap::new();
        for block in text.split_inclusive(END).map(str::trim).filter(|block| !block.is_empty()) {
            let key = VerifyingKey::from_public_key_pem(block).map_err(|_| KeyProblem::Public)?;
            keys.insert(key_id(&key), decoding(&key));
        }
        if keys.is_empty() { Err(KeyProblem::NoKeys) } else { Ok(Self(keys)) }
    }

    /// Checks signature, algorithm (EdDSA and nothing else) and audience and issuer, which both must be there.
    /// Times are the caller's: claims of this project are judged by a clock that tests can shift.
    ///
    /// # Errors
    /// When anything of it is not as it must be; the reason is for logs, not for the one who asked.
    pub fn verify<C: serde::de::DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
        issuer: &str,
    ) -> Result<C, jsonwebtoken::errors::Error> {
        let kid = jsonwebtoken::decode_header(token)?.kid;
        let key = kid.and_then(|kid| self.0.get(&kid)).ok_or(jsonwebtoken::errors::ErrorKind::InvalidEddsaKey)?;
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
        rules.validate_exp = false;
        rules.set_audience(&[audience]);
        rules.set_issuer(&[issuer]);
        rules.set_required_spec_claims(&["aud", "iss", "exp"]);
        Ok(jsonwebtoken::decode(token, key, &rules)?.claims)
    }
}

impl std::fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn key_id(key: &VerifyingKey) -> String {
    hex::encode(&Sha256::digest(key.as_bytes())[..8])
}

fn decoding(key: &VerifyingKey) -> DecodingKey {
    DecodingKey::from_ed_der(key.as_bytes())
}
