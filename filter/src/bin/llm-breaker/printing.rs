//! How does what is said get to its reader? One that has left, as `head` does, is no error; a full disk is.

use std::io::{self, ErrorKind, Write};

/// Prints to the standard output.
///
/// # Errors
/// What the system says, unless nobody reads any more.
pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}

/// Prints to the standard error, where that is read.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{}", text.trim_end_matches('\n'));
}
