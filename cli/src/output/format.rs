//! The forms of output, and when each is chosen.

use std::io::{IsTerminal, stdout};

use clap::{Args, ValueEnum};

use super::terminal::Colour;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Pretty,
    /// A line of JSON for each update, as in a recording
    Jsonl,
    /// A table with a heading
    Csv,
}

/// How updates are written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FormatArgs {
    /// Form of the output [default: pretty on a terminal, else jsonl]
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,

    /// Colours of the form pretty; NO_COLOR=1 switches them off as well
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Colour,
}

impl FormatArgs {
    /// The form: what was asked for, or what suits the reader.
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or_else(|| match stdout().is_terminal() {
            true => Format::Pretty,
            false => Format::Jsonl,
        })
    }
}
