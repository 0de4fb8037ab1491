//! Measures how long an update takes to reach every subscriber, and whether every subscriber got
//! it.
//!
//! Latency counts from the moment an update was due, not from when it was sent. A run is reported
//! as invalid if the load tester, and not the server, was the limit.
//!
//! This is the project's only load generator. The load tester publishes with [`publish`] and
//! receives with [`worker`]; the comparison with other servers (`tickcast-benches`) does both in a
//! [`busy_loop`]. Both share everything below these: when updates are due, dialects, connections,
//! ledger and histograms. [`busy_loop`] explains why the loops are two.

// What an update is, and when it is due.
pub mod schedule;

// From bytes to facts.
pub mod wire;

pub mod scan;

pub mod dialect;

pub mod connection;

// What is known afterwards.
pub mod latency;
pub mod ledger;

pub mod observe;

// The two loads.
pub mod publish;
pub mod worker;

pub mod busy_loop;

// A run of the load tester.
pub mod number;
pub mod summary;

pub mod assertion;
pub mod plan;

pub mod cli;
pub mod run;

// What comes of runs.
pub mod chart;
pub mod compare;
pub mod report;

pub mod selftest;
