//! How do numbers become the paths of a drawing? The plane is 1000 wide and 100 high, whatever size
//! it is shown at: text stands beside it, never in it.

use std::fmt::Write;

/// The width of the plane.
pub(super) const WIDTH: f64 = 1000.0;
/// The height of the plane.
pub(super) const HEIGHT: f64 = 100.0;

/// A column for each value, as high as its share of `most`; what is not nothing is seen.
#[must_use]
pub(super) fn columns(values: &[f64], most: f64) -> String {
    stacked(values, &[], most)
}

/// The same on top of others.
#[must_use]
pub(super) fn stacked(values: &[f64], below: &[f64], most: f64) -> String {
    const LEAST: f64 = 1.5;
    let mut path = String::new();
    let step = step(values.len());
    let scale = if most > 0.0 { HEIGHT / most } else { 0.0 };
    for (at, (left, value)) in lefts(values.len()).zip(values).enumerate() {
        if *value <= 0.0 || scale == 0.0 {
            continue;
        }
        let foot = below.get(at).copied().unwrap_or_default() * scale;
        let top = (foot + (value * scale).max(LEAST)).min(HEIGHT);
        let (from, to) = (HEIGHT - foot.min(HEIGHT - LEAST), HEIGHT - top);
        let _ = write!(path, "M{left:.1} {from:.1}V{to:.1}h{step:.1}V{from:.1}z");
    }
    path
}

/// A line through the middles of the columns, between `low` and `high` by their logarithms; where
/// there is no value it is broken.
#[must_use]
pub(super) fn line(values: &[Option<f64>], low: f64, high: f64) -> String {
    let mut path = String::new();
    let step = step(values.len());
    let mut goes_on = false;
    for (left, value) in lefts(values.len()).zip(values) {
        let Some(value) = value else {
            goes_on = false;
            continue;
        };
        let y = height_of(*value, low, high);
        let x = left + step / 2.0;
        let _ = if goes_on {
            write!(path, "L{x:.1} {y:.1}")
        } else {
            // A value alone is a dash as wide as its column.
            write!(path, "M{left:.1} {y:.1}H{x:.1}")
        };
        goes_on = true;
    }
    path
}

/// Where a value stands between `low`, at the foot, and `high`, at the top, by logarithms.
#[must_use]
pub(super) fn height_of(value: f64, low: f64, high: f64) -> f64 {
    HEIGHT * (1.0 - place(value, low, high))
}

/// Where a value stands between `low` and `high` by logarithms: from 0 to 1.
#[must_use]
pub(super) fn place(value: f64, low: f64, high: f64) -> f64 {
    let place = (value.max(low) / low).ln() / (high / low).ln();
    if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
}

/// Where a column begins, for so many of them.
fn lefts(count: usize) -> impl Iterator<Item = f64> {
    let step = step(count);
    (0..count).scan(0.0, move |left, _| {
        let here = *left;
        *left += step;
        Some(here)
    })
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has some hundred columns")]
fn step(count: usize) -> f64 {
    WIDTH / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_high_as_its_share_and_stands_on_what_is_below() {
        assert_eq!(
            columns(&[0.0, 5.0, 10.0, 0.0], 10.0),
            "M250.0 100.0V50.0h250.0V100.0zM500.0 100.0V0.0h250.0V100.0z"
        );
        assert_eq!(stacked(&[5.0], &[5.0], 10.0), "M0.0 50.0V0.0h1000.0V50.0z");
        assert_eq!(columns(&[1e-9], 10.0), "M0.0 100.0V98.5h1000.0V100.0z", "is seen");
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        assert_eq!(columns(&[], 10.0), "");
        assert_eq!(columns(&[1.0], 0.0), "");
        assert_eq!(line(&[None], 1.0, 10.0), "");
    }

    #[test]
    fn a_line_goes_by_logarithms_and_breaks_where_nothing_is() {
        let values = [Some(1.0), Some(10.0), None, Some(100.0)];
        let path = line(&values, 1.0, 100.0);
        assert_eq!(path, "M0.0 100.0H125.0L375.0 50.0M750.0 0.0H875.0");
        assert_eq!(place(0.5, 1.0, 100.0), 0.0);
        assert_eq!(place(1e9, 1.0, 100.0), 1.0);
        assert_eq!(place(1.0, 1.0, 1.0), 0.0, "no span");
        assert_eq!(place(f64::NAN, 1.0, 2.0), 0.0);
    }
}
