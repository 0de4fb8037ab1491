//! Reads batches where they lie, without an allocation per update.
//!
//! A receiver must cost less than the server it measures, and the full decoder builds a `Value`
//! for each update that nobody looks at. These two scanners hand out what a receiver checks and
//! skip the rest; a property test holds them against the full decoder. The binary one follows
//! bincode 2's standard configuration (its specification: variable-length integers, little-endian,
//! enum tags as u32, lengths as u64).

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use memchr::memmem;
use serde::Deserialize;
use tickcast_protocol::message::{ChannelId, Position, Seq, TimeNs, TopicId};

use crate::stamp::{STAMP_BYTES, Stamp};

/// Everything of a batch but its topics and updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which subscription.
    pub channel: ChannelId,
    /// Where the client must be already.
    pub from: Position,
    /// Where it is afterwards.
    pub to: Position,
    /// Whether this belongs to a snapshot.
    pub snapshot: bool,
}

/// What a receiver checks of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Its place on the tape.
    pub position: Position,
    /// The how manieth of its topic it is.
    pub seq: Seq,
    /// When the server put it on the tape.
    pub ingest_time_ns: TimeNs,
    /// What the publisher wrote, if the publisher was a load tester.
    pub stamp: Option<Stamp>,
}

/// Takes what a scanner finds, in the order of the batch. `T` names a topic: its id in bincode,
/// its name in JSON.
pub trait BatchSink<T> {
    /// Comes first.
    fn head(&mut self, head: Head);
    /// A topic whose updates follow for the first time. Only bincode needs it.
    fn topic(&mut self, id: TopicId, name: &str);
    /// One update.
    fn update(&mut self, topic: T, facts: &Facts);
}

/// Why bytes are not a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Another message; not an error.
    #[error("not a batch")]
    OtherMessage,
    /// A kind of value that the scanner does not know.
    #[error("a kind of value that this load tester does not know")]
    UnknownValue,
    /// The bytes do not follow the encoding.
    #[error("malformed batch")]
    Malformed,
}

/// Tag of `ServerMessage::Batch`.
const BATCH_TAG: u64 = 2;

/// Hands the parts of a batch in bincode to `sink`. What came before an error was handed out.
pub fn scan_bincode(payload: &[u8], sink: &mut impl BatchSink<TopicId>) -> Result<(), ScanError> {
    let mut reader = Reader { rest: payload };
    if reader.varint()? != BATCH_TAG {
        return Err(ScanError::OtherMessage);
    }
    sink.head(Head {
        channel: reader.id()?,
        from: reader.varint()?,
        to: reader.varint()?,
        snapshot: reader.flag()?,
    });
    for _ in 0..reader.varint()? {
        let id = reader.id()?;
        let name = std::str::from_utf8(reader.bytes()?).map_err(|_| ScanError::Malformed)?;
        if reader.flag()? {
            reader.bytes()?;
        }
        sink.topic(id, name);
    }
    for _ in 0..reader.varint()? {
        let topic = reader.id()?;
        let position = reader.varint()?;
        let seq = reader.varint()?;
        if reader.flag()? {
            reader.signed()?;
        }
        let ingest_time_ns = reader.signed()?;
        reader.varint()?;
        let stamp = reader.value()?;
        let facts = Facts {
            position,
            seq,
            ingest_time_ns,
            stamp,
        };
        sink.update(topic, &facts);
    }
    if reader.rest.is_empty() {
        Ok(())
    } else {
        Err(ScanError::Malformed)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ScanError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(ScanError::Malformed)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], ScanError> {
        let len = usize::try_from(len).map_err(|_| ScanError::Malformed)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(ScanError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An unsigned integer: one byte up to 250, else a tag and 2, 4 or 8 bytes.
    fn varint(&mut self) -> Result<u64, ScanError> {
        Ok(match self.array()? {
            [251] => u16::from_le_bytes(self.array()?).into(),
            [252] => u32::from_le_bytes(self.array()?).into(),
            [253] => u64::from_le_bytes(self.array()?),
            [254 | 255] => return Err(ScanError::Malformed),
            [small] => small.into(),
        })
    }

    /// A signed integer, zigzag.
    fn signed(&mut self) -> Result<i64, ScanError> {
        let coded = self.varint()?;
        Ok((coded >> 1) as i64 ^ -((coded & 1) as i64))
    }

    fn id(&mut self) -> Result<u32, ScanError> {
        u32::try_from(self.varint()?).map_err(|_| ScanError::Malformed)
    }

    /// A bool, or whether an `Option` has something.
    fn flag(&mut self) -> Result<bool, ScanError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(ScanError::Malformed),
        }
    }

    /// A length and so many bytes: a string or bytes.
    fn bytes(&mut self) -> Result<&'a [u8], ScanError> {
        let len = self.varint()?;
        self.take(len)
    }

    fn decimal(&mut self) -> Result<(), ScanError> {
        self.signed()?;
        self.array::<1>().map(|_| ())
    }

    fn optional_decimal(&mut self) -> Result<(), ScanError> {
        if self.flag()? { self.decimal() } else { Ok(()) }
    }

    /// Skips a value but for the stamp that it may hold. Variants as in `Value`.
    fn value(&mut self) -> Result<Option<Stamp>, ScanError> {
        match self.varint()? {
            0 => {
                self.array::<8>()?;
            }
            1 => {
                self.decimal()?;
                self.decimal()?;
                if self.flag()? {
                    self.varint()?;
                }
            }
            2 => {
                self.decimal()?;
                self.decimal()?;
                self.optional_decimal()?;
                self.optional_decimal()?;
            }
            3 => {
                self.bytes()?;
            }
            4 => return self.bytes().map(Stamp::read),
            _ => return Err(ScanError::UnknownValue),
        }
        Ok(None)
    }
}

/// How the server's JSON of a batch starts: a client that knows it need not look at the type twice.
const JSON_BATCH_START: &[u8] = br#"{"type":"batch","#;

#[derive(Deserialize)]
struct JsonBatch<'a> {
    channel: ChannelId,
    from: Position,
    to: Position,
    snapshot: bool,
    #[serde(borrow)]
    updates: Vec<JsonUpdate<'a>>,
}

#[derive(Deserialize)]
struct JsonUpdate<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    position: Position,
    seq: Seq,
    ingest_time_ns: &'a str,
    #[serde(borrow)]
    value: JsonValue<'a>,
}

#[derive(Deserialize)]
struct JsonValue<'a> {
    bytes: Option<&'a str>,
}

/// Hands the parts of a batch in JSON to `sink`, all or nothing.
pub fn scan_json<'a>(
    payload: &'a [u8],
    sink: &mut impl for<'t> BatchSink<&'t str>,
) -> Result<(), ScanError> {
    if !payload.starts_with(JSON_BATCH_START) {
        return Err(ScanError::OtherMessage);
    }
    let batch: JsonBatch<'a> = serde_json::from_slice(payload).map_err(|_| ScanError::Malformed)?;
    sink.head(Head {
        channel: batch.channel,
        from: batch.from,
        to: batch.to,
        snapshot: batch.snapshot,
    });
    for update in &batch.updates {
        let facts = Facts {
            position: update.position,
            seq: update.seq,
            ingest_time_ns: update
                .ingest_time_ns
                .parse()
                .map_err(|_| ScanError::Malformed)?,
            stamp: update
                .value
                .bytes
                .map(str::as_bytes)
                .and_then(stamp_from_base64),
        };
        sink.update(&update.topic, &facts);
    }
    Ok(())
}

/// Whether a batch in JSON belongs to a snapshot, by its first bytes.
pub fn is_json_snapshot(payload: &[u8]) -> Result<bool, ScanError> {
    const UPDATES: &[u8] = br#","updates":["#;

    if !payload.starts_with(JSON_BATCH_START) {
        return Ok(false);
    }
    let head_len = memmem::find(payload, UPDATES).ok_or(ScanError::Malformed)?;
    Ok(memmem::find(&payload[..head_len], br#""snapshot":true"#).is_some())
}

/// Hands out the stamps in a batch in JSON and nothing else, for receivers that cannot afford to
/// read the whole of it.
pub fn stamps_in_json(payload: &[u8], mut found: impl FnMut(Stamp)) -> Result<(), ScanError> {
    /// A value of bytes that begins as a stamp does; no string can contain it, for its quotes.
    const STAMP_START: &[u8] = br#""bytes":"/1RLQ"#;
    const PREFIX: &[u8] = br#""bytes":""#;

    if !payload.starts_with(JSON_BATCH_START) {
        return Err(ScanError::OtherMessage);
    }
    for at in memmem::find_iter(payload, STAMP_START) {
        let text = &payload[at + PREFIX.len()..];
        found(stamp_from_base64(text).ok_or(ScanError::Malformed)?);
    }
    Ok(())
}

/// Reads the stamp without decoding the padding behind it.
fn stamp_from_base64(text: &[u8]) -> Option<Stamp> {
    const TEXT_BYTES: usize = STAMP_BYTES.div_ceil(3) * 4;
    let mut bytes = [0; TEXT_BYTES / 4 * 3];
    let start = text.get(..TEXT_BYTES)?;
    BASE64_STANDARD.decode_slice(start, &mut bytes).ok()?;
    Stamp::read(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tickcast_protocol::{
        codec,
        decimal::Decimal,
        message::{Batch, Heartbeat, Quality, ServerMessage, TopicInfo, Update},
        topic::Topic,
        value::{Quote, Side, Trade, Value},
    };

    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Found {
        head: Option<Head>,
        topics: Vec<(TopicId, String)>,
        updates: Vec<(String, Facts)>,
    }

    impl BatchSink<TopicId> for Found {
        fn head(&mut self, head: Head) {
            self.head = Some(head);
        }
        fn topic(&mut self, id: TopicId, name: &str) {
            self.topics.push((id, name.to_owned()));
        }
        fn update(&mut self, topic: TopicId, facts: &Facts) {
            self.updates.push((format!("t/{topic}"), *facts));
        }
    }

    impl BatchSink<&str> for Found {
        fn head(&mut self, head: Head) {
            self.head = Some(head);
        }
        fn topic(&mut self, _: TopicId, _: &str) {}
        fn update(&mut self, topic: &str, facts: &Facts) {
            self.updates.push((topic.to_owned(), *facts));
        }
    }

    fn decimal() -> impl Strategy<Value = Decimal> {
        (any::<i64>(), 0u8..=18).prop_map(|(m, s)| Decimal::new(m, s).unwrap())
    }

    fn value() -> impl Strategy<Value = Value> {
        let stamped = (any::<(u32, u64, i64, i64)>(), 32usize..80).prop_map(|(parts, len)| {
            let (run, index, due_ns, sent_ns) = parts;
            let mut payload = vec![0; len];
            let stamp = Stamp {
                run,
                index,
                due_ns,
                sent_ns,
            };
            stamp.write(&mut payload);
            Value::Bytes(payload)
        });
        let side = proptest::option::of(prop_oneof![Just(Side::Buy), Just(Side::Sell)]);
        let trade = (decimal(), decimal(), side)
            .prop_map(|(price, size, side)| Value::Trade(Trade { price, size, side }));
        let size = || proptest::option::of(decimal());
        let quote =
            (decimal(), decimal(), size(), size()).prop_map(|(bid, ask, bid_size, ask_size)| {
                Value::Quote(Quote {
                    bid,
                    ask,
                    bid_size,
                    ask_size,
                })
            });
        prop_oneof![
            stamped,
            any::<f64>().prop_map(Value::Reading),
            trade,
            quote,
            ".*".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..80).prop_map(Value::Bytes),
        ]
    }

    fn update() -> impl Strategy<Value = Update<TopicId>> {
        let quality = prop_oneof![
            Just(Quality::Live),
            Just(Quality::Retained),
            Just(Quality::Stale)
        ];
        (any::<(u32, u64, u64, Option<i64>, i64)>(), quality, value()).prop_map(
            |((topic, position, seq, source_time_ns, ingest_time_ns), quality, value)| Update {
                topic,
                position,
                seq,
                source_time_ns,
                ingest_time_ns,
                quality,
                value,
            },
        )
    }

    fn batch() -> impl Strategy<Value = Batch<TopicId>> {
        let topic = any::<(u32, Option<String>)>().prop_map(|(id, unit)| TopicInfo {
            id,
            topic: Topic::new(&format!("t/{id}")).unwrap(),
            unit,
        });
        (
            any::<(u32, u64, u64, bool)>(),
            proptest::collection::vec(topic, 0..4),
            proptest::collection::vec(update(), 0..6),
        )
            .prop_map(|((channel, from, to, snapshot), topics, updates)| Batch {
                channel,
                from,
                to,
                snapshot,
                topics,
                updates,
            })
    }

    fn found_by_decoder(batch: &Batch<TopicId>) -> Found {
        let stamp = |value: &Value| match value {
            Value::Bytes(bytes) => Stamp::read(bytes),
            _ => None,
        };
        Found {
            head: Some(Head {
                channel: batch.channel,
                from: batch.from,
                to: batch.to,
                snapshot: batch.snapshot,
            }),
            topics: batch
                .topics
                .iter()
                .map(|info| (info.id, info.topic.to_string()))
                .collect(),
            updates: batch
                .updates
                .iter()
                .map(|update| {
                    let facts = Facts {
                        position: update.position,
                        seq: update.seq,
                        ingest_time_ns: update.ingest_time_ns,
                        stamp: stamp(&update.value),
                    };
                    (format!("t/{}", update.topic), facts)
                })
                .collect(),
        }
    }

    fn named(update: Update<TopicId>) -> Update<Topic> {
        Update {
            topic: Topic::new(&format!("t/{}", update.topic)).unwrap(),
            position: update.position,
            seq: update.seq,
            source_time_ns: update.source_time_ns,
            ingest_time_ns: update.ingest_time_ns,
            quality: update.quality,
            value: update.value,
        }
    }

    proptest! {
        #[test]
        fn the_binary_scanner_finds_what_the_decoder_finds(batch in batch()) {
            let expected = found_by_decoder(&batch);
            let bytes = codec::encode_server_bincode(&ServerMessage::Batch(batch));
            let mut found = Found::default();
            prop_assert_eq!(scan_bincode(&bytes, &mut found), Ok(()));
            prop_assert_eq!(found, expected);
            for len in 0..bytes.len() {
                let cut = scan_bincode(&bytes[..len], &mut Found::default());
                prop_assert!(cut.is_err(), "cut at {}", len);
            }
        }

        #[test]
        fn the_json_scanner_finds_what_the_decoder_finds(batch in batch()) {
            let mut expected = found_by_decoder(&batch);
            expected.topics.clear();
            let batch = Batch {
                channel: batch.channel,
                from: batch.from,
                to: batch.to,
                snapshot: batch.snapshot,
                topics: batch.topics,
                updates: batch.updates.into_iter().map(named).collect(),
            };
            let bytes = codec::encode_server_json(&ServerMessage::Batch(batch));
            let mut found = Found::default();
            prop_assert_eq!(scan_json(&bytes, &mut found), Ok(()));
            prop_assert_eq!(&found, &expected);
            let mut stamps = Vec::new();
            prop_assert_eq!(stamps_in_json(&bytes, |stamp| stamps.push(stamp)), Ok(()));
            prop_assert_eq!(is_json_snapshot(&bytes), Ok(expected.head.unwrap().snapshot));
            let expected = expected.updates.iter().filter_map(|(_, facts)| facts.stamp);
            prop_assert_eq!(stamps, expected.collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut batch = vec![2];
            batch.extend(bytes);
            let _ = scan_bincode(&batch, &mut Found::default());
            let _ = scan_json(&batch, &mut Found::default());
        }
    }

    #[test]
    fn other_messages_are_left_to_the_decoder() {
        let heartbeat = Heartbeat {
            server_time_ns: 1,
            position: 2,
            channels: vec![],
        };
        let bytes = codec::encode_server_bincode(&ServerMessage::Heartbeat(heartbeat.clone()));
        let found = scan_bincode(&bytes, &mut Found::default());
        assert_eq!(found, Err(ScanError::OtherMessage));
        let bytes = codec::encode_server_json(&ServerMessage::Heartbeat(heartbeat));
        let found = scan_json(&bytes, &mut Found::default());
        assert_eq!(found, Err(ScanError::OtherMessage));
    }
}
