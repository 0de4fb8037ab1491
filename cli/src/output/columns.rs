//! Texts in columns, by the width that a terminal gives their letters.

use std::time::Duration;

use tickcast_protocol::message::TimeNs;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::terminal::{Style, Terminal};

/// Stands for what does not fit.
const LEFT_OUT: char = '…';

/// A column of a table does not become narrower than this.
const COLUMN_MIN: usize = 6;

/// Between two columns.
const GAP: &str = "  ";

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// A text without what is beyond a width. Its last letter tells that something is left out.
pub(super) fn clip(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mut clipped = start_of(text, max.saturating_sub(1)).to_owned();
    if max > 0 {
        clipped.push(LEFT_OUT);
    }
    clipped
}

/// A text whose middle is left out if it is wider. The last levels of a topic tell the most.
pub(super) fn shorten(text: &str, max: usize) -> String {
    if width(text) <= max || max < 5 {
        return clip(text, max);
    }
    let end = (max - 1) * 2 / 3;
    let start = start_of(text, max - 1 - end);
    format!("{start}{LEFT_OUT}{}", end_of(text, end))
}

fn start_of(text: &str, max: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, letter)| {
        taken += letter.width().unwrap_or(0);
        taken > max
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

fn end_of(text: &str, max: usize) -> &str {
    let mut taken = 0;
    let before = text.char_indices().rev().find(|(_, letter)| {
        taken += letter.width().unwrap_or(0);
        taken > max
    });
    &text[before.map_or(0, |(at, letter)| at + letter.len_utf8())..]
}

/// A text with spaces after it.
pub(super) fn left(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{text}{:spaces$}", "")
}

/// A text with spaces before it.
pub(super) fn right(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{:spaces$}{text}", "")
}

/// A table whose columns are as wide as they need to be. If the terminal is narrower, the widest of
/// them give way. A heading that begins with `>` lines its column up at the right. A column without
/// anything in it is left out.
pub(crate) fn grid(headings: &[&str], rows: &[Vec<String>], terminal: Terminal) -> String {
    let columns: Vec<Column> = headings
        .iter()
        .enumerate()
        .map(|(at, heading)| Column::new(at, heading, rows))
        .filter(|column| rows.is_empty() || !column.is_empty)
        .collect();
    let widths = fitting(columns.iter().map(|column| column.width), terminal.width());
    let line = |cell_of: &dyn Fn(&Column) -> String| {
        let cells: Vec<String> = columns
            .iter()
            .zip(&widths)
            .map(|(column, columns)| column.lined_up(&cell_of(column), *columns))
            .collect();
        cells.join(GAP).trim_end().to_owned()
    };
    let mut text = String::new();
    if terminal.is_terminal {
        let heading = line(&|column| column.name.clone());
        text.push_str(&terminal.paint(Style::Dim, &heading));
        text.push('\n');
    }
    for row in rows {
        text.push_str(&line(&|column| row[column.at].clone()));
        text.push('\n');
    }
    text
}

/// A column of a table.
struct Column {
    at: usize,
    name: String,
    is_right: bool,
    is_empty: bool,
    /// Columns of its widest cell.
    width: usize,
}

impl Column {
    fn new(at: usize, heading: &str, rows: &[Vec<String>]) -> Self {
        let (is_right, name) = match heading.strip_prefix('>') {
            Some(name) => (true, name),
            None => (false, heading),
        };
        let widest = rows.iter().map(|row| width(&row[at])).max().unwrap_or(0);
        Self {
            at,
            name: name.to_owned(),
            is_right,
            is_empty: widest == 0,
            width: widest.max(width(name)),
        }
    }

    /// A cell in its place. Names keep their ends, and other texts their beginnings.
    fn lined_up(&self, cell: &str, columns: usize) -> String {
        match (self.at, self.is_right) {
            (0, _) => left(&shorten(cell, columns), columns),
            (_, true) => right(&clip(cell, columns), columns),
            (_, false) => left(&clip(cell, columns), columns),
        }
    }
}

/// Widths of columns that fit together, if they can.
fn fitting(wanted: impl Iterator<Item = usize>, all: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = wanted.collect();
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(all);
    while excess > 0
        && let Some(widest) = widths.iter_mut().max()
        && *widest > COLUMN_MIN
    {
        *widest -= 1;
        excess -= 1;
    }
    widths
}

/// How long ago something was, in the largest unit.
pub(crate) fn age(then: TimeNs, now: TimeNs) -> String {
    let passed = Duration::from_nanos(u64::try_from(now.saturating_sub(then)).unwrap_or(0));
    match passed.as_secs() {
        0 => format!("{} ms", passed.as_millis()),
        s @ 1..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::terminal::Colour;

    #[test]
    fn what_does_not_fit_is_left_out_and_shown_to_be() {
        assert_eq!(clip("temperature", 6), "tempe…");
        assert_eq!(clip("温度温度", 5), "温度…");
        assert_eq!(clip("abc", 0), "");
        let name = "plant/hall-3/line-17/boiler/temperature";
        let short = shorten(name, 24);
        assert_eq!(short, "plant/ha…ler/temperature");
        assert_eq!(width(&short), 24);
        assert_eq!(shorten("a/b", 24), "a/b");
        // A letter of two columns may leave one free, on both sides.
        assert!((7..=9).contains(&width(&shorten("温度温度温度温度", 9))));
    }

    #[test]
    fn columns_are_lined_up() {
        let terminal = Terminal::of_stdout(Colour::Never);
        let rows = [["a", "7", "on"], ["plant/温", "12.5", "off"]];
        let rows = rows.map(|row| row.map(String::from).to_vec());
        let text = grid(&["TOPIC", ">VALUE", "STATE"], &rows, terminal);
        let expected = "a             7  on\nplant/温   12.5  off\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn the_widest_columns_give_way_on_a_narrow_terminal() {
        assert_eq!(fitting([40, 60, 5].into_iter(), 120), [40, 60, 5]);
        assert_eq!(fitting([40, 60, 5].into_iter(), 60), [26, 25, 5]);
        assert_eq!(fitting([40, 60, 5].into_iter(), 10), [6, 6, 5]);
        assert_eq!(fitting([].into_iter(), 10), [0; 0]);
    }

    #[test]
    fn a_column_without_anything_in_it_is_left_out() {
        let rows = [vec!["a".to_owned(), String::new(), "7".to_owned()]];
        let text = grid(
            &["TOPIC", "STATUS", ">AGE"],
            &rows,
            Terminal::of_stdout(Colour::Never),
        );
        assert!(text.ends_with("a        7\n"), "{text}");
    }

    #[test]
    fn ages_are_in_their_largest_unit() {
        let s = 1_000_000_000;
        let ages = [0, s / 2, 3 * s, 119 * s, 150 * s, 8_000 * s, 400_000 * s];
        let ages = ages.map(|passed| age(0, passed));
        assert_eq!(
            ages,
            ["0 ms", "500 ms", "3 s", "119 s", "2 min", "2 h", "4 d"]
        );
        assert_eq!(age(5, 0), "0 ms");
    }
}
