//! How numbers are written: with a point or with a comma before the decimals.

use std::borrow::Cow;

/// What stands before the decimals of a number in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numerals {
    /// A point, and nothing between thousands.
    #[default]
    Usual,
    /// A point; commas, spaces and apostrophes between thousands.
    Point,
    /// A comma; points, spaces and apostrophes between thousands.
    Comma,
}

impl Numerals {
    /// The number as it is usually written; `None` if its groups of digits are no thousands:
    /// `21.5` is no number with a comma.
    pub(crate) fn number(self, text: &str) -> Option<Cow<'_, str>> {
        let is_right = match self {
            Self::Usual => true,
            Self::Point => are_groups(text, ',', '.'),
            Self::Comma => are_groups(text, '.', ','),
        };
        is_right.then(|| self.plain(text))
    }

    /// The number as it is usually written.
    pub(crate) fn plain(self, text: &str) -> Cow<'_, str> {
        let (decimals, thousands) = match self {
            Self::Usual => return text.into(),
            Self::Point => ('.', ','),
            Self::Comma => (',', '.'),
        };
        let is_between = |c: char| c == thousands || c == '\'' || c.is_whitespace();
        let kept = text.chars().filter(|&c| !is_between(c));
        kept.map(|c| if c == decimals { '.' } else { c }).collect()
    }
}

/// Whether the digits before the decimals are whole or in groups. The last group has three digits,
/// others also two, as in India.
fn are_groups(text: &str, thousands: char, decimals: char) -> bool {
    let is_between = |c: char| c == thousands || c == '\'' || c.is_whitespace();
    let (whole, fraction) = text.split_once(decimals).unwrap_or((text, ""));
    if fraction.contains(is_between) {
        return false;
    }
    if !whole.contains(is_between) {
        return true;
    }
    let whole = whole.trim_start_matches(['+', '-']);
    let lens: Vec<_> = whole.split(is_between).map(str::len).collect();
    match lens.as_slice() {
        [first, between @ .., last] => {
            (1..=3).contains(first) && between.iter().all(|len| (2..=3).contains(len)) && *last == 3
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::Numerals;

    #[test]
    fn numbers_are_read_in_both_ways_of_writing() {
        assert_eq!(Numerals::Comma.plain("1.234,5"), "1234.5");
        assert_eq!(Numerals::Comma.plain("-21,5"), "-21.5");
        assert_eq!(Numerals::Point.plain("1,234,567.5"), "1234567.5");
        assert_eq!(Numerals::Point.plain("1'234 567"), "1234567");
        assert_eq!(Numerals::Usual.plain("1,5"), "1,5");
    }
}
