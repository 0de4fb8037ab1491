//! Requests to change the pace of a subscription: it moves to the channel of the other pace.

use tickcast_protocol::{
    error::ErrorCode,
    message::{Change, Changed, ChannelId, RequestId, ServerMessage, Start},
};

use super::{
    Shard,
    behind::{Behind, SnapshotRange},
    channel::ChannelSpec,
    count_walk::{CountWalk, Counted},
    keys::{ChannelKey, ConnectionKey, SubscriptionKey},
    socket::Socket,
    status_cursor::StatusCursor,
    steps::Steps,
    subscribing::grant,
    subscription::{Progress, Subscription},
    under_way::{Changing, Left, Outcome, UnderWay},
};
use crate::{now::Now, refusal::Refusal};

impl<S: Socket> Shard<S> {
    /// Moves a subscription to the channel of another pace. It keeps its position on the tape.
    pub(super) fn change(&mut self, key: ConnectionKey, request: Change, now: Now) {
        let Change {
            id,
            channel: previous,
            mode,
            max_rate_hz,
        } = request;
        let mut steps = Steps::unlimited();
        let channel = ChannelKey::from_id(previous);
        let Some(subscription) = self.subscription_in(key, Some(channel), &mut steps) else {
            let reason = format!("there is no subscription with channel {previous}");
            let refusal = Refusal::new(ErrorCode::UnknownChannel, reason);
            return self.refuse(key, Some(id), refusal, None);
        };
        let pace = grant(mode, max_rate_hz).and_then(|pace| pace.limited(self.who(key)));
        let pace = match pace {
            Ok(pace) => pace,
            Err(refusal) => return self.refuse(key, Some(id), refusal, None),
        };
        let spec = ChannelSpec {
            pace,
            ..self.channels[channel].spec.clone()
        };
        let other = self.subscription_in(key, self.channels.find(&spec), &mut steps);
        match other {
            // The subscription has this pace already, or the connection has another one with it.
            Some(other) => {
                if other != subscription {
                    self.end_subscription(subscription, &mut steps);
                    self.count_jointly(key);
                }
                self.answer_change(key, id, previous, other);
            }
            None => {
                let request = Changing {
                    id,
                    previous,
                    subscription,
                    to: self.channel_for(spec, &mut steps),
                    left: None,
                };
                self.begin_request(key, UnderWay::Change(request), now);
            }
        }
        self.charge(key, steps.taken());
    }

    pub(super) fn go_on_changing(
        &mut self,
        key: ConnectionKey,
        request: &mut Changing,
        steps: &mut Steps,
    ) -> Outcome {
        let head = self.tape.head();
        let to = request.to;
        if !self.channels.build(to, &mut self.topics, head, steps) {
            return Outcome::Unfinished;
        }
        let left = match &mut request.left {
            Some(left) => left,
            None => {
                let left = self.leave(request.subscription, to);
                self.end_subscription(request.subscription, steps);
                request.left.insert(left)
            }
        };
        let channel = &mut self.channels[to];
        let walked = left.walk.advance(left.cursor, channel, &self.tape, steps);
        let count = match walked {
            Counted::Known(count) => Some(count),
            Counted::Unknown => None,
            Counted::Searching => return Outcome::Unfinished,
        };
        let behind = Behind {
            snapshot: left.snapshot,
            ..Behind::at(left.cursor, count, left.statuses)
        };
        let moved = self.add_subscription(key, to, behind);
        self.answer_change(key, request.id, request.previous, moved);
        self.go_on(key, moved);
        Outcome::Done
    }

    fn answer_change(
        &mut self,
        key: ConnectionKey,
        id: RequestId,
        previous: ChannelId,
        moved: SubscriptionKey,
    ) {
        let accepted = self.accepted(moved, String::new(), Start::Existing.into());
        let changed = Changed {
            id,
            previous,
            channel: accepted.channel,
            mode: accepted.mode,
            max_rate_hz: accepted.max_rate_hz,
            position: accepted.position,
            count: accepted.count,
        };
        self.answer_moved(key, &ServerMessage::Changed(changed));
    }

    /// Returns the state of a subscription, converted to another channel of the same topics.
    fn leave(&self, subscription: SubscriptionKey, to: ChannelKey) -> Left {
        let Subscription {
            channel, progress, ..
        } = &self.subscriptions[subscription];
        let from = &self.channels[*channel];
        // Once newest values were sent, `behind.count` is of an earlier position.
        let (cursor, snapshot, statuses, count) = match progress {
            Progress::Live(_) => (from.flushed(), None, StatusCursor::current(from), None),
            Progress::Behind(behind) => {
                let count = behind.count.filter(|_| behind.sent == 0);
                (behind.cursor, behind.snapshot, behind.statuses, count)
            }
        };
        let known = count.map(|count| (cursor, count));
        let head = self.tape.head();
        let to = &self.channels[to];
        let cursor = cursor.min(to.reached(head));
        // A snapshot reaches up to the cursor. If that is earlier now, no topic has changed since.
        let snapshot = snapshot.map(|SnapshotRange { after, until }| SnapshotRange {
            after,
            until: until.min(cursor),
        });
        let snapshot = snapshot.filter(|range| range.after <= range.until);
        // Both channels have the same topics, so they have the same counts.
        let known = known
            .into_iter()
            .chain(from.known_counts(head))
            .chain(to.known_counts(head));
        Left {
            cursor,
            snapshot,
            statuses,
            walk: CountWalk::from_nearest(cursor, known),
        }
    }
}
