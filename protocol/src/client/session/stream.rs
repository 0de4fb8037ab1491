//! What the server sends without a request: batches, gaps and heartbeats, each checked by its
//! chain, and statuses.

use super::state::{CHAIN_BREAKS_MAX, Session, SessionError};
use crate::{
    client::{
        chain::ChainError,
        event::{ClientBatch, Event},
    },
    message::{Batch, ChannelId, Gap, Heartbeat, Statuses},
    topic::{Filter, Topic},
};

impl Session {
    pub(super) fn batch(&mut self, batch: Batch<Topic>) -> Result<(), SessionError> {
        let Some((filter, chain)) = self.wanted.chain(batch.channel) else {
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
        self.events.push_move(event, filter, token);
        Ok(())
    }

    pub(super) fn gap(&mut self, gap: Gap) -> Result<(), SessionError> {
        let Some((filter, chain)) = self.wanted.chain(gap.channel) else {
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
        self.events.push_move(event, filter, token);
        Ok(())
    }

    pub(super) fn statuses(&mut self, message: Statuses<Topic>) {
        if let Some((filter, _)) = self.wanted.chain(message.channel) {
            self.push_event(Event::Status {
                filter,
                topics: message.topics,
                statuses: message.statuses,
            });
        }
    }

    pub(super) fn heartbeat(&mut self, heartbeat: Heartbeat) -> Result<(), SessionError> {
        for sent in &heartbeat.channels {
            if let Some((filter, chain)) = self.wanted.chain(sent.channel)
                && let Err(error) = chain.heartbeat(sent.position)
            {
                self.broken(filter, sent.channel, error)?;
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
        self.wanted.restart(&filter);
        self.unsubscribe(vec![channel]);
        self.subscribe_wanted();
        Ok(())
    }
}
