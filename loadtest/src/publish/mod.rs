//! The publisher.
//!
//! An [`Emitter`] publishes what is due without waiting. The load tester's [`Publisher`] is a
//! thread that sleeps until a slot is due and sends all that are due in one write. A late update is
//! sent at once and never skipped. Three moments are distinguished: *due*, when the schedule wants
//! the update; *ready*, when the socket had taken everything before it; and *sent*. `sent - due` is
//! the slip. `sent - max(due, ready)` is the generator's own fault; the rest is caused by a server
//! that does not read.

mod connection;
mod emitter;
mod error;
mod handle;
mod status;
mod target;
mod thread;

pub use emitter::{AppendLimit, Emitter};
pub use error::{PublishError, Refusal};
pub use handle::Publisher;
pub use status::{OWN_SLIP_MAX_NS, PublisherStatus, PublisherTotals, Segment};
pub use target::{PublishContent, PublishTarget};
