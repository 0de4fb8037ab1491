//! A catch-up frame of latest values, and which topics it has when not all of them fit.

use bytes::Bytes;
use tickcast_protocol::{
    codec::{BatchHead, Encoding},
    message::{Position, TopicId},
};

use super::{channel::Channel, topics::Topics};
use crate::{
    tape::{Tape, append_as_json},
    wire::BatchWriter,
};

/// Maximum number of updates looked up for one frame of latest values: about as many as fit into a
/// frame.
const LATEST_PER_FRAME_MAX: usize = 1024;

/// The part of an incomplete frame that is for topics that were overtaken. Without it, they would
/// get no value. A larger part makes the others older.
const OVERTAKEN_PART: usize = 4;

/// Maximum number of updates on the tape that one frame looks at for topics that were overtaken: 50
/// µs of work.
const OVERTAKEN_UPDATES_MAX: u64 = 10_000;

/// A part of the tape that is sent as latest values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) after: Position,
    pub(super) until: Position,
    /// The frame is closed at this many bytes of updates.
    pub(super) max_bytes: usize,
    /// For a snapshot: the count at `until`, if it is known.
    pub(super) snapshot: Option<Option<u64>>,
}

/// A frame of latest values.
#[derive(Debug)]
pub(super) struct LatestFrame {
    pub(super) frame: Bytes,
    /// The position at its end.
    pub(super) to: Position,
    /// Updates in it.
    pub(super) updates: u64,
    /// Its oldest and its newest update, in bincode.
    pub(super) ends: Option<(Vec<u8>, Vec<u8>)>,
    /// Number of topics and updates looked at.
    pub(super) steps: usize,
}

/// A value of a topic that has a newer one beyond the end of the frame.
struct Overtaken<'a> {
    position: Position,
    topic: TopicId,
    bincode: &'a [u8],
}

/// Builds a frame of latest values with positions in (`after`, `until`].
///
/// If not all of them fit, the frame ends early, with the oldest of the newest values. A topic that
/// changes faster than such frames follow has its newest value always beyond their end. So a part
/// of the frame ([`OVERTAKEN_PART`]) is for these topics: each in turn, from `turn` on, gets the
/// value that it had at the end of the frame.
pub(super) fn latest_frame(
    part: Part,
    channel: &Channel,
    topics: &mut Topics,
    tape: &Tape,
    turn: Option<&mut TopicId>,
) -> LatestFrame {
    let Part {
        after,
        until,
        max_bytes,
        snapshot,
    } = part;
    let wire = channel.spec.wire;
    let encoding = wire.encoding();
    let (found, is_all) = channel.latest_between(after, until, LATEST_PER_FRAME_MAX, topics, tape);
    let mut steps = channel.latest_steps(after, until, tape);
    let mut fitting = fitting(&found, max_bytes, topics, encoding);
    let is_complete = is_all && fitting == found.len();
    let mut overtaken = Vec::new();
    let mut to = until;
    if !is_complete {
        if turn.is_some() {
            let own_bytes = max_bytes - max_bytes / OVERTAKEN_PART;
            fitting = self::fitting(&found, own_bytes, topics, encoding);
        }
        to = found[..fitting].last().map_or(until, |&(last, _)| last);
    }
    if let (Some(turn), false) = (turn, is_complete) {
        let from = after.max(to.saturating_sub(OVERTAKEN_UPDATES_MAX));
        steps += (to - from) as usize;
        overtaken = of_overtaken(from, to, channel, topics, tape);
        take_turns(
            &mut overtaken,
            turn,
            max_bytes / OVERTAKEN_PART,
            topics,
            encoding,
        );
    }

    let own = found[..fitting]
        .iter()
        .map(|&(position, topic)| (position, topic, None));
    let others = overtaken
        .iter()
        .map(|o| (o.position, o.topic, Some(o.bincode)));
    let mut all: Vec<_> = own.chain(others).collect();
    all.sort_unstable_by_key(|&(position, ..)| position);
    let mut batch = BatchWriter::new(wire);
    let mut json = Vec::new();
    for &(_, topic, bincode) in &all {
        batch.introduce(&topics[topic].info);
        match (bincode, encoding) {
            (None, _) => batch.push(topics[topic].latest(encoding)),
            (Some(bincode), Encoding::Bincode) => batch.push(bincode),
            (Some(bincode), Encoding::Json) => {
                json.clear();
                append_as_json(bincode, topics.name(topic), &mut json);
                batch.push(&json);
            }
        }
    }
    let mut end = |at: &(Position, TopicId, Option<&[u8]>)| match at.2 {
        Some(bincode) => bincode.to_vec(),
        None => topics[at.1].latest(Encoding::Bincode).to_vec(),
    };
    let ends = all.first().map(&mut end).zip(all.last().map(&mut end));
    let head = BatchHead {
        channel: channel.key.id(),
        from: after,
        to,
        snapshot: snapshot.is_some(),
        topics: &[],
    };
    let resume = match snapshot {
        Some(count) => channel.resume_at(until, count, (to < until).then_some(to)),
        None => channel.resume_at(to, None, None),
    };
    LatestFrame {
        frame: batch.finish(&head, &resume),
        to,
        updates: all.len() as u64,
        ends,
        steps,
    }
}

/// The number of values that fill a frame: the one that reaches the limit is the last one.
fn fitting(
    found: &[(Position, TopicId)],
    max_bytes: usize,
    topics: &mut Topics,
    encoding: Encoding,
) -> usize {
    let mut bytes = 0;
    let before_limit = found.iter().take_while(|&&(_, id)| {
        let is_before = bytes < max_bytes;
        bytes += topics[id].latest(encoding).len();
        is_before
    });
    before_limit.count()
}

/// The topics of a channel with a value in (`from`, `to`] and a newer one after `to`, by id, each
/// with the last of these values.
fn of_overtaken<'a>(
    from: Position,
    to: Position,
    channel: &Channel,
    topics: &Topics,
    tape: &'a Tape,
) -> Vec<Overtaken<'a>> {
    let updates = tape.between(from.max(tape.floor()), to);
    let updates = updates.filter(|(strip, index)| !strip.is_historical(*index));
    let updates = updates.map(|(strip, index)| strip.get(index));
    let mut overtaken: Vec<_> = updates
        .filter(|update| channel.has(update.topic) && topics.position(update.topic) > to)
        .map(|update| Overtaken {
            position: update.position,
            topic: update.topic,
            bincode: update.bincode,
        })
        .collect();
    overtaken.sort_unstable_by_key(|o| (o.topic, std::cmp::Reverse(o.position)));
    overtaken.dedup_by_key(|o| o.topic);
    overtaken
}

/// Keeps the topics from `turn` on, around the end of the list, that fill a number of bytes. The
/// next turn begins after them.
fn take_turns(
    overtaken: &mut Vec<Overtaken<'_>>,
    turn: &mut TopicId,
    max_bytes: usize,
    topics: &mut Topics,
    encoding: Encoding,
) {
    let first = overtaken.partition_point(|o| o.topic < *turn);
    overtaken.rotate_left(first);
    let mut bytes = 0;
    let fitting = overtaken.iter().take_while(|o| {
        let is_before = bytes < max_bytes;
        // The topic's newest value is about as long as this one.
        bytes += topics[o.topic].latest(encoding).len();
        is_before
    });
    let count = fitting.count();
    overtaken.truncate(count);
    if let Some(last) = overtaken.last() {
        *turn = last.topic + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::topics;

    #[test]
    fn a_frame_with_room_for_one_overtaken_topic_is_for_each_in_turn() {
        let (mut topics, strip) = topics::with_values(3);
        let mut turn = 0;
        let shown = [(); 4].map(|()| {
            let overtaken = strip.updates().map(|update| Overtaken {
                position: 1,
                topic: update.topic,
                bincode: update.bincode,
            });
            let mut overtaken: Vec<_> = overtaken.collect();
            take_turns(&mut overtaken, &mut turn, 1, &mut topics, Encoding::Bincode);
            overtaken.iter().map(|o| o.topic).collect::<Vec<_>>()
        });
        assert_eq!(shown, [[0], [1], [2], [0]]);
    }
}
