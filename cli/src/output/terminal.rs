//! Colours and width of a terminal.

use std::{
    env,
    io::{IsTerminal, stdout},
};

use clap::ValueEnum;
use terminal_size::{Width, terminal_size_of};

/// Columns where there is no terminal: lines are then as long as they are.
const WIDTH_ELSEWHERE: usize = 10_000;

/// Narrower terminals are written to as if they had this many columns.
const WIDTH_MIN: usize = 40;

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal
    Auto,
    /// Also in a pipe
    Always,
    /// Never
    Never,
}

/// How something is shown (ECMA-48, section 8.3.117).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

/// What is known of the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    has_colours: bool,
    /// Whether there is one.
    pub(crate) is_terminal: bool,
}

impl Terminal {
    /// That of standard output.
    pub(crate) fn of_stdout(colour: Colour) -> Self {
        let is_terminal = stdout().is_terminal();
        // See no-color.org.
        let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|name| name == "dumb");
        let has_colours = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => is_terminal && !is_refused && !is_dumb,
        };
        Self {
            has_colours,
            is_terminal,
        }
    }

    /// Its columns at the moment.
    pub(crate) fn width(self) -> usize {
        match terminal_size_of(stdout()) {
            Some((Width(width), _)) if self.is_terminal => usize::from(width).max(WIDTH_MIN),
            _ => WIDTH_ELSEWHERE,
        }
    }

    /// A text in a style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let number = match style {
            _ if !self.has_colours || text.is_empty() => return text.to_owned(),
            Style::Plain => return text.to_owned(),
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Red => 31,
            Style::Green => 32,
            Style::Yellow => 33,
        };
        format!("\u{1b}[{number}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_where_they_were_asked_for() {
        let always = Terminal::of_stdout(Colour::Always);
        assert_eq!(always.paint(Style::Red, "a"), "\u{1b}[31ma\u{1b}[0m");
        assert_eq!(always.paint(Style::Red, ""), "");
        assert_eq!(always.paint(Style::Plain, "a"), "a");
        let never = Terminal::of_stdout(Colour::Never);
        assert_eq!(never.paint(Style::Red, "a"), "a");
    }
}
