//! Where do the lines come from? Files and the standard input, packed by gzip or not.

use crate::replay::log::Fields;
use crate::replay::log::line::Line;
use crate::replay::log::lines::{Lines, Next};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// What a gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes that are read at once.
const PIECE: usize = 128 * 1024;

/// Lines of a file that are looked at to know when it begins.
const LOOKED_AT: usize = 100;

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The standard input.
    Standard,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// How it is called in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Standard => "stdin".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Its size as it is stored, if that is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Standard => None,
            Self::File(path) => path.metadata().ok().filter(|it| it.is_file()).map(|it| it.len()),
        }
    }

    /// Its text; `seen` is told how many bytes of it, as they are stored, were read now.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&self, seen: impl Fn(u64) + 'static) -> io::Result<Box<dyn BufRead>> {
        match self {
            Self::Standard => unpacked(io::stdin(), seen),
            Self::File(path) => unpacked(File::open(path)?, seen),
        }
    }
}

/// The inputs in the order of the times that they begin with, where that can be seen without reading
/// them: rotated files are named the other way round. The standard input comes behind those.
///
/// # Errors
/// Which file cannot be read, and what the system says.
pub fn in_order(inputs: Vec<Input>, fields: &Fields) -> Result<Vec<Input>, String> {
    let mut known = Vec::new();
    for input in inputs {
        let begins = match &input {
            Input::Standard => Some(u64::MAX),
            Input::File(path) => {
                begins_at(path, fields).map_err(|error| format!("{}: {error}", input.name()))?
            }
        };
        known.push((begins, input));
    }
    let mut timed: Vec<(u64, Input)> =
        known.iter().filter_map(|(begins, input)| Some(((*begins)?, input.clone()))).collect();
    timed.sort_by_key(|(begins, _)| *begins);
    let mut timed = timed.into_iter().map(|(_, input)| input);
    // Those that tell no time stay in the places that they were given.
    let placed = known.into_iter().filter_map(|(begins, input)| match begins {
        Some(_) => timed.next(),
        None => Some(input),
    });
    Ok(placed.collect())
}

fn begins_at(path: &Path, fields: &Fields) -> io::Result<Option<u64>> {
    // A pipe would lose what is read of it.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut lines = Lines::of(Input::File(path.to_owned()).open(|_| ())?);
    for _ in 0..LOOKED_AT {
        // What is wrong with it is told when it is read.
        let Ok(Next::Line(bytes)) = lines.next() else { break };
        if let Some(at) = begins_unix_ns(bytes, fields) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn begins_unix_ns(bytes: &[u8], fields: &Fields) -> Option<u64> {
    if fields.are_shipped() {
        return Line::parse(bytes).ok()?.begins_unix_ns();
    }
    Line::parse(&fields.translate(bytes).ok()?).ok()?.begins_unix_ns()
}

fn unpacked(
    reader: impl Read + 'static,
    seen: impl Fn(u64) + 'static,
) -> io::Result<Box<dyn BufRead>> {
    let mut reader = Watched { reader, seen };
    let mut begin = Vec::new();
    reader.by_ref().take(GZIP.len() as u64).read_to_end(&mut begin)?;
    let is_packed = begin == GZIP;
    let whole = BufReader::with_capacity(PIECE, io::Cursor::new(begin).chain(reader));
    if is_packed {
        // Packers append: a file may be several, one behind the other.
        let text = MultiGzDecoder::new(whole);
        return Ok(Box::new(BufReader::with_capacity(PIECE, text)));
    }
    Ok(Box::new(whole))
}

struct Watched<R, S> {
    reader: R,
    seen: S,
}

impl<R: Read, S: Fn(u64)> Read for Watched<R, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        (self.seen)(count as u64);
        Ok(count)
    }
}
