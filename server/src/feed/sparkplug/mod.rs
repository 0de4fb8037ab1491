//! Sparkplug B (specification 3.0.0 of the Eclipse Foundation), as a host application reads it.
//!
//! A **node** publishes a birth that defines its metrics (names, aliases, datatypes), then data
//! that refer to it, and its broker publishes its death when it is gone. A node may have
//! **devices**, with births and deaths of their own. Each metric becomes a topic:
//! `GROUP/NODE/METRIC` or `GROUP/NODE/DEVICE/METRIC`.
//!
//! No value comes under a wrong name: what refers to a birth that is not known for sure is dropped
//! and counted, and the node is asked for another birth. That is the case before the first birth,
//! after a death, after a lost connection, and for aliases after a gap in the node's sequence.
//!
//! This room has no socket and no clock: the time is passed in, and what must be published is
//! returned. It belongs to the feeds and not to `tickcast-core`, because it makes the same
//! [`Decoded`](super::decode::Decoded) of a payload as the decoder does.
//!
//! The files in reading order:
//!
//! * `address`, `payload`, `unpack`: topics and messages as they are sent
//! * `datatype`, `value`, `json`: values
//! * `message`, `outcome`, `bounds`: one message, what becomes of it, and how much there may be
//! * `names`, `scope`: the metrics of a node or device
//! * `held`, `rebirth`: the order of messages, and when to ask for a birth
//! * `node`, `host`: one node, and all of them
//! * `command`, `state`: what the host publishes

mod address;
mod bounds;
mod command;
mod datatype;
mod held;
mod host;
mod json;
mod message;
mod names;
mod node;
mod outcome;
mod payload;
mod rebirth;
mod scope;
mod state;
mod unpack;
mod value;

#[cfg(test)]
mod tests;

pub use host::Host;
pub use outcome::{Counts, Event, Outcome};

pub(super) use address::{all_filter, is_own_filter, state_topic};
pub(super) use state::HostState;
