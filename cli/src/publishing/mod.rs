//! Updates to the server.
//!
//! * `input`: lines of standard input or of a file, some at a time, read on a thread
//! * `parse`: a line becomes an update
//! * `publisher`: sends updates, and waits until the server has them

mod input;
mod parse;
mod publisher;

pub(crate) use input::{Chunk, Input};
pub(crate) use parse::{Parsed, ValueType, parse_line, parse_value};
pub(crate) use publisher::Publisher;
