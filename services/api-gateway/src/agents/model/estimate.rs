//! What a call is charged with when its stream ended without saying what it used.
//!
//! Four bytes a token is the provider's own rule of thumb for English; code and JSON are a little denser, so this
//! rather charges too much than too little for plain text.

const BYTES_PER_TOKEN: u64 = 4;

/// Tokens in so many bytes of text, at least one.
pub(super) fn tokens(bytes: u64) -> i64 {
    i64::try_from(bytes.div_ceil(BYTES_PER_TOKEN).max(1)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn never_free() {
        assert_eq!([0, 1, 4, 5, 400].map(super::tokens), [1, 1, 1, 2, 100]);
    }
}
