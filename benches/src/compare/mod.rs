//! The end-to-end comparison: each contender on one core, the load on the other, the same work for
//! all, in turns and again.
//!
//! A [`heat`] decides whose turn it is. An [`entrant`] is a contender with its [`load`], in a process
//! of its own; what came of it is a measurement, of which there are [`figures`].
//!
//! The load is one thread that publishes on an absolute schedule and reads all subscribers'
//! connections. It never sleeps while it measures: a sender that must wake a sleeping receiver
//! pays for that, and how often it does depends on luck.

pub mod accounting;
pub mod connect;
pub mod contender;
pub mod crowd;
pub mod dialect;
pub mod entrant;
pub mod feed;
pub mod figures;
pub mod heat;
pub mod ledger;
pub mod load;
pub mod memo;
pub mod nats;
pub mod picture;
pub mod readme;
pub mod results;
pub mod table;
pub mod targets;
pub mod workload;
