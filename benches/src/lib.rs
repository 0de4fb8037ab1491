//! Benchmarks: the comparison with other servers, and the parts that the micro benchmarks share.

pub mod compare;
pub mod pieces;
pub mod processes;
