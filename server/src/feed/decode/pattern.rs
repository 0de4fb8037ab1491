//! Texts with a `*` for any part: `publicTrade.*`.

use std::fmt;

/// A text, in which one `*` stands for any part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextPattern {
    before: Box<str>,
    /// What follows the `*`, if there is one.
    after: Option<Box<str>>,
}

impl From<&str> for TextPattern {
    /// Further stars stand for themselves.
    fn from(text: &str) -> Self {
        match text.split_once('*') {
            Some((before, after)) => Self {
                before: before.into(),
                after: Some(after.into()),
            },
            None => Self {
                before: text.into(),
                after: None,
            },
        }
    }
}

impl TextPattern {
    /// Whether it has a `*`.
    pub(super) fn has_star(&self) -> bool {
        self.after.is_some()
    }

    /// What the `*` stands for, if the text matches; without a `*` that is nothing.
    pub(super) fn star<'t>(&self, text: &'t str) -> Option<&'t str> {
        let rest = text.strip_prefix(&*self.before)?;
        match &self.after {
            Some(after) => rest.strip_suffix(&**after),
            None => rest.is_empty().then_some(rest),
        }
    }
}

impl fmt::Display for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.before)?;
        match &self.after {
            Some(after) => write!(f, "*{after}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_part_and_everything_else_for_itself() {
        for (pattern, text, star) in [
            ("trade", "trade", Some("")),
            ("trade", "trades", None),
            ("trade", "", None),
            ("trades_*", "trades_btcusd", Some("btcusd")),
            ("trades_*", "trades_", Some("")),
            ("trades_*", "book_btcusd", None),
            ("*@trade", "btcusdt@trade", Some("btcusdt")),
            ("a*a", "a", None),
            ("a*a", "aa", Some("")),
            ("*", "anything", Some("anything")),
            ("a**", "ab*", Some("b")),
            ("", "", Some("")),
        ] {
            let found = TextPattern::from(pattern);
            assert_eq!(found.star(text), star, "{pattern} {text}");
            assert_eq!(found.to_string(), pattern);
        }
    }
}
