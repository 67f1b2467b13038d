//! What an Envoy occupies, as the kernel tells it.

use std::io;

use super::Envoy;

const MIB: f64 = 1024.0 * 1024.0;
/// V8 reserves gigabytes of addresses behind each linear memory, so that no access needs a check.
const RESERVED_BYTES: u64 = 1 << 30;

impl Envoy {
    /// What the whole process has in memory, in MiB.
    ///
    /// # Errors
    /// When the process is gone, or this is no Linux.
    pub fn resident_mib(&self) -> io::Result<f64> {
        let status = self.kernel_file("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kibibytes.map(|kib| kib * 1024.0 / MIB).ok_or_else(|| io::Error::other("no VmRSS"))
    }

    /// The linear memories of all VMs, in MiB: what is accessible in front of a reservation as
    /// V8 makes it.
    ///
    /// # Errors
    /// As [`Self::resident_mib`].
    pub fn linear_memories_mib(&self) -> io::Result<f64> {
        let maps = self.kernel_file("maps")?;
        let ranges: Vec<_> = maps.lines().filter_map(Range::parse).collect();
        let is_memory = |pair: &&[Range]| {
            let (memory, behind) = (&pair[0], &pair[1]);
            memory.is_writable
                && !behind.is_accessible
                && memory.end == behind.start
                && behind.end - behind.start >= RESERVED_BYTES
        };
        let memories = ranges.windows(2).filter(is_memory);
        Ok(memories.map(|pair| (pair[0].end - pair[0].start) as f64 / MIB).sum())
    }

    fn kernel_file(&self, name: &str) -> io::Result<String> {
        let pid = self.pid().ok_or_else(|| io::Error::other("no process"))?;
        std::fs::read_to_string(format!("/proc/{pid}/{name}"))
    }
}

/// One line of `/proc/…/maps`.
struct Range {
    start: u64,
    end: u64,
    is_accessible: bool,
    is_writable: bool,
}

impl Range {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (start, end) = words.next()?.split_once('-')?;
        let rights = words.next()?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some(Self {
            start: number(start)?,
            end: number(end)?,
            is_accessible: !rights.starts_with("---"),
            is_writable: rights.starts_with("rw-p"),
        })
    }
}
