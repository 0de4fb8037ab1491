//! The replay feed: plays recorded files at their own speed or faster, once or repeatedly.
//!
//! The files in reading order:
//!
//! * `settings`, `file`: which files are played, and how
//! * `player`, `timeline`: plays a file or a group of files
//! * `merge`, `order`: several files as one, in the order of their recorded times
//! * `recording`, `row`: a recorded file, line by line
//! * `input`, `lines`: opening a file, and recordings of the monitor
//! * `log_rows`: a log on disk
//! * `table`: CSV files and their relatives

mod file;
mod input;
mod lines;
mod log_rows;
mod merge;
mod order;
mod player;
mod recording;
mod row;
mod settings;
mod table;
mod timeline;

pub use file::ReplayFile;
pub use recording::Recording;
pub use row::{BadRow, Chunk, Row};
pub use settings::{Clock, FarAhead, ReplaySettings, SourceTime, Speed};
pub use table::{Column, Columns, CsvFormat, PRESETS};

pub(super) use player::run;
