//! Which characters do the escapes in a JSON string stand for?

/// The characters of one or two escapes: a lone first half of a surrogate pair is only known as
/// such once something else follows it.
pub(super) type Characters = [Option<char>; 2];

/// The hexadecimal digits of one `\u`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    value: u16,
    digits: u8,
}

impl Unit {
    /// With one more digit; none if it is no digit.
    pub(super) fn then(self, byte: u8) -> Option<Self> {
        let digit = u16::try_from(char::from(byte).to_digit(16)?).ok()?;
        Some(Self { value: self.value << 4 | digit, digits: self.digits.saturating_add(1) })
    }

    /// The UTF-16 code unit, once it has its four digits.
    pub(super) fn complete(self) -> Option<u16> {
        (self.digits == 4).then_some(self.value)
    }
}

/// The character of a short escape such as `\n`.
pub(super) fn short(byte: u8) -> Option<char> {
    Some(match byte {
        b'"' | b'\\' | b'/' => char::from(byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}

/// Joins surrogate pairs; a half without its partner becomes U+FFFD.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pairs {
    first_half: Option<u16>,
}

impl Pairs {
    /// What the next code unit completes.
    pub(super) fn take(&mut self, unit: u16) -> Characters {
        let first_half = self.first_half.take();
        let lone = first_half.map(|_| char::REPLACEMENT_CHARACTER);
        match (first_half, unit) {
            (Some(first), 0xDC00..=0xDFFF) => {
                let pair = char::decode_utf16([first, unit]).next().and_then(Result::ok);
                [pair, None]
            }
            (_, 0xD800..=0xDBFF) => {
                self.first_half = Some(unit);
                [lone, None]
            }
            _ => {
                let single = char::from_u32(u32::from(unit));
                [lone, Some(single.unwrap_or(char::REPLACEMENT_CHARACTER))]
            }
        }
    }

    /// What is left when something else than a code unit comes.
    pub(super) fn flush(&mut self) -> Option<char> {
        self.first_half.take().map(|_| char::REPLACEMENT_CHARACTER)
    }
}
