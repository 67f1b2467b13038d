//! How header maps and other lists of pairs cross the ABI.

/// An ordered multimap; names of headers are lower case.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Envoy's `marshalPairs`: the count, all sizes, then names and values, each ending in a zero byte.
pub(crate) fn encode(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in pairs {
        bytes.extend(name);
        bytes.push(0);
        bytes.extend(value);
        bytes.push(0);
    }
    bytes
}

/// The reverse of [`encode`]; like Envoy's `toPairs`, anything malformed is an empty list.
pub(crate) fn decode(bytes: &[u8]) -> Pairs {
    try_decode(bytes).unwrap_or_default()
}

fn try_decode(mut bytes: &[u8]) -> Option<Pairs> {
    let count = word(&mut bytes)? as usize;
    if bytes.len() < count.checked_mul(8)? {
        return None;
    }
    let sizes: Vec<_> = (0..count)
        .map(|_| Some((word(&mut bytes)? as usize, word(&mut bytes)? as usize)))
        .collect::<Option<_>>()?;
    let pairs = sizes
        .into_iter()
        .map(|(name, value)| Some((text(&mut bytes, name)?, text(&mut bytes, value)?)))
        .collect::<Option<_>>()?;
    bytes.is_empty().then_some(pairs)
}

fn word(bytes: &mut &[u8]) -> Option<u32> {
    let (word, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*word))
}

fn text(bytes: &mut &[u8], size: usize) -> Option<Vec<u8>> {
    let (text, rest) = bytes.split_at_checked(size)?;
    let (zero, rest) = rest.split_first()?;
    *bytes = rest;
    (*zero == 0).then(|| text.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_the_way_through_the_abi() {
        let pairs = vec![(b"name".to_vec(), b"\xff\0".to_vec()), (vec![], vec![])];
        assert_eq!(decode(&encode(&pairs)), pairs);
    }

    #[test]
    fn malformed_pairs_are_an_empty_list() {
        let mut bytes = encode(&[(b"a".to_vec(), b"b".to_vec())]);
        bytes.push(0);
        assert_eq!(decode(&bytes), Pairs::new());
        assert_eq!(decode(&bytes[..7]), Pairs::new());
        assert_eq!(decode(&u32::MAX.to_le_bytes()), Pairs::new());
    }
}
