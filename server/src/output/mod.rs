//! Outputs: updates go to a broker or to Grafana as well, without a client of ours there.
//!
//! ```text
//!  handoff of strips -> thread -> updates of each output -> task: mqtt | grafana
//! ```
//!
//! The files in reading order:
//!
//! * `template`: where the values of a topic go at a broker; pure
//! * `settings`: what an operator configures, and what is refused
//! * `queue`: updates that wait, where each is sent; pure
//! * `newest`: the newest value of each topic, and what is next; pure
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
mod queue;
pub(crate) mod settings;
mod shared;
mod template;
mod thread;

pub(crate) use settings::OutputSettings;
pub(crate) use thread::OutputThread;
