//! Which column of a drawing is a moment in? All drawings have the same columns.

use crate::replay::{Course, Findings};

/// Columns of equal width, over all that was replayed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Where the first begins, in nanoseconds since 1970.
    pub(super) from: u64,
    /// Where the log ends.
    pub(super) until: u64,
    /// How wide each is, in nanoseconds.
    pub(super) step: u64,
    /// How many there are, at least one.
    pub(super) columns: usize,
}

/// As many as a course has buckets, and one for the ends.
const MAX_COLUMNS: u64 = 241;

impl Grid {
    /// As wide as the widest buckets of any course: since all widths are powers of two, each bucket
    /// lies in one column.
    pub(super) fn over(findings: &Findings) -> Self {
        let (from, until) = findings.span_unix_ns.unwrap_or_default();
        let breakers = findings.configurations.iter().flat_map(|it| &it.breakers);
        let widths = findings.series.iter().map(|it| width(&it.course));
        let step = widths.chain(breakers.map(|it| width(&it.course))).max().unwrap_or(1).max(1);
        let first = from / step;
        let columns = (until / step).saturating_sub(first).saturating_add(1);
        let wider = columns.div_ceil(MAX_COLUMNS).next_power_of_two();
        let step = step.saturating_mul(wider);
        let first = from / step;
        let columns = (until / step).saturating_sub(first).saturating_add(1);
        Self { from: first * step, until, step, columns: usize::try_from(columns).unwrap_or(1) }
    }

    /// The column of a moment; the nearest if it lies outside.
    pub(super) fn column(&self, unix_ns: u64) -> usize {
        let column = unix_ns.saturating_sub(self.from) / self.step;
        usize::try_from(column).unwrap_or(usize::MAX).min(self.columns.saturating_sub(1))
    }

    /// So many more in this column.
    #[expect(clippy::unused_self, reason = "the columns are the grid's")]
    pub(super) fn add(&self, counts: &mut [u64], column: usize, more: u64) {
        if let Some(count) = counts.get_mut(column) {
            *count = count.saturating_add(more);
        }
    }
}

fn width<T>(course: &Course<T>) -> u64 {
    u64::try_from(course.width().as_nanos()).unwrap_or(u64::MAX)
}
