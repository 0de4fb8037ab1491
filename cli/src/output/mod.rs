//! Updates as columns for people, as lines of JSON, or as CSV.
//!
//! * `sink`: writes to standard output or to a file, on a thread that may wait
//! * `taker`: what happens to what comes
//! * `format`: the forms, and when each is chosen
//! * `printer`: updates, statuses and notes in one of the forms
//! * `recorded`: lines of JSON
//! * `table`: CSV
//! * `value`: a value in the words of people
//! * `terminal`: colours and width
//! * `columns`: texts in columns
//! * `live`: a line for each update, as it comes

mod sink;
mod taker;

mod format;

mod columns;
mod terminal;
mod value;

mod live;
mod recorded;
mod table;

mod printer;

pub(crate) use columns::{age, grid};
pub(crate) use format::{Format, FormatArgs};
pub(crate) use printer::{Printer, now_ns};
pub(crate) use recorded::{append_status, append_update};
pub(crate) use sink::{Output, PIECE_BYTES};
pub(crate) use taker::{Origin, Taker};
pub(crate) use terminal::Terminal;
pub(crate) use value::{kind, one_line};
