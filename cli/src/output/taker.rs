//! What happens to what comes of a subscription.

use tickcast_protocol::{
    message::{TopicStatus, Update},
    topic::Topic,
};

use crate::exit::Failure;

/// Where an update comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// No update of the topic is missing between it and the one before.
    pub(crate) is_every: bool,
    /// It was there before the subscription, or is shown in place of lost ones.
    pub(crate) is_old: bool,
}

/// What happens to what comes.
pub(crate) trait Taker {
    /// Appends an update to `out`.
    fn update(
        &mut self,
        update: Update<Topic>,
        unit: Option<&str>,
        origin: Origin,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure>;

    /// Appends a status.
    fn status(
        &mut self,
        status: TopicStatus<Topic>,
        is_every: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure>;

    /// Tells something about all topics of a filter.
    fn note(&mut self, text: &str, out: &mut Vec<u8>);
}
