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
