//! Files that are saved, recorded, exported and reported. Knows no screen and no socket.

pub(crate) mod csv;
pub(crate) mod destination;
pub(crate) mod header_file;
pub(crate) mod recording;
pub(crate) mod saved_state;
pub(crate) mod saver;
pub(crate) mod usage_report;
