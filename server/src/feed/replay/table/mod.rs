//! Tables of recorded values: files of CSV and its relatives.
//!
//! The files in reading order:
//!
//! * `format`: the meaning of columns and the form of times and numbers in the settings
//! * `column`, `columns`, `topics`: which columns there are, and the topics that rows have
//! * `sample`, `headings`, `find`: finding out what the settings do not tell
//! * `civil`, `times`, `numbers`: the forms of times and numbers
//! * `bounded`, `reader`, `rows`: from the rows of an open file to updates

mod bounded;
mod civil;
mod column;
mod columns;
mod find;
mod format;
mod headings;
mod numbers;
mod reader;
mod rows;
mod sample;
mod times;
mod topics;

pub use column::Column;
pub use columns::Columns;
pub use format::{CsvFormat, PRESETS};

pub(super) use find::OwnTopic;
pub(super) use rows::TableRows;
pub(super) use sample::Sample;
