//! Outputs: the newest values go to a broker or to Grafana as well, without a client of ours there.
//!
//! ```text
//!  handoff of strips -> thread -> newest values of each output -> task: mqtt | grafana
//! ```
//!
//! The files in reading order:
//!
//! * `settings`: what an operator configures, and what is refused
//! * `newest`: the newest value of each topic, and which is next; pure
//! * `shared`: what the thread and a task share
//! * `payload`, `discovery`, `lines`: what is written; pure
//! * `mqtt`, `grafana`: the two targets
//! * `thread`: takes strips like a shard, and runs the tasks
//!
//! An output knows the handoff and the metrics. It knows no shard, no client and no feed; only the
//! check of its settings looks at those of feeds.

mod discovery;
mod grafana;
mod lines;
mod mqtt;
mod newest;
mod payload;
pub(crate) mod settings;
mod shared;
mod thread;

pub(crate) use settings::OutputSettings;
pub(crate) use thread::OutputThread;
