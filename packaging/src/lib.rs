//! What the tests of the packages read: unit files, and records of system calls.
//!
//! The packages themselves are made by `scripts/package.sh`.

pub mod calls;
pub mod unit;
