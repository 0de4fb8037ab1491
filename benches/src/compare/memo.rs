//! Tickcast sends the same bytes to all who share a channel. A load that reads them anew for each of
//! a thousand subscribers is slower than the server it measures; comparing them with bytes that were
//! read before is enough. Pure.

use tickcast_loadtest::{scan::ScanError, stamp::Stamp};

use super::dialect::{Dialect, Heard};

/// Shorter messages are read faster than they are looked up.
const LEN_MIN: usize = 1024;

/// Messages that are remembered: as many as may wait for a subscriber until it is its turn.
const MESSAGES: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub struct Memo {
    messages: Vec<Message>,
    /// The one that was looked up last, and the one that is forgotten next.
    at: usize,
    oldest: usize,
}

#[derive(Debug, Default)]
struct Message {
    bytes: Vec<u8>,
    /// All there was in it, and which of it in a snapshot.
    stamps: Vec<(Stamp, bool)>,
}

impl Memo {
    /// Takes a whole message apart as [`Dialect::hear`] does.
    pub fn hear(
        &mut self,
        dialect: Dialect,
        message: &[u8],
        rest: &mut Vec<u8>,
        mut heard: impl FnMut(Heard<'_>),
    ) -> Result<(), ScanError> {
        if message.len() < LEN_MIN || !matches!(dialect, Dialect::Tickcast(_)) {
            return dialect.hear(message, rest, heard);
        }
        let count = self.messages.len();
        // What follows the last one here followed it elsewhere.
        let order = (1..=count).map(|step| (self.at + step) % count);
        for at in order {
            let known = &self.messages[at];
            if known.bytes == message {
                for &(stamp, is_snapshot) in &known.stamps {
                    heard(match is_snapshot {
                        true => Heard::Snapshot(stamp),
                        false => Heard::Update(stamp),
                    });
                }
                self.at = at;
                return Ok(());
            }
        }
        let mut new = self.forget();
        let mut is_batch = true;
        dialect.hear(message, rest, |what| {
            match what {
                Heard::Update(stamp) => new.stamps.push((stamp, false)),
                Heard::Snapshot(stamp) => new.stamps.push((stamp, true)),
                _ => is_batch = false,
            }
            heard(what);
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

    /// The memory of the oldest message, empty.
    fn forget(&mut self) -> Message {
        let mut message = match self.messages.get_mut(self.oldest) {
            Some(oldest) => std::mem::take(oldest),
            None => Message::default(),
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
        message::{Batch, Quality, ServerMessage, Update},
        value::Value,
    };

    use super::*;

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
    fn the_same_is_heard_with_a_memory_as_without() {
        let dialect = Dialect::Tickcast(Encoding::Bincode);
        let messages: Vec<_> = (0..20).map(|n| batch(n * 100, n % 3 == 0)).collect();
        let mut memo = Memo::default();
        // All in turn are more than it remembers, a few in turn are not.
        let turns = (0..40).map(|at| at % 20).chain((0..20).map(|at| at % 4));
        for at in turns {
            let (mut with, mut without) = (Vec::new(), Vec::new());
            let message = &messages[at];
            memo.hear(dialect, message, &mut Vec::new(), |heard| {
                with.push(format!("{heard:?}"));
            })
            .unwrap();
            dialect
                .hear(message, &mut Vec::new(), |heard| {
                    without.push(format!("{heard:?}"));
                })
                .unwrap();
            assert_eq!(with, without);
            assert_eq!(with.len(), 100);
        }
        assert_eq!(memo.messages.len(), MESSAGES);
    }

    #[test]
    fn what_is_broken_is_not_remembered() {
        let dialect = Dialect::Tickcast(Encoding::Bincode);
        let mut broken = batch(0, false);
        broken.push(0);
        let mut memo = Memo::default();
        for _ in 0..2 {
            let heard = memo.hear(dialect, &broken, &mut Vec::new(), |_| {});
            assert_eq!(heard, Err(ScanError::Malformed));
        }
    }
}
