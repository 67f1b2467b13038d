//! Whose clock are a line's nanoseconds read from? A log may be of several proxies, and each machine's
//! monotonic clock begins when it starts.
//!
//! A line tells when its request began and how long it took, on the wall's clock, and when its breakers
//! were asked and it was judged, on the machine's: between the two lies a constant as long as the
//! machine runs. Lines of one node and one constant are of one source.

use crate::replay::call::Source;
use crate::time::{Instant, nanos};
use core::time::Duration;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use xxhash_rust::xxh64::xxh64;

/// Sources that are kept in mind; beyond it, the one that was silent for longest is taken to have ended.
pub(super) const MAX_SOURCES: usize = 4_096;

/// Forgotten nodes that are known again when they come back.
const MAX_FORGOTTEN: usize = 1 << 16;

/// The wall's clock may be set right by as much.
const TOLERANCE: i64 = 2_000_000_000;

/// What a line tells of the clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// When its breakers were asked.
    pub(super) admitted: Instant,
    /// When it was judged.
    pub(super) settled: Instant,
    /// When the request began, on the wall's clock.
    pub(super) began_unix_ns: Option<u64>,
    /// How long it took altogether.
    pub(super) duration: Option<Duration>,
    /// Whether the first two are the machine's.
    pub(super) is_monotonic: bool,
}

/// Whose clock it is.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) source: Arc<Source>,
    /// Whether it is a new one, of a node that had one.
    pub(super) began_anew: bool,
    /// Whether its node was forgotten to make room, though its log goes on.
    pub(super) was_forgotten: bool,
    /// Who makes room for it.
    pub(super) ended: Option<Arc<Source>>,
}

/// The clocks that are known.
#[derive(Debug)]
pub(super) struct Clocks {
    /// How far back a line of the same clock may be.
    reorder: Duration,
    nodes: BTreeMap<String, Vec<Known>>,
    forgotten: HashSet<u64>,
    count: usize,
    next_id: u32,
    lines: u64,
}

#[derive(Debug)]
struct Known {
    source: Arc<Source>,
    offset_ns: Option<i64>,
    newest: Instant,
    seen_at_line: u64,
}

impl Clocks {
    pub(super) fn new(reorder: Duration) -> Self {
        let (nodes, forgotten) = (BTreeMap::new(), HashSet::new());
        Self { reorder, nodes, forgotten, count: 0, next_id: 0, lines: 0 }
    }

    /// The source of a line of this node.
    pub(super) fn owner(&mut self, node: &str, times: &Times) -> Owner {
        self.lines += 1;
        let (lines, reorder) = (self.lines, self.reorder);
        let known = self.nodes.get_mut(node);
        let its = known.and_then(|known| known.iter_mut().find(|it| it.fits(times, reorder)));
        if let Some(known) = its {
            known.follow(times, lines);
            let source = Arc::clone(&known.source);
            return Owner { source, began_anew: false, was_forgotten: false, ended: None };
        }
        let ended = if self.count >= MAX_SOURCES { self.forget_oldest() } else { None };
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.count += 1;
        let offset_ns =
            if times.is_monotonic { times.offsets().map(|(low, _)| low) } else { Some(0) };
        let source = Arc::new(Source { id, node: node.to_owned(), unix_offset_ns: offset_ns });
        let newest = times.settled;
        let known = Known { source: Arc::clone(&source), offset_ns, newest, seen_at_line: lines };
        let all = self.nodes.entry(node.to_owned()).or_default();
        let began_anew = !all.is_empty();
        all.push(known);
        let was_forgotten = self.forgotten.contains(&id_of(node));
        Owner { source, began_anew, was_forgotten, ended }
    }

    fn forget_oldest(&mut self) -> Option<Arc<Source>> {
        let (node, index, _) = self
            .nodes
            .iter()
            .flat_map(|(node, all)| {
                all.iter().enumerate().map(move |(index, it)| (node, index, it.seen_at_line))
            })
            .min_by_key(|(_, _, seen)| *seen)?;
        let node = node.clone();
        let all = self.nodes.get_mut(&node)?;
        let oldest = all.swap_remove(index);
        if all.is_empty() {
            self.nodes.remove(&node);
        }
        self.count -= 1;
        if self.forgotten.len() < MAX_FORGOTTEN {
            self.forgotten.insert(id_of(&node));
        }
        Some(oldest.source)
    }
}

fn id_of(node: &str) -> u64 {
    xxh64(node.as_bytes(), 0)
}

impl Known {
    fn fits(&self, times: &Times, reorder: Duration) -> bool {
        match (self.offset_ns, times.offsets()) {
            (Some(own), _) if !times.is_monotonic => own == 0,
            (Some(own), Some((low, high))) => {
                low.saturating_sub(TOLERANCE) <= own && own <= high.saturating_add(TOLERANCE)
            }
            // Nothing but a step back tells a clock that began anew.
            (None, _) | (Some(_), None) => times.settled + reorder >= self.newest,
        }
    }

    fn follow(&mut self, times: &Times, line: u64) {
        self.newest = self.newest.max(times.settled);
        self.seen_at_line = line;
        if let (Some(own), Some((low, high))) = (self.offset_ns, times.offsets())
            && times.is_monotonic
        {
            // The wall's clock may drift away, but not jump.
            self.offset_ns = Some(own.clamp(low, high));
        }
    }
}

impl Times {
    /// Between which bounds lies what the wall's clock is ahead of the machine's: the request began
    /// before its breakers were asked, and ended after it was judged.
    fn offsets(&self) -> Option<(i64, i64)> {
        let began = i64::try_from(self.began_unix_ns?).ok()?;
        let low = began.saturating_sub_unsigned(self.admitted.as_nanos());
        let end = began.saturating_add_unsigned(nanos(self.duration.unwrap_or_default()));
        let high = end.saturating_sub_unsigned(self.settled.as_nanos());
        Some((low, if self.duration.is_some() { high.max(low) } else { low }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A call that began at this second on the wall's clock and was asked about at that of the
    /// machine's, and took two.
    fn times(wall: u64, machine: u64) -> Times {
        let admitted = Instant::from_nanos(machine * SECOND);
        Times {
            admitted,
            settled: admitted + Duration::from_secs(2),
            began_unix_ns: Some(wall * SECOND),
            duration: Some(Duration::from_secs(2)),
            is_monotonic: true,
        }
    }

    fn clocks() -> Clocks {
        Clocks::new(Duration::from_secs(60))
    }

    #[test]
    fn lines_of_one_machine_are_of_one_source_in_any_order() {
        let mut clocks = clocks();
        let first = clocks.owner("a", &times(10_000, 500));
        assert!(!first.began_anew);
        assert_eq!(first.source.unix_nanos(Instant::from_nanos(501 * SECOND)), 10_001 * SECOND);
        for (wall, machine) in [(10_300, 800), (10_001, 501), (9_999, 499)] {
            let owner = clocks.owner("a", &times(wall, machine));
            assert!(Arc::ptr_eq(&owner.source, &first.source), "{wall}");
        }
    }

    #[test]
    fn a_machine_that_started_again_and_another_of_the_same_name_are_others() {
        let mut clocks = clocks();
        let first = clocks.owner("a", &times(10_000, 500)).source;
        let again = clocks.owner("a", &times(10_100, 3));
        assert!(again.began_anew && again.source.id != first.id);
        let other = clocks.owner("a", &times(10_100, 9_000));
        assert!(other.began_anew);
        // They may take turns.
        assert_eq!(clocks.owner("a", &times(10_200, 700)).source.id, first.id);
        assert_eq!(clocks.owner("a", &times(10_200, 103)).source.id, again.source.id);
        assert!(!clocks.owner("b", &times(10_100, 9_000)).began_anew);
    }

    #[test]
    fn who_was_held_for_an_upload_or_judged_early_is_no_other() {
        let mut clocks = clocks();
        let first = clocks.owner("a", &times(10_000, 500)).source;
        // Asked about 40 s after it began, judged 300 s before it ended.
        let admitted = Instant::from_nanos(640 * SECOND);
        let held = Times {
            admitted,
            settled: admitted + Duration::from_secs(120),
            began_unix_ns: Some(10_100 * SECOND),
            duration: Some(Duration::from_secs(460)),
            is_monotonic: true,
        };
        assert_eq!(clocks.owner("a", &held).source.id, first.id);
        assert_eq!(clocks.owner("a", &times(10_900, 1_400)).source.id, first.id);
    }

    #[test]
    fn without_a_wall_clock_only_a_step_back_tells() {
        let mut clocks = clocks();
        let times = |machine| Times { began_unix_ns: None, ..times(0, machine) };
        let first = clocks.owner("a", &times(500)).source;
        assert_eq!(clocks.owner("a", &times(450)).source.id, first.id);
        assert_eq!(clocks.owner("a", &times(90_000)).source.id, first.id);
        assert!(clocks.owner("a", &times(10)).began_anew);
    }

    #[test]
    fn their_number_is_bounded() {
        let mut clocks = clocks();
        for index in 0..2 * MAX_SOURCES as u64 {
            let owner = clocks.owner(&format!("n{index}"), &times(10_000, 500));
            let ended = owner.ended.map(|source| source.node.clone());
            let oldest = index.checked_sub(MAX_SOURCES as u64).map(|it| format!("n{it}"));
            assert_eq!(ended, oldest);
        }
        assert_eq!(clocks.nodes.len(), MAX_SOURCES);
        // The newest is known still, the first is not: that is told.
        let newest = format!("n{}", 2 * MAX_SOURCES - 1);
        assert!(!clocks.owner(&newest, &times(10_001, 501)).was_forgotten);
        assert!(clocks.owner("n0", &times(10_001, 501)).was_forgotten);
        assert!(!clocks.owner("another", &times(10_001, 501)).was_forgotten);
    }
}
