//! Measures honestly how long an update takes to reach every subscriber.
//!
//! Latency is counted from the moment an update was due, not from when it was sent, and a run
//! calls itself invalid when the load tester and not the server was the limit.

pub mod recording;
pub mod schedule;
pub mod stamp;

pub mod inbox;
pub mod mqtt;
pub mod websocket;

pub mod integrity;
pub mod scan;
pub mod session;
pub mod topics;

pub mod completion;
pub mod latency;
pub mod recorder;

pub mod clock;
pub mod environment;
pub mod process;
pub mod scrape;

pub mod publisher;
pub mod worker;

pub mod assertion;
pub mod cli;
pub mod plan;
pub mod summary;

pub mod collected;
pub mod progress;
pub mod run;
pub mod search;

pub mod compare;
pub mod report;

pub mod selftest;
