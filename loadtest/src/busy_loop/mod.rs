//! A load of the generator on one thread that never sleeps: it publishes and reads all subscribers.
//! The comparison with other servers measures with it.
//!
//! Connections, framing, dialects, publishing, the rule of the ledger and the histograms are the
//! load tester's. The loop itself is not, because the two loads answer different questions:
//!
//! * The comparison measures the CPU time of a server on one core. A sender that must wake a
//!   sleeping receiver pays for the wake-up, and how often it does so depends on chance. So this
//!   loop polls without sleeping, and publishes between two reads on the same thread: neither waits
//!   for the other to be scheduled. It says for how long it was busy.
//! * The load tester runs beside anything else, with many thousand connections for minutes. Its
//!   `worker` threads sleep, follow timers and commands, reconnect and resume,
//!   behave badly on purpose, and check Tickcast's chain of positions, which other servers do not
//!   have. Its publisher has a thread of its own that sleeps until a slot is due.
//!
//! [`BusyLoad`] connects everything, and then works until it is told to stop.

mod connect;
mod error;
mod load;
mod settings;
mod subscribers;

pub use error::LoadError;
pub use load::BusyLoad;
pub use settings::{LoadSettings, PublishRate, SubscriberSettings};
pub use subscribers::Subscribers;
