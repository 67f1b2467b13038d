//! What was measured over time: is it flat, and how does it look?

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One thing that is measured at equal intervals.
pub(super) struct Series {
    name: &'static str,
    /// How far the line through the values may rise from the end of the warm-up to the end.
    margin: f64,
    values: Vec<f64>,
}

impl Series {
    pub(super) const fn new(name: &'static str, margin: f64) -> Self {
        Self { name, margin, values: Vec::new() }
    }

    pub(super) fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// By how much the line of least squares through the values after the warm-up rises.
    fn rise(&self, warm_up: usize) -> f64 {
        let values = &self.values[warm_up.min(self.values.len())..];
        let count = values.len() as f64;
        let (middle, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
        let offsets = || (0..values.len()).map(|at| at as f64 - middle);
        let products: f64 = offsets().zip(values).map(|(x, y)| x * (y - mean)).sum();
        let squares: f64 = offsets().map(|x| x * x).sum();
        if squares > 0.0 { products / squares * (count - 1.0) } else { 0.0 }
    }

    fn range(&self) -> (f64, f64) {
        let fold = |start, pick: fn(f64, f64) -> f64| self.values.iter().copied().fold(start, pick);
        (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
    }

    /// Where a value stands between the lowest and the highest, from 0 to 1.
    fn height(&self, value: f64) -> f64 {
        let (low, high) = self.range();
        if high > low { (value - low) / (high - low) } else { 0.0 }
    }

    /// A line of text.
    pub(super) fn chart(&self, warm_up: usize) -> String {
        let bar = |value: &f64| BARS[((self.height(*value) * 7.0).round() as usize).min(7)];
        let bars: String = self.values.iter().map(bar).collect();
        let (low, high) = self.range();
        format!(
            "{:<24} {bars}  {low:.2} to {high:.2}, after warm-up {:+.3}",
            self.name,
            self.rise(warm_up)
        )
    }

    #[track_caller]
    pub(super) fn assert_flat(&self, warm_up: usize) {
        assert!(self.rise(warm_up) <= self.margin, "{}", self.chart(warm_up));
    }
}

/// Where the picture is left.
pub(super) fn svg_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/soak.svg")
}

/// All of them as a picture, one below the other.
pub(super) fn svg(all: &[Series]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"{}\" font-family=\"sans-serif\" font-size=\"12\">\n",
        all.len() * 100
    );
    for (number, series) in all.iter().enumerate() {
        let top = number as f64 * 100.0 + 20.0;
        let step = 600.0 / series.values.len().max(2) as f64;
        let point = |(at, value): (usize, &f64)| {
            format!(
                "{:.1},{:.1}",
                20.0 + at as f64 * step,
                top + 70.0 - series.height(*value) * 60.0
            )
        };
        let points: Vec<_> = series.values.iter().enumerate().map(point).collect();
        let (low, high) = series.range();
        // A String can always be written to.
        let _ = writeln!(
            svg,
            "<text x=\"20\" y=\"{top}\">{}: {low:.2} to {high:.2}</text>\n\
             <polyline fill=\"none\" stroke=\"#06c\" points=\"{}\"/>",
            series.name,
            points.join(" ")
        );
    }
    svg + "</svg>\n"
}

#[test]
fn what_grows_is_told_from_what_only_wavers() {
    let of = |value: fn(usize) -> f64| {
        let mut series = Series::new("a test", 1.0);
        (0..60).for_each(|at| series.push(value(at)));
        series
    };
    assert!((of(|at| at as f64).rise(20) - 39.0).abs() < 1e-9);
    assert!(of(|at| (at % 2) as f64 * 10.0).rise(20).abs() < 1.0);
    assert!(of(|at| if at < 20 { at as f64 } else { 20.0 }).rise(20).abs() < 1e-9);
}
