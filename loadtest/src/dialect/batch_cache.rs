//! A cache of batches that were read before.
//!
//! Tickcast sends the same bytes to all subscribers of a channel. A generator that parses them
//! again for each of a thousand subscribers is slower than the server it measures. Comparing them
//! with bytes that were already parsed is enough. Pure.

use super::{Dialect, incoming::Incoming};
use crate::{scan::ScanError, schedule::Stamp};

/// Shorter messages are parsed faster than they are looked up.
const LEN_MIN: usize = 1024;

/// Messages that are kept: as many as may wait for a subscriber until it is read.
const MESSAGES: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub struct BatchCache {
    messages: Vec<CachedMessage>,
    /// The message that was found last.
    at: usize,
    /// The message that is replaced next.
    oldest: usize,
}

#[derive(Debug, Default)]
struct CachedMessage {
    bytes: Vec<u8>,
    /// All stamps in the message, and whether each is part of a snapshot.
    stamps: Vec<(Stamp, bool)>,
}

impl BatchCache {
    /// Reads a whole message as [`Dialect::read_message`] does.
    pub fn read_message(
        &mut self,
        dialect: &Dialect,
        message: &[u8],
        rest: &mut Vec<u8>,
        mut incoming: impl FnMut(Incoming<'_>),
    ) -> Result<(), ScanError> {
        if message.len() < LEN_MIN || !matches!(dialect, Dialect::Tickcast(_)) {
            return dialect.read_message(message, rest, incoming);
        }
        let count = self.messages.len();
        // All subscribers get the messages in the same order, so the next one is tried first.
        let order = (1..=count).map(|step| (self.at + step) % count);
        for at in order {
            let known = &self.messages[at];
            if known.bytes == message {
                for &(stamp, is_snapshot) in &known.stamps {
                    incoming(match is_snapshot {
                        true => Incoming::Snapshot(stamp),
                        false => Incoming::Update(stamp),
                    });
                }
                self.at = at;
                return Ok(());
            }
        }
        let mut new = self.take_oldest();
        let mut is_batch = true;
        dialect.read_message(message, rest, |part| {
            match part {
                Incoming::Update(stamp) => new.stamps.push((stamp, false)),
                Incoming::Snapshot(stamp) => new.stamps.push((stamp, true)),
                _ => is_batch = false,
            }
            incoming(part);
        })?;
        if is_batch {
            new.bytes.extend_from_slice(message);
        }
        self.at = self.oldest;
        match self.messages.get_mut(self.oldest) {
            Some(place) => *place = new,
            None => self.messages.push(new),
        }
        self.oldest = (self.oldest + 1) % MESSAGES;
        Ok(())
    }

    /// The oldest message, emptied, so that its memory is used again.
    fn take_oldest(&mut self) -> CachedMessage {
        let mut message = match self.messages.get_mut(self.oldest) {
            Some(oldest) => std::mem::take(oldest),
            None => CachedMessage::default(),
        };
        message.bytes.clear();
        message.stamps.clear();
        message
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        codec::{self, Encoding},
        message::{Batch, Mode, Quality, ServerMessage, Update},
        value::Value,
    };

    use super::*;
    use crate::dialect::SubscribeParams;

    const DIALECT: Dialect = Dialect::Tickcast(SubscribeParams {
        encoding: Encoding::Bincode,
        mode: Mode::Every,
        max_rate_hz: None,
    });

    fn batch(first: u64, snapshot: bool) -> Vec<u8> {
        let updates = (first..first + 100).map(|index| {
            let stamp = Stamp {
                run: 1,
                index,
                due_ns: 5,
                sent_ns: 6,
            };
            let mut payload = vec![0; 32];
            stamp.write(&mut payload);
            Update {
                topic: 0,
                position: index,
                seq: index,
                source_time_ns: None,
                ingest_time_ns: 7,
                quality: Quality::Live,
                value: Value::Bytes(payload),
            }
        });
        codec::encode_server_bincode(&ServerMessage::Batch(Batch {
            channel: 1,
            from: first,
            to: first + 100,
            snapshot,
            topics: vec![],
            updates: updates.collect(),
        }))
    }

    #[test]
    fn a_message_reads_the_same_with_the_cache_as_without() {
        let messages: Vec<_> = (0..20).map(|n| batch(n * 100, n % 3 == 0)).collect();
        let mut cache = BatchCache::default();
        // First more messages in turn than the cache holds, then fewer.
        let order = (0..40).map(|at| at % 20).chain((0..20).map(|at| at % 4));
        for at in order {
            let (mut with, mut without) = (Vec::new(), Vec::new());
            let message = &messages[at];
            cache
                .read_message(&DIALECT, message, &mut Vec::new(), |part| {
                    with.push(format!("{part:?}"));
                })
                .unwrap();
            DIALECT
                .read_message(message, &mut Vec::new(), |part| {
                    without.push(format!("{part:?}"));
                })
                .unwrap();
            assert_eq!(with, without);
            assert_eq!(with.len(), 100);
        }
        assert_eq!(cache.messages.len(), MESSAGES);
    }

    #[test]
    fn a_malformed_message_is_not_cached() {
        let mut broken = batch(0, false);
        broken.push(0);
        let mut cache = BatchCache::default();
        for _ in 0..2 {
            let read = cache.read_message(&DIALECT, &broken, &mut Vec::new(), |_| {});
            assert_eq!(read, Err(ScanError::Malformed));
        }
    }
}
