//! What the server answers to the session's requests.

use super::{Pace, Request, Session, SessionError, State};
use crate::{
    client::{
        chain::Chain,
        event::{Event, NoAnswer, Unpublished},
    },
    error::ErrorCode,
    message::{
        Accepted, Changed, ErrorMessage, History, Published, RequestId, Start, SubscribeResult,
        Subscribed, TimeAnswer, TimeNs,
    },
    topic::{Filter, Topic},
};

/// How soon a refused request is made again if the server does not say.
const RETRY_AFTER_MS: u32 = 1_000;

impl Session {
    pub(super) fn subscribed(&mut self, subscribed: Subscribed) -> Result<(), SessionError> {
        let Some(Request::Subscribe(filters, pace)) = self.requests.remove(&subscribed.id) else {
            return Err(SessionError::Unexpected("an answer to no subscribe"));
        };
        if filters.len() != subscribed.results.len() {
            return Err(SessionError::Unexpected("an answer to other filters"));
        }
        for (filter, result) in filters.into_iter().zip(subscribed.results) {
            match result {
                SubscribeResult::Accepted(accepted) => self.accepted(filter, accepted, pace)?,
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
        asked: Pace,
    ) -> Result<(), SessionError> {
        let channel = accepted.channel;
        let Some(subscription) = self.subscriptions.get_mut(&filter) else {
            // The caller has changed its mind in the meantime.
            self.unsubscribe(vec![channel]);
            return Ok(());
        };
        let wanted = subscription.pace;
        let token = subscription.token;
        let (chain, check) = Chain::resume(&accepted, token.as_ref());
        let previous = std::mem::replace(&mut subscription.state, State::Open { channel, chain });
        if check.is_err() {
            // It would be answered in the same way again.
            subscription.token = None;
        }
        self.channels.insert(channel, filter.clone());
        // It was ended and wanted anew before the first answer came.
        if let State::Open {
            channel: previous, ..
        } = previous
            && previous != channel
        {
            self.channels.remove(&previous);
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
        let event = Event::Accepted {
            filter: filter.clone(),
            accepted,
        };
        self.push_move(event, filter.clone(), chain.token());
        // It was changed while the answer was on its way.
        if wanted != asked {
            self.change(filter, channel, wanted, asked);
        }
        Ok(())
    }

    fn want_again(&mut self, filter: &Filter, after_ms: u32) {
        if let Some(subscription) = self.subscriptions.get_mut(filter) {
            subscription.state = State::Wanted;
            self.retry_after_ms = Some(self.retry_after_ms.unwrap_or(0).max(after_ms));
        }
    }

    fn refuse(&mut self, filter: Filter, code: ErrorCode, reason: String) {
        if self.subscriptions.remove(&filter).is_some() {
            self.push_event(Event::Refused {
                filter,
                code,
                reason,
            });
        }
    }

    pub(super) fn changed(&mut self, changed: &Changed) -> Result<(), SessionError> {
        self.requests.remove(&changed.id);
        let Some((filter, chain)) = self.chain(changed.previous) else {
            return Ok(());
        };
        if let Err(error) = chain.changed(changed) {
            return self.broken(filter, changed.channel, error);
        }
        let chain = *chain;
        let channel = changed.channel;
        self.channels.remove(&changed.previous);
        self.channels.insert(channel, filter.clone());
        if let Some(subscription) = self.subscriptions.get_mut(&filter) {
            subscription.state = State::Open { channel, chain };
        }
        let event = Event::Changed {
            filter: filter.clone(),
            mode: changed.mode,
            max_rate_hz: changed.max_rate_hz,
        };
        self.push_move(event, filter, chain.token());
        Ok(())
    }

    pub(super) fn published(&mut self, published: Published) {
        if let Some(Request::Publish) = self.requests.remove(&published.id) {
            self.publishes_in_flight -= 1;
            self.push_event(Event::Published(published));
        }
    }

    pub(super) fn history(&mut self, history: History<Topic>) {
        if let Some(Request::History) = self.requests.remove(&history.id) {
            self.push_event(Event::History(history));
        }
    }

    pub(super) fn no_history(&mut self, id: RequestId, why: NoAnswer) {
        self.push_event(Event::NoHistory { id, why });
    }

    pub(super) fn time(&mut self, answer: &TimeAnswer, now: TimeNs) {
        self.requests.remove(&answer.id);
        if let Some(estimate) = self.clock.answer(answer, now) {
            self.push_event(Event::Clock(estimate));
        }
    }

    pub(super) fn error(&mut self, error: ErrorMessage) {
        let request = error
            .id
            .and_then(|id| Some((id, self.requests.remove(&id)?)));
        match request {
            Some((id, Request::Publish)) => {
                self.publishes_in_flight -= 1;
                let why = Unpublished::Refused(error);
                self.push_event(Event::Unpublished { id, why });
            }
            Some((id, Request::History)) => self.no_history(id, NoAnswer::Refused(error)),
            Some((_, Request::Subscribe(filters, _))) if error.temporary => {
                for filter in filters {
                    self.want_again(&filter, error.retry_after_ms.unwrap_or(RETRY_AFTER_MS));
                }
                self.push_event(Event::Error(error));
            }
            Some((_, Request::Subscribe(filters, _))) => {
                for filter in filters {
                    self.refuse(filter, error.code, error.reason.clone());
                }
            }
            Some((_, Request::Change(filter, before))) => {
                if let Some(subscription) = self.subscriptions.get_mut(&filter) {
                    subscription.pace = before;
                }
                self.push_event(Event::Error(error));
            }
            Some((_, Request::Other)) | None => self.push_event(Event::Error(error)),
        }
    }
}
