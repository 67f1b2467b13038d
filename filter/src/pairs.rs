//! Header maps and structs as proxy-wasm writes them: the number of pairs, then the lengths of key
//! and value of each, all u32 little-endian, then each key and value with a zero byte after it.

/// The pairs in these bytes, as far as they make sense; nothing is copied.
pub fn decode(map: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let (mut sizes, count) = take_u32(map).unwrap_or((&[], 0));
    let mut rest = count.checked_mul(8).and_then(|size| sizes.get(size..)).unwrap_or_default();
    (0..count).map_while(move |_| {
        let (after_key, key_size) = take_u32(sizes)?;
        let (after_value, value_size) = take_u32(after_key)?;
        sizes = after_value;
        let (key, after) = take_text(rest, key_size)?;
        let (value, after) = take_text(after, value_size)?;
        rest = after;
        Some((key, value))
    })
}

/// The bytes of these pairs.
#[must_use]
pub fn encode(pairs: &[(&str, &str)]) -> Vec<u8> {
    let texts = pairs.iter().map(|(key, value)| key.len().saturating_add(value.len()));
    let texts = texts.fold(0, usize::saturating_add);
    let mut map =
        Vec::with_capacity(pairs.len().saturating_mul(10).saturating_add(texts).saturating_add(4));
    map.extend_from_slice(&u32_bytes(pairs.len()));
    for (key, value) in pairs {
        map.extend_from_slice(&u32_bytes(key.len()));
        map.extend_from_slice(&u32_bytes(value.len()));
    }
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        map.extend_from_slice(text.as_bytes());
        map.push(0);
    }
    map
}

fn u32_bytes(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn take_u32(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((rest, usize::try_from(u32::from_le_bytes(*number)).ok()?))
}

/// That many bytes, and what follows the zero byte after them.
fn take_text(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    Some((text, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_their_encoding() {
        let map = encode(&[(":status", "503"), ("empty", "")]);
        let pairs: Vec<_> = decode(&map).collect();
        assert_eq!(pairs, [(&b":status"[..], &b"503"[..]), (b"empty", b"")]);
    }

    #[test]
    fn bytes_that_stop_making_sense_end_the_pairs() {
        let map = encode(&[("a", "1"), ("b", "2")]);
        for length in 0..map.len() {
            assert!(decode(&map[..length]).count() < 2, "{length}");
        }
        assert_eq!(decode(&[0xff; 64]).count(), 0);
        let mut lying = map.clone();
        lying[4] = 0xff;
        assert_eq!(decode(&lying).count(), 0);
    }
}
