//! Lines in a picture: panels side by side as SVG, readable on light ground and on dark.

use std::fmt::Write;

/// A panel: one pair of axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// What is to the right.
    pub x: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A line with its name.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name, written at its end.
    pub name: String,
    /// Whether it is no measurement.
    pub dashed: bool,
    /// Its points, from left to right; x is above 0.
    pub points: Vec<(f64, f64)>,
}

/// A panel's size with its margins, and the axes' in it.
const PANEL: (f64, f64) = (330.0, 260.0);
const LEFT: f64 = 40.0;
const TOP: f64 = 34.0;
const AXES: (f64, f64) = (215.0, 175.0);

const STYLE: &str = "text{font:11px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:12px}\
    .g{stroke:#d0d7de;stroke-width:1}.l{fill:none;stroke-width:2}.d{stroke-dasharray:4 4;stroke-width:1.5}\
    .c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#6e7781}circle{stroke:none}.f0{fill:#0969da}.f1{fill:#bc4c00}.f2{fill:#6e7781}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.g{stroke:#30363d}.c0{stroke:#58a6ff}.c1{stroke:#f0883e}.c2{stroke:#8b949e}\
    .f0{fill:#58a6ff}.f1{fill:#f0883e}.f2{fill:#8b949e}}";

/// The panels side by side. Up is millions of frames a second.
pub fn svg(panels: &[Panel]) -> String {
    let (width, height) = (PANEL.0 * panels.len() as f64, PANEL.1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\
         <style>{STYLE}</style>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        draw(&mut svg, panel, PANEL.0 * index as f64 + LEFT).expect("a string takes all");
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, panel: &Panel, left: f64) -> std::fmt::Result {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let (low, high) =
        points().fold((f64::MAX, 0.0_f64), |(low, high), point| (low.min(point.0), high.max(point.0)));
    let top = nice(points().map(|point| point.1).fold(0.0, f64::max));
    // A logarithm, since sizes and flows go by factors; a single x lies in the middle.
    let span = (high / low).ln();
    let x = |value: f64| left + AXES.0 * if span > 0.0 { (value / low).ln() / span } else { 0.5 };
    let y = |value: f64| TOP + AXES.1 * (1.0 - value / top);
    writeln!(svg, "<text class=\"t\" x=\"{left}\" y=\"16\">{}</text>", panel.title)?;
    for step in 0..=4 {
        let value = top * f64::from(step) / 4.0;
        let (from, to, at) = (left, left + AXES.0, y(value));
        writeln!(svg, "<line class=\"g\" x1=\"{from:.0}\" x2=\"{to:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>")?;
        writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            at + 4.0,
            short(value)
        )?;
    }
    for value in ticks(points().map(|point| point.0).collect()) {
        let below = TOP + AXES.1 + 16.0;
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{below:.0}\" text-anchor=\"middle\">{}</text>",
            x(value),
            short(value)
        )?;
    }
    let (middle, bottom) = (left + AXES.0 / 2.0, TOP + AXES.1 + 34.0);
    writeln!(svg, "<text x=\"{middle:.0}\" y=\"{bottom:.0}\" text-anchor=\"middle\">{}</text>", panel.x)?;
    let mut taken: Vec<f64> = Vec::new();
    for (index, line) in panel.lines.iter().enumerate() {
        let color = if line.dashed { 2 } else { index % 2 };
        let path: Vec<_> =
            line.points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        let dashed = if line.dashed { " d" } else { "" };
        writeln!(svg, "<polyline class=\"l c{color}{dashed}\" points=\"{}\"/>", path.join(" "))?;
        for point in line.points.iter().filter(|_| !line.dashed) {
            writeln!(
                svg,
                "<circle class=\"f{color}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\"><title>{}: {:.2} Mpps</title></circle>",
                x(point.0),
                y(point.1),
                short(point.0),
                point.1
            )?;
        }
        if let Some(end) = line.points.last() {
            let mut at = y(end.1) + 4.0;
            // Names that would lie on each other go below each other.
            while taken.iter().any(|other| (at - other).abs() < 12.0) {
                at += 12.0;
            }
            taken.push(at);
            writeln!(svg, "<text x=\"{:.1}\" y=\"{at:.1}\">{}</text>", x(end.0) + 6.0, line.name)?;
        }
    }
    Ok(())
}

/// The next round number.
fn nice(value: f64) -> f64 {
    let power = 10.0_f64.powf(value.max(0.001).log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|&step| step >= value)
        .unwrap_or(value)
}

/// The values that are written below: all, less those too near to the one before.
fn ticks(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values.dedup();
    let span = values.last().zip(values.first()).map_or(1.0, |(last, first)| (last / first).ln().max(0.1));
    let mut kept: Vec<f64> = Vec::new();
    for value in values {
        if kept.last().is_none_or(|last| (value / last).ln() / span > 0.12) {
            kept.push(value);
        }
    }
    kept
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", v / 1e6),
        v if v >= 10_000.0 => format!("{} k", v / 1e3),
        v if v >= 1.0 || v == 0.0 => format!("{}", (v * 100.0).round() / 100.0),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_inside_its_picture() {
        let line = |dashed, points| Line { name: "rate".to_owned(), dashed, points };
        let lines = vec![line(false, vec![(64.0, 14.8), (1518.0, 0.8)]), line(true, vec![(64.0, 3.0)])];
        let one = vec![line(false, vec![(1.0, 5.0)])];
        let panel = |lines| Panel { title: "frames".to_owned(), x: "bytes".to_owned(), lines };
        let svg = svg(&[panel(lines), panel(one)]);
        for circle in svg.split("<circle").skip(1) {
            let number = |name: &str| {
                let rest = circle.split(name).nth(1).expect("a coordinate");
                rest.split('"').next().expect("its end").parse::<f64>().expect("a number")
            };
            assert!(
                (0.0..=660.0).contains(&number("cx=\"")) && (0.0..=260.0).contains(&number("cy=\"")),
                "{circle}"
            );
        }
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(svg.matches("<polyline").count(), 3);
    }

    #[test]
    fn round_numbers_are_above() {
        assert_eq!([0.7, 1.0, 3.1, 14.8, 81.0].map(nice), [0.8, 1.0, 4.0, 20.0, 100.0]);
        assert_eq!(ticks(vec![1e3, 1e4, 1e4, 1.01e4, 1e6]), [1e3, 1e4, 1e6]);
    }
}
