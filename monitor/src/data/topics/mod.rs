//! Topics with their newest values and their history, within a memory limit.

mod appending;
mod away;
mod backfill;
mod by_source;
mod derived;
#[cfg(test)]
mod joint_tests;
mod keys;
mod latest;
mod long_time;
mod messages;
mod past;
mod rate;
mod reference;
mod sample;
mod settings;
mod states;
mod store;
#[cfg(test)]
mod test_updates;
mod topic_state;
mod totals;
mod watched;
mod watching;

pub(crate) use self::{
    keys::TopicKey,
    latest::Latest,
    messages::{MESSAGES_MAX, Message, MessageLog},
    settings::{DECIMALS_SET_MAX, SETTINGS_MAX, TopicSettings},
    states::StateNumber,
    store::MEMORY_LIMIT_DEFAULT_BYTES,
    topic_state::{Direction, MonitoredTopic},
    totals::UpdateTotals,
    watched::Watched,
};
pub use self::{
    past::PastHistory,
    reference::ChangeReference,
    store::{Store, TOPICS_MAX},
};
