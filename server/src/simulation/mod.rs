//! A simulated network, for tests in virtual time: connections whose bytes come in pieces of any
//! size, late, not for a while, or not at all.
//!
//! * `faults`: what goes wrong, by a seed
//! * `socket`: both ends of a connection
//! * `carrier`: takes the bytes from one end to the other
//! * `dialing`: connections that the program itself makes
//! * `seeds`: the seeds that a test runs
//!
//! The time is the runtime's paused clock, so minutes of stalls pass in milliseconds. A seed fixes
//! the faults. The order of tasks that wake at the same moment may still differ between two runs.

mod carrier;
mod dialing;
mod faults;
mod seeds;
mod socket;

pub(crate) use dialing::{dial, listen};
pub(crate) use faults::{Faults, Rng};
pub(crate) use seeds::each_seed;
pub(crate) use socket::{Network, Socket};
