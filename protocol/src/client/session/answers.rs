//! The server's answers to the session's requests.

use super::{
    pending_requests::PendingRequest,
    state::{Session, SessionError},
    wanted::{Delivery, FilterState},
};
use crate::{
    client::{
        chain::Chain,
        event::{Event, NoAnswer, Unpublished},
    },
    error::ErrorCode,
    message::{
        Accepted, Candles, Changed, ErrorMessage, History, Published, Start, SubscribeResult,
        Subscribed, TimeAnswer, TimeNs, Unsubscribed,
    },
    topic::{Filter, Topic},
};

/// After how long a temporarily refused request is repeated, if the server does not say.
pub(super) const RETRY_AFTER_MS: u32 = 1_000;

impl Session {
    pub(super) fn subscribed(&mut self, subscribed: Subscribed) -> Result<(), SessionError> {
        let Some(PendingRequest::Subscribe(filters, delivery)) =
            self.requests.answered(subscribed.id)
        else {
            return Err(SessionError::Unexpected(
                "a `subscribed` without a `subscribe`",
            ));
        };
        if filters.len() != subscribed.results.len() {
            return Err(SessionError::Unexpected(
                "a `subscribed` with another number of results than filters",
            ));
        }
        for (filter, result) in filters.into_iter().zip(subscribed.results) {
            match result {
                SubscribeResult::Accepted(accepted) => self.accepted(filter, accepted, delivery)?,
                SubscribeResult::Refused(refused) if refused.code.is_temporary() => {
                    self.want_again(&filter, RETRY_AFTER_MS);
                }
                SubscribeResult::Refused(refused) => {
                    self.refuse(filter, refused.code, refused.reason);
                }
            }
        }
        Ok(())
    }

    fn accepted(
        &mut self,
        filter: Filter,
        accepted: Accepted,
        requested: Delivery,
    ) -> Result<(), SessionError> {
        let channel = accepted.channel;
        let Some(wanted) = self.wanted.get_mut(&filter) else {
            // The caller has unsubscribed in the meantime.
            self.unsubscribe(vec![channel]);
            return Ok(());
        };
        let delivery = wanted.delivery;
        let lineage = self.lineage.as_ref();
        let lineage = lineage.ok_or(SessionError::Unexpected("an answer before the welcome"))?;
        let (chain, check) = Chain::resume(&accepted, wanted.token.as_ref(), lineage);
        let truncated = wanted.token.filter(|_| accepted.start == Start::Truncated);
        let truncated = truncated.and_then(|token| Some((token, lineage.kept(token.epoch)?)));
        let previous = std::mem::replace(&mut wanted.state, FilterState::Open { channel, chain });
        if check.is_err() {
            // The same token would get the same answer.
            wanted.token = None;
        }
        self.wanted.bind(channel, filter.clone());
        // The caller has unsubscribed and subscribed again before the first answer came.
        if let FilterState::Open {
            channel: previous, ..
        } = previous
            && previous != channel
        {
            self.wanted.unbind(previous);
            self.unsubscribe(vec![previous]);
        }
        let is_reset = matches!(accepted.start, Start::EpochChanged | Start::PositionAhead);
        if is_reset || check.is_err() {
            self.push_event(Event::Reset {
                filter: filter.clone(),
                epoch: accepted.epoch,
                start: if is_reset {
                    accepted.start
                } else {
                    Start::Fresh
                },
            });
        }
        if let Err(error) = check {
            return self.broken(filter, channel, error);
        }
        if let Some((token, kept)) = truncated {
            let event = Event::Truncated {
                filter: filter.clone(),
                kept,
                position: token.position,
                lost: accepted.lost,
            };
            // It is told once, also if the connection ends before the next event is handled.
            self.events.push_move(event, filter.clone(), chain.token());
        }
        let event = Event::Accepted {
            filter: filter.clone(),
            accepted,
        };
        self.events.push_move(event, filter.clone(), chain.token());
        // The caller has asked for another delivery before the answer came.
        if delivery != requested {
            self.change(filter, channel, delivery, requested);
        }
        Ok(())
    }

    fn want_again(&mut self, filter: &Filter, after_ms: u32) {
        if let Some(wanted) = self.wanted.get_mut(filter) {
            wanted.state = FilterState::Wanted;
            self.retry_after_ms = Some(self.retry_after_ms.unwrap_or(0).max(after_ms));
        }
    }

    fn refuse(&mut self, filter: Filter, code: ErrorCode, reason: String) {
        if self.wanted.remove(&filter).is_some() {
            self.push_event(Event::Refused {
                filter,
                code,
                reason,
            });
        }
    }

    pub(super) fn changed(&mut self, changed: &Changed) -> Result<(), SessionError> {
        self.requests.answered(changed.id);
        let Some((filter, chain)) = self.wanted.chain(changed.previous) else {
            return Ok(());
        };
        if let Err(error) = chain.changed(changed) {
            return self.broken(filter, changed.channel, error);
        }
        let chain = *chain;
        let channel = changed.channel;
        self.wanted.unbind(changed.previous);
        self.wanted.bind(channel, filter.clone());
        if let Some(wanted) = self.wanted.get_mut(&filter) {
            wanted.state = FilterState::Open { channel, chain };
        }
        let event = Event::Changed {
            filter: filter.clone(),
            mode: changed.mode,
            max_rate_hz: changed.max_rate_hz,
        };
        self.events.push_move(event, filter, chain.token());
        Ok(())
    }

    /// An answer, or the end of subscriptions that are no longer allowed, which the client does not
    /// ask for again.
    pub(super) fn unsubscribed(&mut self, message: Unsubscribed) {
        if let Some(id) = message.id {
            self.requests.answered(id);
            return;
        }
        let reason = message.reason.unwrap_or_default();
        for channel in message.channels {
            let Some((filter, chain)) = self.wanted.chain(channel) else {
                continue;
            };
            let position = message.position.unwrap_or(chain.token().position);
            self.wanted.unbind(channel);
            self.wanted.remove(&filter);
            self.push_event(Event::Ended {
                filter,
                position,
                reason: reason.clone(),
            });
        }
    }

    pub(super) fn published(&mut self, published: Published) {
        match self.requests.answered(published.id) {
            Some(PendingRequest::Publish) => self.push_event(Event::Published(published)),
            Some(PendingRequest::PublishOnce) => self.published_once(published),
            Some(PendingRequest::Publisher) => self.publisher_known(),
            _ => {}
        }
    }

    pub(super) fn history(&mut self, history: History<Topic>) {
        if let Some(PendingRequest::History) = self.requests.answered(history.id) {
            self.push_event(Event::History(history));
        }
    }

    pub(super) fn candles(&mut self, candles: Candles) {
        if let Some(PendingRequest::History) = self.requests.answered(candles.id) {
            self.push_event(Event::Candles(candles));
        }
    }

    pub(super) fn time(&mut self, answer: &TimeAnswer, now: TimeNs) {
        self.requests.answered(answer.id);
        if let Some(estimate) = self.clock.answer(answer, now) {
            self.push_event(Event::Clock(estimate));
        }
    }

    pub(super) fn error(&mut self, error: ErrorMessage) {
        let request = error
            .id
            .and_then(|id| Some((id, self.requests.answered(id)?)));
        match request {
            Some((id, PendingRequest::Publish)) => {
                let why = Unpublished::Refused(error);
                self.push_event(Event::Unpublished { id, why });
            }
            Some((id, PendingRequest::PublishOnce)) => self.refused_once(id, error),
            Some((_, PendingRequest::Publisher)) => self.publisher_refused(&error),
            Some((id, PendingRequest::History)) => {
                let why = NoAnswer::Refused(error);
                self.push_event(Event::NoHistory { id, why });
            }
            Some((_, PendingRequest::Subscribe(filters, _))) if error.temporary => {
                for filter in filters {
                    self.want_again(&filter, error.retry_after_ms.unwrap_or(RETRY_AFTER_MS));
                }
                self.push_event(Event::Error(error));
            }
            Some((_, PendingRequest::Subscribe(filters, _))) => {
                for filter in filters {
                    self.refuse(filter, error.code, error.reason.clone());
                }
            }
            Some((_, PendingRequest::Change(filter, before))) => {
                if let Some(wanted) = self.wanted.get_mut(&filter) {
                    wanted.delivery = before;
                }
                self.push_event(Event::Error(error));
            }
            Some((_, PendingRequest::Other)) | None => self.push_event(Event::Error(error)),
        }
    }
}
