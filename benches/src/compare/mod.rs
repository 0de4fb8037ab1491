//! The end-to-end comparison: each contender on one core, its load on the other, the same work for
//! all, in turns and repeatedly.
//!
//! [`workload`] says what to do and which contenders do it together, [`program`] starts contenders,
//! [`measure`](mod@measure) measures them in turns, [`figures`] are the results, and [`report`]
//! writes them. The load itself is `tickcast_loadtest::busy_loop`: one thread that publishes on an
//! absolute schedule and reads all subscribers' connections.

pub mod contender;
pub mod workload;

pub mod program;

pub mod figures;
pub mod measure;

pub mod report;
