//! What the server sends by itself: batches, gaps and heartbeats, each checked by its chain, and
//! statuses.

use super::{Session, SessionError, State};
use crate::{
    client::{
        chain::{Chain, ChainError},
        event::{ClientBatch, Event},
    },
    message::{Batch, ChannelId, Gap, Heartbeat, Statuses},
    topic::{Filter, Topic},
};

/// Broken chains that are mended on one connection. With more the connection itself is in doubt,
/// and a new one is made, after a wait.
pub(super) const CHAIN_BREAKS_MAX: u32 = 8;

impl Session {
    /// The chain of a channel. `None` if the channel is being ended; a channel that never was is
    /// none of the caller's business either.
    pub(super) fn chain(&mut self, channel: ChannelId) -> Option<(Filter, &mut Chain)> {
        let filter = self.channels.get(&channel)?.clone();
        match &mut self.subscriptions.get_mut(&filter)?.state {
            State::Open { chain, .. } => Some((filter, chain)),
            State::Wanted | State::Requested => None,
        }
    }

    pub(super) fn batch(&mut self, batch: Batch<Topic>) -> Result<(), SessionError> {
        let Some((filter, chain)) = self.chain(batch.channel) else {
            return Ok(());
        };
        if let Err(error) = chain.batch(&batch) {
            return self.broken(filter, batch.channel, error);
        }
        let token = chain.token();
        let event = Event::Batch(ClientBatch {
            filter: filter.clone(),
            channel: batch.channel,
            from: batch.from,
            to: batch.to,
            snapshot: batch.snapshot,
            topics: batch.topics,
            updates: batch.updates,
        });
        self.push_move(event, filter, token);
        Ok(())
    }

    pub(super) fn gap(&mut self, gap: Gap) -> Result<(), SessionError> {
        let Some((filter, chain)) = self.chain(gap.channel) else {
            return Ok(());
        };
        if let Err(error) = chain.gap(&gap) {
            return self.broken(filter, gap.channel, error);
        }
        let token = chain.token();
        let event = Event::Gap {
            filter: filter.clone(),
            from: gap.from,
            to: gap.to,
            lost: gap.lost,
        };
        self.push_move(event, filter, token);
        Ok(())
    }

    pub(super) fn statuses(&mut self, message: Statuses<Topic>) {
        if let Some((filter, _)) = self.chain(message.channel) {
            self.push_event(Event::Status {
                filter,
                topics: message.topics,
                statuses: message.statuses,
            });
        }
    }

    pub(super) fn heartbeat(&mut self, heartbeat: Heartbeat) -> Result<(), SessionError> {
        for told in &heartbeat.channels {
            if let Some((filter, chain)) = self.chain(told.channel)
                && let Err(error) = chain.heartbeat(told.position)
            {
                self.broken(filter, told.channel, error)?;
            }
        }
        self.push_event(Event::Heartbeat(heartbeat));
        Ok(())
    }

    /// Ends the channel and resumes where the caller is.
    pub(super) fn broken(
        &mut self,
        filter: Filter,
        channel: ChannelId,
        error: ChainError,
    ) -> Result<(), SessionError> {
        self.push_event(Event::ChainBroken {
            filter: filter.clone(),
            error,
        });
        self.chain_breaks += 1;
        if self.chain_breaks > CHAIN_BREAKS_MAX {
            return Err(SessionError::ChainBreaks);
        }
        if let Some(subscription) = self.subscriptions.get_mut(&filter) {
            subscription.state = State::Wanted;
        }
        self.channels.retain(|_, of| *of != filter);
        self.unsubscribe(vec![channel]);
        self.subscribe_wanted();
        Ok(())
    }
}
