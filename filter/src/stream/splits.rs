//! The ways to hand bytes to a reader, for tests: every split in two, and seeded chunkings.

/// A small seeded generator.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    /// Changes, removes, inserts or cuts at one place.
    pub(crate) fn damage(&mut self, bytes: &mut Vec<u8>) {
        let place = self.below(bytes.len() + 1);
        match self.below(4) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, self.below(256) as u8),
            _ if place == bytes.len() => {}
            2 => bytes[place] = self.below(256) as u8,
            _ => drop(bytes.remove(place)),
        }
    }
}

/// The bytes in one piece, split in two at every position, one by one, and in 200 seeded
/// chunkings, empty chunks among them.
pub(crate) fn of(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let halves = (0..=bytes.len()).map(move |at| vec![&bytes[..at], &bytes[at..]]);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let seeded = (0..200).map(move |_| chunks(bytes, &mut random));
    [vec![bytes], bytes.chunks(1).collect()].into_iter().chain(halves).chain(seeded)
}

fn chunks<'b>(bytes: &'b [u8], random: &mut Random) -> Vec<&'b [u8]> {
    let longest = 1 + random.below(16);
    let mut rest = bytes;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(random.below(longest + 1).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}
