//! Topics with their newest values and their history, within a memory limit.

mod backfill;
mod keys;
mod latest;
mod past;
mod rate;
mod reference;
mod sample;
mod settings;
mod store;
mod topic_state;
mod totals;

pub(crate) use self::{
    keys::TopicKey,
    latest::Latest,
    settings::{DECIMALS_SET_MAX, SETTINGS_MAX, TopicSettings},
    store::MEMORY_LIMIT_DEFAULT_BYTES,
    topic_state::{Direction, MonitoredTopic},
    totals::UpdateTotals,
};
pub use self::{
    past::PastHistory,
    reference::ChangeReference,
    store::{Store, TOPICS_MAX},
};
