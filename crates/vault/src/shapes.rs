//! What secrets look like that nobody told us: tokens with a known prefix, JSON web tokens, private keys, and people's
//! e-mail addresses. Each shape decides from a bounded number of bytes, so that a stream never has to hold back more.

/// What the bytes seen so far say about one place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing of this shape begins here.
    No,
    /// The next bytes decide.
    Unknown,
    /// A secret begins here and goes on while [`Run::covers`].
    Open,
    /// A secret of this many bytes begins here.
    Closed(usize),
}

/// One shape.
pub(crate) struct Shape {
    /// What it begins with; empty when only the verdict can tell.
    pub(crate) prefix: &'static [u8],
    /// Whether it begins only where a word begins.
    at_word: bool,
    verdict: fn(&[u8]) -> Verdict,
    body: fn(u8) -> bool,
}

/// How many bytes before a place can matter to it: a JSON escape such as `\u001b`.
pub(crate) const CONTEXT: usize = 6;

const LONGEST_HEADER: usize = 400;
const LONGEST_LOCAL: usize = 64;
const LONGEST_HOST: usize = 255;
const LONGEST_TITLE: usize = 64;

/// A token's body, with the prefix, so that names which merely begin like a token stay.
const SHORTEST_TOKEN: usize = 20;

const fn token(prefix: &'static [u8], at_word: bool) -> Shape {
    Shape { prefix, at_word, verdict: long_enough, body: in_token }
}

/// Tokens and keys, which are secret wherever they stand.
pub(crate) static CREDENTIALS: &[Shape] = &[
    token(b"ghp_", false),
    token(b"gho_", false),
    token(b"ghu_", false),
    token(b"ghs_", false),
    token(b"ghr_", false),
    token(b"github_pat_", false),
    token(b"glpat-", false),
    token(b"cxr_", false),
    token(b"cxs_", false),
    token(b"cxc_", false),
    token(b"cxi_", false),
    Shape { prefix: b"sk-", at_word: true, verdict: mixed, body: in_token },
    token(b"xoxb-", true),
    token(b"xoxp-", true),
    token(b"AKIA", true),
    Shape { prefix: b"eyJ", at_word: false, verdict: json_web_token, body: in_json_web_token },
    Shape { prefix: FRAME, at_word: false, verdict: private_key, body: in_private_key },
];

/// People's addresses, which are taken out of what other people see.
pub(crate) static ADDRESSES: &[Shape] = &[Shape { prefix: b"", at_word: false, verdict: address, body: in_local }];

const FRAME: &[u8] = b"-----BEGIN ";

impl Shape {
    /// Whether this shape begins at the start of `rest`, after `before` (at most [`CONTEXT`] bytes of it).
    pub(crate) fn at(&self, before: &[u8], rest: &[u8]) -> Verdict {
        if !rest.starts_with(self.prefix) {
            return if self.prefix.starts_with(rest) && self.may_begin(before) {
                Verdict::Unknown
            } else {
                Verdict::No
            };
        }
        if self.may_begin(before) { (self.verdict)(rest) } else { Verdict::No }
    }

    fn may_begin(&self, before: &[u8]) -> bool {
        if self.prefix.is_empty() {
            // The letter of a JSON escape belongs to the escape.
            return before.last().is_none_or(|&byte| byte != b'\\' && (!in_local(byte) || ends_in_escape(before)))
                && !inside_unicode_escape(before);
        }
        !self.at_word || before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric()) || ends_in_escape(before)
    }
}

/// A secret that goes on: how far it reaches is known only as its bytes come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    prefix: &'static [u8],
    body: fn(u8) -> bool,
    dashes: u8,
    fences: u8,
}

impl Run {
    pub(crate) fn of(shape: &Shape) -> Self {
        Self { prefix: shape.prefix, body: shape.body, dashes: 0, fences: 0 }
    }

    pub(crate) fn is_of(&self, shape: &Shape) -> bool {
        self.prefix == shape.prefix
    }

    /// Whether the next byte still belongs to the secret. A private key ends with its fourth `-----`.
    pub(crate) fn covers(&mut self, byte: u8) -> bool {
        if self.fences == 4 {
            return false;
        }
        if self.prefix == FRAME {
            self.dashes = if byte == b'-' { self.dashes + 1 } else { 0 };
            if self.dashes == 5 {
                self.dashes = 0;
                self.fences += 1;
            }
        }
        (self.body)(byte)
    }
}

fn ends_in_escape(before: &[u8]) -> bool {
    match before {
        [.., b'\\', letter] => b"nrtbf".contains(letter),
        [b'\\', b'u', digits @ ..] => digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

fn inside_unicode_escape(before: &[u8]) -> bool {
    let begin = before.windows(2).rposition(|pair| pair == b"\\u");
    begin.is_some_and(|at| {
        let digits = &before[at + 2..];
        digits.len() < 4 && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn long_enough(rest: &[u8]) -> Verdict {
    match rest.iter().take(SHORTEST_TOKEN).take_while(|byte| in_token(**byte)).count() {
        SHORTEST_TOKEN => Verdict::Open,
        all if all == rest.len() => Verdict::Unknown,
        _ => Verdict::No,
    }
}

/// For a prefix that ordinary names have too: random text holds digits or capitals, `sk-folding-cube-container` does not.
fn mixed(rest: &[u8]) -> Verdict {
    let random = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    match long_enough(rest) {
        Verdict::Open if !rest[..SHORTEST_TOKEN].iter().any(random) => Verdict::No,
        verdict => verdict,
    }
}

fn in_json_web_token(byte: u8) -> bool {
    in_token(byte) || byte == b'.'
}

/// Header and payload are JSON objects, and both begin with `eyJ` in base64.
fn json_web_token(rest: &[u8]) -> Verdict {
    let header = rest.iter().take(LONGEST_HEADER).take_while(|byte| in_token(**byte)).count();
    let after = &rest[header..];
    match header {
        LONGEST_HEADER => Verdict::No,
        _ if after.starts_with(b".eyJ") => Verdict::Open,
        _ if b".eyJ".starts_with(after) => Verdict::Unknown,
        _ => Verdict::No,
    }
}

fn in_private_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=-\\:,".contains(&byte)
}

fn private_key(rest: &[u8]) -> Verdict {
    const LAST: &[u8] = b"PRIVATE KEY-----";
    let allowed = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b' ' || **byte == b'-';
    let title = &rest[FRAME.len()..];
    let title = &title[..title.iter().take(LONGEST_TITLE).take_while(allowed).count()];
    if title.windows(LAST.len()).any(|window| window == LAST) {
        return Verdict::Open;
    }
    let goes_on = FRAME.len() + title.len() == rest.len() && title.len() < LONGEST_TITLE;
    if goes_on { Verdict::Unknown } else { Verdict::No }
}

fn in_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+'-".contains(&byte)
}

fn in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}

/// `somebody@some.domain`, whose last label is letters: `tool@1.2.3` is a version. `git@host` is a service, no person.
fn address(rest: &[u8]) -> Verdict {
    let local = rest.iter().take(LONGEST_LOCAL + 1).take_while(|byte| in_local(**byte)).count();
    if local == 0 || local > LONGEST_LOCAL {
        return Verdict::No;
    }
    match rest.get(local) {
        None => return Verdict::Unknown,
        Some(b'@') if &rest[..local] != b"git" => {}
        Some(_) => return Verdict::No,
    }
    let after = &rest[local + 1..];
    let host = after.iter().take(LONGEST_HOST).take_while(|byte| in_host(**byte)).count();
    if host == after.len() && host < LONGEST_HOST {
        return Verdict::Unknown;
    }
    domain(&after[..host]).map_or(Verdict::No, |length| Verdict::Closed(local + 1 + length))
}

/// The length of the domain name at the start of `host`; trailing dots and dashes are punctuation.
fn domain(host: &[u8]) -> Option<usize> {
    let length = host.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
    let mut labels = host[..length].rsplit(|byte| *byte == b'.');
    let (last, before) = (labels.next()?, labels.next()?);
    (last.len() >= 2 && last.iter().all(u8::is_ascii_alphabetic) && !before.is_empty()).then_some(length)
}
