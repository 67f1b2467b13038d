//! How are named values written as a `google.protobuf.Struct`, which Envoy's access logs show as
//! nested JSON? By hand: the generated type is a map of owned strings, some twenty allocations for
//! each request.

use crate::time::Instant;

/// Tags of the wire format: a field's number and its type.
mod tag {
    /// `Struct.fields`, a map.
    pub(super) const ENTRY: u8 = 0x0a;
    /// Of an entry of the map.
    pub(super) const NAME: u8 = 0x0a;
    pub(super) const VALUE: u8 = 0x12;
    /// Of a `Value`.
    pub(super) const NUMBER: u8 = 0x11;
    pub(super) const TEXT: u8 = 0x1a;
    pub(super) const FLAG: u8 = 0x20;
    pub(super) const OBJECT: u8 = 0x2a;
}

/// The fields of one Struct.
pub(super) struct Fields<'b>(&'b mut Vec<u8>);

impl<'b> Fields<'b> {
    /// Fields that are written behind what is there.
    pub(super) const fn behind(bytes: &'b mut Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        let size = 1 + varint_size(value.len()) + value.len();
        self.entry(name, size);
        self.sized(tag::TEXT, value.as_bytes());
    }

    /// A whole number as a text in decimals.
    pub(super) fn decimal(&mut self, name: &str, value: u64) {
        self.digits(name, value, 10, 1);
    }

    /// The same in 16 hexadecimal digits.
    pub(super) fn hexadecimal(&mut self, name: &str, value: u64) {
        self.digits(name, value, 16, 16);
    }

    /// Not by `format!`: that would be an eighth more of what a record costs.
    fn digits(&mut self, name: &str, mut value: u64, base: u64, at_least: usize) {
        const LONGEST: usize = 20;
        let mut digits = [b'0'; LONGEST];
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            if value == 0 && count >= at_least {
                break;
            }
            let value_of_it = (value % base) as u8;
            *digit = if value_of_it < 10 { b'0' + value_of_it } else { b'a' + value_of_it - 10 };
            value /= base;
            count += 1;
        }
        let written = digits.get(LONGEST - count..).unwrap_or_default();
        self.entry(name, 2 + count);
        self.sized(tag::TEXT, written);
    }

    pub(super) fn number(&mut self, name: &str, value: f64) {
        self.entry(name, 9);
        self.0.push(tag::NUMBER);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.entry(name, 2);
        self.0.extend_from_slice(&[tag::FLAG, value.into()]);
    }

    /// A point on the monotonic clock in nanoseconds, if it is known.
    pub(super) fn instant(&mut self, name: &str, value: Option<Instant>) {
        if let Some(at) = value {
            // Exact for the first 104 days of the clock, and to 2 ns for as long again.
            self.number(name, at.as_nanos() as f64);
        }
    }

    /// Fields within a field.
    pub(super) fn object(&mut self, name: &str, write: impl FnOnce(&mut Fields<'_>)) {
        let mut inner = Vec::new();
        write(&mut Fields(&mut inner));
        let size = 1 + varint_size(inner.len()) + inner.len();
        self.entry(name, size);
        self.sized(tag::OBJECT, &inner);
    }

    /// The head of an entry, whose value of so many bytes follows.
    fn entry(&mut self, name: &str, value_size: usize) {
        let name_size = 1 + varint_size(name.len()) + name.len();
        let size = name_size + 1 + varint_size(value_size) + value_size;
        // Nearly all are so short that every length takes one byte.
        if size < 0x80 {
            self.0.extend_from_slice(&[tag::ENTRY, size as u8, tag::NAME, name.len() as u8]);
            self.0.extend_from_slice(name.as_bytes());
            self.0.extend_from_slice(&[tag::VALUE, value_size as u8]);
            return;
        }
        self.0.push(tag::ENTRY);
        self.varint(size);
        self.sized(tag::NAME, name.as_bytes());
        self.0.push(tag::VALUE);
        self.varint(value_size);
    }

    fn sized(&mut self, tag: u8, bytes: &[u8]) {
        self.0.push(tag);
        self.varint(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

const fn varint_size(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use prost_types::{Struct, value::Kind};

    #[test]
    fn what_is_written_is_a_struct() {
        let long = "n".repeat(300);
        let mut bytes = Vec::new();
        let mut fields = Fields::behind(&mut bytes);
        fields.text("text", "outbound|443||größe");
        fields.text("empty", "");
        for length in [126, 127, 128, 16_383, 16_384] {
            fields.text(&format!("of {length}"), &"x".repeat(length));
        }
        fields.number(&long, -0.25);
        for value in [0, 9, 10, u64::MAX] {
            fields.decimal(&format!("decimal {value}"), value);
        }
        for value in [0, 0xab, u64::MAX] {
            fields.hexadecimal(&format!("hexadecimal {value}"), value);
        }
        fields.flag("yes", true);
        fields.flag("no", false);
        fields.instant("at", Some(Instant::from_nanos(9_007_199_254_740_991)));
        fields.instant("never", None);
        fields.object("inner", |inner| {
            inner.object("innermost", |it| it.text("text", &"y".repeat(200)));
            inner.flag("yes", true);
        });
        let read = Struct::decode(bytes.as_slice()).expect("a Struct");
        let kind = |fields: &Struct, name: &str| fields.fields[name].kind.clone().expect("a kind");
        let text = |text: &str| Kind::StringValue(text.into());
        assert_eq!(kind(&read, "text"), text("outbound|443||größe"));
        assert_eq!(kind(&read, "empty"), text(""));
        for length in [126, 127, 128, 16_383, 16_384] {
            assert_eq!(kind(&read, &format!("of {length}")), text(&"x".repeat(length)));
        }
        assert_eq!(kind(&read, &long), Kind::NumberValue(-0.25));
        for value in [0, 9, 10, u64::MAX] {
            assert_eq!(kind(&read, &format!("decimal {value}")), text(&value.to_string()));
        }
        for value in [0, 0xab, u64::MAX] {
            let written = text(&format!("{value:016x}"));
            assert_eq!(kind(&read, &format!("hexadecimal {value}")), written);
        }
        assert_eq!(kind(&read, "yes"), Kind::BoolValue(true));
        assert_eq!(kind(&read, "no"), Kind::BoolValue(false));
        assert_eq!(kind(&read, "at"), Kind::NumberValue(9_007_199_254_740_991.0));
        assert!(!read.fields.contains_key("never"));
        let Kind::StructValue(inner) = kind(&read, "inner") else { panic!("no Struct") };
        let Kind::StructValue(innermost) = kind(&inner, "innermost") else { panic!("no Struct") };
        assert_eq!(kind(&innermost, "text"), text(&"y".repeat(200)));
        assert_eq!(kind(&inner, "yes"), Kind::BoolValue(true));
    }
}
