//! Tables for people that fit their terminal: the widest of several layouts that does, and no word is ever broken.
//!
//! A cell is a few lines, each of which stays whole or, where its column may shrink, is cut in its middle with an ellipsis. The narrowest
//! layout is taken where none fits: rather a line too long than a number cut.

use comfy_table::{ContentArrangement, Table, presets};
use std::io::IsTerminal;

/// Columns of text where there is no terminal to ask.
const WIDTH: u16 = 120;
/// What a column adds to its text: a blank on each side, and one between it and the next.
const PADDING: usize = 3;
/// A column that may shrink keeps so many characters.
const LEAST: usize = 16;

/// An empty table in the house's style.
pub(crate) fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = plain();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width());
    table.set_header(head);
    table
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table
}

/// How many columns of text there are: the terminal's, else what COLUMNS says.
fn width() -> u16 {
    let asked = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = if std::io::stdout().is_terminal() { Table::new().width() } else { None };
    terminal.or_else(asked).unwrap_or(WIDTH)
}

/// One way to show the same rows.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Heading of each column, and whether its lines may be cut in their middle.
    head: Vec<(&'static str, bool)>,
    rows: Vec<Vec<String>>,
}

impl Layout {
    /// A layout with these columns; `true` for those that may shrink.
    pub(crate) fn new(head: &[(&'static str, bool)]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of cells, whose lines are as they will be shown.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The width of each column if nothing is cut.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(|(head, _)| longest(head)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = longest(cell).max(*width);
            }
        }
        widths
    }

    /// The widths that fit into `room`, with as little cut as can be; `None` if none do.
    fn fit(&self, room: usize) -> Option<Vec<usize>> {
        let mut widths = self.widths();
        let total = |widths: &[usize]| widths.iter().map(|width| width + PADDING).sum::<usize>() - 1;
        while total(&widths) > room {
            let columns = widths.iter_mut().zip(&self.head);
            // A heading stays whole.
            let shrinkable =
                columns.filter(|(width, (head, shrinks))| *shrinks && **width > LEAST.max(longest(head)));
            let (widest, _) = shrinkable.max_by_key(|(width, _)| **width)?;
            *widest -= 1;
        }
        Some(widths)
    }

    fn show(&self, widths: &[usize]) -> String {
        let mut table = plain();
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.head.iter().map(|(head, _)| *head));
        for row in &self.rows {
            let cut = |(cell, width): (&String, &usize)| {
                cell.lines().map(|line| shorten(line, *width)).collect::<Vec<_>>().join("\n")
            };
            table.add_row(row.iter().zip(widths).map(cut));
        }
        table.to_string()
    }
}

/// The first of the layouts that fits; they come in the order of their width.
pub(crate) fn render(layouts: &[Layout]) -> String {
    render_in(usize::from(width()), layouts)
}

fn render_in(room: usize, layouts: &[Layout]) -> String {
    let fitting = layouts.iter().find_map(|layout| Some((layout, layout.fit(room)?)));
    let narrowest = || layouts.last().map(|layout| (layout, layout.widths()));
    fitting.or_else(narrowest).map(|(layout, widths)| layout.show(&widths)).unwrap_or_default()
}

fn longest(cell: &str) -> usize {
    cell.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// The text, without its middle if it has more characters than `most`.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let tail = (most / 3).min(8);
    let head: String = text.chars().take(most.saturating_sub(tail + 1)).collect();
    let tail: String = text.chars().skip(length - tail).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layouts() -> [Layout; 2] {
        let mut wide = Layout::new(&[("host", false), ("pool", true), ("seen", false)]);
        wide.row(["10.20.0.21".into(), "pool.supportxmr.example:3333".into(), "2026-11-22\n10:00:00".into()]);
        let mut narrow = Layout::new(&[("host", false), ("whom it mines for", true)]);
        narrow.row(["10.20.0.21\n2026-11-22".into(), "pool.supportxmr.example:3333".into()]);
        [wide, narrow]
    }

    #[test]
    fn the_widest_layout_that_fits_is_taken() {
        let text = render_in(60, &layouts());
        assert!(text.contains("seen") && text.contains("pool.supportxmr.example:3333"), "{text}");
        let text = render_in(50, &layouts());
        assert!(text.contains("seen") && text.contains("…"), "{text}");
        let text = render_in(35, &layouts());
        assert!(!text.contains("seen") && text.contains("2026-11-22"), "{text}");
        let text = render_in(10, &layouts());
        assert!(
            text.contains("pool.supportxmr.example:3333"),
            "nothing is cut that cannot fit anyway: {text}"
        );
    }

    #[test]
    fn no_line_is_longer_than_the_room() {
        for room in 33..70 {
            let text = render_in(room, &layouts());
            assert!(text.lines().all(|line| line.chars().count() <= room), "{room}:\n{text}");
        }
    }

    #[test]
    fn what_is_cut_keeps_both_ends() {
        assert_eq!(shorten("short", 20), "short");
        assert_eq!(shorten(&"abcdefghij".repeat(9), 20), "abcdefghijabc…efghij");
        assert_eq!(shorten(&"abcdefghij".repeat(9), 26), "abcdefghijabcdefg…cdefghij");
    }
}
