//! The lines of a file, one after the other, none of which takes more memory than a bound.

use std::io::{self, BufRead, Read};

/// Longer lines are no access log's.
pub(super) const MAX_LINE: usize = 1 << 20;

/// Lines that are being read.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'l> {
    Line(&'l [u8]),
    TooLong,
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn of(reader: R) -> Self {
        Self { reader, line: Vec::new() }
    }

    /// The next one, without its end.
    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        let limit = MAX_LINE as u64 + 1;
        let count = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.line)?;
        if count == 0 {
            return Ok(Next::End);
        }
        if !self.line.ends_with(b"\n") && count > MAX_LINE {
            self.skip_rest()?;
            return Ok(Next::TooLong);
        }
        Ok(Next::Line(self.line.strip_suffix(b"\n").unwrap_or(&self.line)))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            self.line.clear();
            let limit = MAX_LINE as u64;
            let count = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.line)?;
            if count == 0 || self.line.ends_with(b"\n") {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_never_ends_is_skipped_and_takes_no_memory() {
        let long = io::repeat(b'x').take(10 * MAX_LINE as u64);
        let text = b"\none\r\n".chain(long).chain(&b"\nlast"[..]);
        let mut lines = Lines::of(io::BufReader::new(text));
        assert_eq!(lines.next().expect("a line"), Next::Line(b""));
        assert_eq!(lines.next().expect("a line"), Next::Line(b"one\r"));
        assert_eq!(lines.next().expect("a line"), Next::TooLong);
        assert!(lines.line.capacity() <= 2 * MAX_LINE + 1);
        assert_eq!(lines.next().expect("a line"), Next::Line(b"last"));
        assert_eq!(lines.next().expect("the end"), Next::End);
    }
}
