//! Reads batches in place, without an allocation per update.
//!
//! These scanners stay our own code. A receiver must cost less than the server it measures, and the
//! protocol's decoder builds a `Value` for each update that no receiver looks at. The scanners hand
//! out what a receiver checks and skip the rest. A property test compares them with the decoder.

mod bincode;
mod facts;
mod json;
#[cfg(test)]
mod tests;

pub use bincode::scan_bincode;
pub use facts::{BatchHead, BatchSink, Facts, ScanError};
pub use json::{is_json_snapshot, scan_json, stamps_in_json};
