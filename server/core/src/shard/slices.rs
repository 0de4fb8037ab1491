//! Goes on with requests that are under way, one slice at a time, and charges them to their
//! clients.

use super::{
    Event, Shard,
    keys::ConnectionKey,
    socket::Socket,
    steps::{STEPS_PER_REQUEST, Steps},
    under_way::{Outcome, UnderWay},
};
use crate::now::Now;

/// The part of a slice (a quarter) for the removal of ended channels.
const SWEEP_PART: usize = 4;

impl<S: Socket> Shard<S> {
    /// Goes on with requests, and with the removal of ended channels, for one slice. Returns
    /// whether more can be done now.
    pub fn work(&mut self, now: Now) -> bool {
        let mut steps = Steps::new(self.slice_max_steps.div_ceil(SWEEP_PART));
        self.sweep(&mut steps);
        let mut steps = Steps::new(self.slice_max_steps.saturating_sub(steps.taken()).max(1));
        self.slices.wake(now.uptime);
        for _ in 0..self.slices.len() {
            if steps.are_spent() {
                break;
            }
            let key = self.slices.pop();
            let connection = key.and_then(|key| self.connections.get(key));
            if let (Some(key), Some(connection)) = (key, connection)
                && let Some(request) = connection.under_way.take()
                && self.go_on_with(key, request, &mut steps, now)
            {
                self.events.push(Event::Ready(key));
            }
        }
        self.flush_answers(now);
        self.has_work()
    }

    /// Whether [`work`](Self::work) has something to do now.
    pub fn has_work(&self) -> bool {
        self.slices.len() > 0 || self.channels.has_ended()
    }

    /// Whether a connection has a request under way. Until then its next request has to wait.
    pub fn is_busy(&mut self, key: ConnectionKey) -> bool {
        let connection = self.connections.get(key);
        connection.is_some_and(|connection| connection.under_way.is_some())
    }

    /// Takes the first slice of a request.
    pub(super) fn begin_request(&mut self, key: ConnectionKey, request: UnderWay, now: Now) {
        let mut steps = Steps::new(self.slice_max_steps);
        self.go_on_with(key, Box::new(request), &mut steps, now);
    }

    /// Goes on with a request, and keeps the rest of it. Returns whether it is done.
    fn go_on_with(
        &mut self,
        key: ConnectionKey,
        mut request: Box<UnderWay>,
        steps: &mut Steps,
        now: Now,
    ) -> bool {
        let before = steps.taken();
        let outcome = match &mut *request {
            UnderWay::Subscribe(request) => self.go_on_subscribing(key, request, steps),
            UnderWay::Unsubscribe(request) => self.go_on_unsubscribing(key, request, steps),
            UnderWay::Change(request) => self.go_on_changing(key, request, steps),
            UnderWay::History(request) => self.go_on_asking(key, request, steps),
        };
        let taken = steps.taken() - before;
        self.charge(key, taken);
        let Some(connection) = self.connections.get(key) else {
            return true;
        };
        match outcome {
            Outcome::Done => return true,
            Outcome::Asking => {}
            Outcome::Unfinished => match connection.requests.rest(now.uptime) {
                None => self.slices.push(key),
                Some(until) => self.slices.push_resting(until, key),
            },
        }
        connection.under_way = Some(request);
        false
    }

    /// Counts steps, and charges them to a client.
    pub(super) fn charge(&mut self, key: ConnectionKey, steps: usize) {
        self.stats.steps.add(steps as u64);
        if let Some(connection) = self.connections.get(key) {
            let requests = steps as f64 / STEPS_PER_REQUEST as f64;
            connection.requests.charge(requests);
        }
    }

    /// Gives a request up, because its connection ends.
    pub(super) fn give_up_request(&mut self, key: ConnectionKey) {
        let connection = self.connections.get(key);
        let Some(request) = connection.and_then(|connection| connection.under_way.take()) else {
            return;
        };
        match *request {
            UnderWay::Subscribe(request) => self.give_up_subscribing(request),
            UnderWay::Change(request) => self.release(request.to),
            UnderWay::Unsubscribe(_) | UnderWay::History(_) => {}
        }
        self.events.push(Event::Ready(key));
    }
}
