//! How does it look? Bars and lines as SVG, with no more than these pages need.

use crate::spread::Spread;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 240.0;
const ROW: f64 = 30.0;

/// Bars, one for each name, with the middle half of the rounds as a whisker.
#[must_use]
pub fn bars(title: &str, unit: &str, rows: &[(String, Spread)]) -> String {
    let most = rows.iter().map(|(_, spread)| spread.high).fold(1e-9, f64::max);
    let x = |value: f64| LEFT + value / most * (WIDTH - LEFT - 90.0);
    let mut svg = head(title, 60.0 + ROW * rows.len() as f64);
    for (at, (name, spread)) in rows.iter().enumerate() {
        let y = 50.0 + ROW * at as f64;
        let (low, end, high) = (x(spread.low), x(spread.median), x(spread.high));
        let _ = writeln!(
            svg,
            r##"<text x="{:.0}" y="{:.0}" text-anchor="end">{name}</text>
<rect x="{LEFT}" y="{:.0}" width="{:.1}" height="18" fill="#4878a8"/>
<line x1="{low:.1}" x2="{high:.1}" y1="{y:.0}" y2="{y:.0}" stroke="#222" stroke-width="2"/>
<text x="{:.1}" y="{:.0}">{:.1} {unit}</text>"##,
            LEFT - 8.0,
            y + 5.0,
            y - 9.0,
            end - LEFT,
            high + 8.0,
            y + 5.0,
            spread.median,
        );
    }
    svg + "</svg>\n"
}

/// One line for each name over a logarithmic axis.
#[must_use]
pub fn lines(
    title: &str,
    x_name: &str,
    unit: &str,
    series: &[(String, Vec<(f64, f64)>)],
) -> String {
    const COLOURS: [&str; 5] = ["#4878a8", "#c05030", "#509050", "#806090", "#888888"];
    let points = || series.iter().flat_map(|(_, points)| points);
    let (least, most) = points().fold((f64::MAX, 0.0), |(a, b), (x, _)| (x.min(a), x.max(b)));
    let top = points().map(|(_, y)| *y).fold(1e-9, f64::max);
    let (bottom, height) = (290.0, 220.0);
    let steps = (most / least).max(1.0001).ln();
    let x = |value: f64| 70.0 + (value / least).ln() / steps * (WIDTH - 300.0);
    let y = |value: f64| bottom - value / top * height;
    let mut svg = head(title, 340.0);
    let _ = writeln!(
        svg,
        r##"<line x1="70" x2="{:.0}" y1="{bottom}" y2="{bottom}" stroke="#222"/>"##,
        WIDTH - 220.0
    );
    for share in [0.0, 0.5, 1.0] {
        let value = top * share;
        let _ = writeln!(
            svg,
            r#"<text x="62" y="{:.0}" text-anchor="end">{value:.1}</text>"#,
            y(value) + 4.0
        );
    }
    let mut marks: Vec<f64> = points().map(|(x, _)| *x).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    for mark in marks {
        let _ = writeln!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" text-anchor="middle">{mark}</text>"#,
            x(mark),
            bottom + 18.0
        );
    }
    let _ = writeln!(
        svg,
        r#"<text x="300" y="{:.0}" text-anchor="middle">{x_name}; {unit}</text>"#,
        bottom + 40.0
    );
    for (at, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let path: Vec<String> =
            points.iter().map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py))).collect();
        let _ = writeln!(
            svg,
            r#"<polyline fill="none" stroke="{colour}" stroke-width="2" points="{}"/>"#,
            path.join(" ")
        );
        let last = points.last().map_or(bottom, |(_, last)| y(*last));
        let _ = writeln!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" fill="{colour}">{name}</text>"#,
            WIDTH - 215.0,
            last + 4.0
        );
    }
    svg + "</svg>\n"
}

fn head(title: &str, height: f64) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="24" font-size="15" font-weight="bold">{title}</text>
"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_drawn() {
        let rows = [("a".to_owned(), Spread { low: 1.0, median: 2.0, high: 3.0 })];
        assert!(bars("t", "µs", &rows).contains("2.0 µs"));
        let series = [("a".to_owned(), vec![(1.0, 2.0), (10.0, 3.0)])];
        assert!(lines("t", "x", "ns", &series).contains("<polyline"));
    }
}
