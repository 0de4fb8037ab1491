//! A column, as the settings name it.

/// A column, by its name in the heading or by its number from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Its name in the heading.
    Name(String),
    /// Its number, from 1.
    Number(usize),
}

impl From<&str> for Column {
    fn from(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self::Number(number),
            Err(_) => Self::Name(text.to_owned()),
        }
    }
}
