//! How figures are written.

use tickcast_loadtest::number::grouped;

use crate::compare::figures::Figures;

pub(super) const KIB: f64 = 1024.0;
pub(super) const MIB: f64 = 1024.0 * KIB;

/// Longest line of the project's Markdown.
const LINE_MAX: usize = 100;

/// A paragraph, or an item of a list, in lines that are not too long.
pub(super) fn wrapped(text: &str) -> String {
    let indent = if text.starts_with("* ") { "  " } else { "" };
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let len = line.chars().count() + 1 + word.chars().count();
        if !line.trim().is_empty() && len > LINE_MAX {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines.push(line);
    lines.join("\n")
}

/// A share in per cent.
pub(super) fn percent(share: Option<f64>, decimals: usize) -> String {
    share.map_or("–".to_owned(), |share| {
        // 100 % is written only for everything.
        let percent = share * 100.0;
        let text = format!("{percent:.decimals$}");
        match text.starts_with("100") && share < 1.0 && decimals > 0 {
            true => format!("{:.decimals$} %", 99.99),
            false => format!("{text} %"),
        }
    })
}

/// If a smaller share than this arrived, it is written beside the latency.
const COMPLETE: f64 = 0.995;

/// The p99, and the share that arrived, or arrived in time, if it was not everything.
pub(super) fn p99_label(figures: &Figures) -> Option<String> {
    let share = figures.kept_up.unwrap_or(1.0).min(figures.completion);
    let arrived = match share < COMPLETE {
        true => format!(" ({:.0} %)", share * 100.0),
        false => String::new(),
    };
    match (figures.p99_ms, arrived.is_empty()) {
        (None, true) => None,
        (p99_ms, _) => Some(p99_ms.map_or("–".to_owned(), short) + &arrived),
    }
}

/// At most three significant digits, or all digits before the point.
pub(super) fn short(value: f64) -> String {
    digits(value, 3)
}

/// At most this many decimals and three significant digits, or all digits before the point.
pub(super) fn digits(value: f64, decimals: usize) -> String {
    let places = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 0.1 => 2,
        _ => 3,
    };
    match decimals.min(places) {
        0 => grouped(value),
        decimals => format!("{value:.decimals$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_not_too_long_and_items_are_indented() {
        let text = format!("* {}end.", "word ".repeat(30));
        let wrapped = wrapped(&text);
        let lines: Vec<_> = wrapped.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].len() > 90 && lines[0].len() <= LINE_MAX);
        assert!(lines[1].starts_with("  word") && lines[1].ends_with("end."));
    }

    #[test]
    fn almost_everything_is_not_written_as_everything() {
        assert_eq!(percent(Some(1.0), 2), "100.00 %");
        assert_eq!(percent(Some(0.999_999), 2), "99.99 %");
        assert_eq!(percent(Some(0.5), 0), "50 %");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(grouped(999.0), "999");
        assert_eq!(digits(0.0217, 3), "0.022");
        assert_eq!(digits(4.567, 3), "4.57");
        assert_eq!(digits(12.34, 3), "12.3");
        assert_eq!(digits(0.04, 1), "0.0");
    }
}
