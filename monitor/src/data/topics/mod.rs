//! Topics with their newest values and their history, within a memory limit.

mod backfill;
mod keys;
mod latest;
mod past;
mod rate;
mod sample;
mod store;
mod topic_state;
mod totals;

pub(crate) use self::{
    keys::TopicKey,
    latest::Latest,
    store::MEMORY_LIMIT_DEFAULT_BYTES,
    topic_state::{Direction, MonitoredTopic},
    totals::UpdateTotals,
};
pub use self::{
    past::PastHistory,
    store::{Store, TOPICS_MAX},
};
