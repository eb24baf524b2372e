//! Undoes how a text was escaped on its way, as far as letters are concerned: `%4b`, `\x4b` and `\u004b` become `K`, line
//! breaks and whatever else is no letter of a planted value or of its encodings are left out.

/// An escape that has begun.
#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    /// One backslash or several: a text may have been escaped more than once.
    Slash,
    /// Digits of a letter's code. What has come so far is kept, in case that it is no code.
    Code { left: u8, value: u32, from: usize, held: Vec<(u8, usize)> },
}

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct Escapes {
    state: State,
}

impl Escapes {
    /// Takes the byte at a place, and gives the letters that are certain now, each with the place where it begins.
    pub(super) fn read(&mut self, byte: u8, at: usize, give: &mut impl FnMut(u8, usize)) {
        self.state = match std::mem::take(&mut self.state) {
            State::None => plain(byte, at, give),
            State::Slash => match byte {
                b'\\' => State::Slash,
                b'n' | b'r' | b't' | b'b' | b'f' => State::None,
                b'u' => State::Code { left: 4, value: 0, from: at, held: vec![(byte, at)] },
                b'x' => State::Code { left: 2, value: 0, from: at, held: vec![(byte, at)] },
                other => plain(other, at, give),
            },
            State::Code { left, value, from, mut held } => match char::from(byte).to_digit(16) {
                Some(digit) if left > 1 => {
                    held.push((byte, at));
                    State::Code { left: left - 1, value: value * 16 + digit, from, held }
                }
                Some(digit) => {
                    if let Ok(letter) = u8::try_from(value * 16 + digit)
                        && is_kept(letter)
                    {
                        give(letter, from);
                    }
                    State::None
                }
                None => {
                    held.into_iter().for_each(|(letter, at)| give(letter, at));
                    plain(byte, at, give)
                }
            },
        };
    }
}

fn plain(byte: u8, at: usize, give: &mut impl FnMut(u8, usize)) -> State {
    match byte {
        b'%' => State::Code { left: 2, value: 0, from: at, held: Vec::new() },
        b'\\' => State::Slash,
        letter => {
            if is_kept(letter) {
                give(letter, at);
            }
            State::None
        }
    }
}

/// Letters of planted values and of base64.
const fn is_kept(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}
