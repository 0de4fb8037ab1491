//! Connects all clients of a load. Nothing is measured yet, so this may wait.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Token};

use super::{error::LoadError, settings::SubscriberSettings, subscribers::Subscribers};
use crate::publish::Emitter;

/// Longest wait for the next answer.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Subscribers that connect at a time: enough to keep both cores busy, and so few that the memory
/// for their handshakes does not show in the server's memory per connection.
const CONNECTING_MAX: usize = 8;

/// Connects all subscribers, in order, and waits until all subscriptions are confirmed.
pub(super) fn subscribers(
    wanted: &[SubscriberSettings],
    subscribers: &mut Subscribers,
    poll: &mut Poll,
    events: &mut Events,
) -> Result<(), LoadError> {
    let failed = |subscriber, reason: String| LoadError::Connect { subscriber, reason };
    let mut is_ready = vec![false; wanted.len()];
    let (mut opened, mut ready) = (0, 0);
    while ready < wanted.len() {
        while opened < wanted.len() && opened - ready < CONNECTING_MAX {
            subscribers
                .open(opened, &wanted[opened], poll.registry())
                .map_err(|error| failed(opened, error.to_string()))?;
            opened += 1;
        }
        if !wait(poll, events)? {
            return Err(LoadError::NoAnswer {
                wait_s: ANSWER_MAX.as_secs(),
                ready,
                wanted: wanted.len(),
            });
        }
        for event in &*events {
            let Token(subscriber) = event.token();
            let continued = subscribers.continue_opening(subscriber);
            let is_subscribed = continued.map_err(|reason| failed(subscriber, reason))?;
            if is_subscribed && !is_ready[subscriber] {
                is_ready[subscriber] = true;
                ready += 1;
            }
        }
    }
    Ok(())
}

/// Waits until the publisher's connection is open.
pub(super) fn publisher(
    token: Token,
    emitter: &mut Emitter,
    subscribers: &mut Subscribers,
    poll: &mut Poll,
    events: &mut Events,
) -> Result<(), LoadError> {
    while !emitter.is_open() {
        if !wait(poll, events)? {
            return Err(LoadError::NoAnswer {
                wait_s: ANSWER_MAX.as_secs(),
                ready: 0,
                wanted: 1,
            });
        }
        for event in &*events {
            match event.token() {
                at if at == token => emitter.on_event()?,
                Token(subscriber) => subscribers.read(subscriber),
            }
        }
    }
    Ok(())
}

/// Waits for events. Returns whether there are any.
fn wait(poll: &mut Poll, events: &mut Events) -> Result<bool, LoadError> {
    let start = Instant::now();
    loop {
        let left = ANSWER_MAX.saturating_sub(start.elapsed());
        match poll.poll(events, Some(left)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
            Ok(()) if events.is_empty() && !left.is_zero() => {}
            Ok(()) => return Ok(!events.is_empty()),
        }
    }
}
