//! `--print-config`: a file that could be read again.

use std::fmt::Write;

use super::section::{AnySection, Kind};
use crate::feed::mqtt::HIDDEN;

/// Where the comments begin, if the value is not longer.
const COMMENT_COLUMN: usize = 40;

/// The lines of one section. What is not set or must not be shown is a comment.
pub(super) fn section(out: &mut String, section: &impl AnySection) {
    for line in section.lines() {
        let setting = match (&line.value, line.kind) {
            (None, _) => format!("# {} is not set", line.key),
            (Some(value), Kind::Secret) if value.to_string().contains(HIDDEN) => {
                format!("# {} = {value}", line.key)
            }
            (Some(value), _) => format!("{} = {value}", line.key),
        };
        commented(out, &setting, &line.origin.described());
    }
}

/// One line with a comment behind it.
pub(super) fn commented(out: &mut String, line: &str, comment: &str) {
    writeln!(out, "{line:<COMMENT_COLUMN$} # {comment}").expect("memory can be written");
}
