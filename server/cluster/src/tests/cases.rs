use std::time::Duration;

use smallvec::smallvec;
use tickcast_core::{
    sequencer::Sequencer,
    work::{NewUpdate, Submission, Work},
};
use tickcast_protocol::{
    message::{EndedEpoch, Epoch, Lineage, Status, TimeNs},
    topic::Topic,
    value::Value,
};

use crate::{
    Begins, Body, Change, Delivered, Digest, Event, Ignored, Join, MEMBERS_MAX, MemberId, Message,
    NAME_MAX_BYTES, Node, NodeSettings, Offered, PATIENCE_BEATS, Proof, Refusal, Replica,
    item::Item,
};

const A: MemberId = MemberId(1);
const B: MemberId = MemberId(2);
const ALONE: Option<Begins> = Some(Begins::Alone { epoch: Epoch(9) });

/// A replica, and the stream that it reads.
struct Stream {
    replica: Replica,
    statuses: Vec<Status>,
}

impl Stream {
    fn new() -> Self {
        Self {
            replica: Replica::new(Sequencer::new(10)),
            statuses: Vec::new(),
        }
    }

    fn last(&self) -> Proof {
        self.replica.chain().last()
    }

    /// A message of a member that has read everything.
    fn say(&mut self, from: MemberId, body: Body) -> Result<Vec<Change>, Ignored> {
        self.say_having_read(self.last(), from, body)
    }

    fn say_having_read(
        &mut self,
        proof: Proof,
        from: MemberId,
        body: Body,
    ) -> Result<Vec<Change>, Ignored> {
        let message = Message { from, proof, body };
        let bytes = message.encode();
        let sequence = self.last().sequence + 1;
        let delivered = Delivered {
            sequence,
            time_ns: sequence as TimeNs,
            bytes: &bytes,
        };
        let applied = self.replica.apply(delivered, Some(&message), &[]);
        let strips = applied.strips.iter();
        let statuses = strips.flat_map(|strip| strip.statuses());
        self.statuses.extend(statuses.map(|change| change.status));
        applied.result
    }

    fn heard(&self, member: MemberId) -> u64 {
        self.replica.book().member(member).unwrap().heard
    }
}

fn join(begins: Option<Begins>) -> Body {
    Body::Join(a_join(begins))
}

fn a_join(begins: Option<Begins>) -> Join {
    Join {
        node: "node".to_owned(),
        feeds: vec!["left".to_owned(), "right".to_owned()],
        rules: 7,
        begins,
    }
}

fn update(value: u64) -> NewUpdate {
    let topic = Topic::new("a").unwrap();
    NewUpdate::live(topic, Value::Reading(value as f64))
}

fn work(number: u64, feed: Option<u16>) -> Body {
    let mut items = Vec::new();
    let updates = vec![update(number)];
    Item::Updates { feed, updates }.append(&mut items);
    Body::Work { number, items }
}

fn refused(refusal: Refusal) -> Result<Vec<Change>, Ignored> {
    Err(Ignored::Refused(refusal))
}

#[test]
fn a_node_is_alone_only_if_nothing_counted_after_what_it_had_read() {
    let mut stream = Stream::new();
    let before = stream.last();
    assert!(stream.say(A, join(ALONE)).is_ok());
    let result = stream.say_having_read(before, B, join(ALONE));
    assert_eq!(result, refused(Refusal::Outdated));
    let after = stream.last();
    assert!(stream.say(A, Body::Beat).is_ok());
    let result = stream.say_having_read(after, B, join(ALONE));
    assert_eq!(result, refused(Refusal::Outdated));
    assert!(stream.say(B, Body::Beat).is_err(), "it is a stranger");
    let changes = stream.say(B, join(ALONE)).unwrap();
    assert_eq!(changes[0], Change::Departed(A));
    assert_eq!(stream.replica.book().members().len(), 1);
}

#[test]
fn a_node_that_joins_a_member_must_know_of_all_that_departed() {
    let mut stream = Stream::new();
    assert_eq!(stream.say(A, join(None)), refused(Refusal::Outdated));
    stream.say(A, join(ALONE)).unwrap();
    let before = stream.last();
    stream.say(B, join(None)).unwrap();
    stream.say(B, Body::Leave).unwrap();
    let result = stream.say_having_read(before, B, join(None));
    assert_eq!(result, refused(Refusal::Outdated), "it was written twice");
    assert!(stream.say(MemberId(3), join(None)).is_ok());
}

#[test]
fn a_member_that_has_spoken_since_is_not_expelled() {
    let mut stream = Stream::new();
    stream.say(A, join(ALONE)).unwrap();
    stream.say(B, join(None)).unwrap();
    let heard = stream.heard(B);
    stream.say(B, Body::Beat).unwrap();
    let expel = |heard| Body::Expel { member: B, heard };
    assert_eq!(stream.say(A, expel(heard)), refused(Refusal::Outdated));
    let heard = stream.heard(B);
    let changes = stream.say(A, expel(heard)).unwrap();
    assert_eq!(changes, [Change::Departed(B)]);
    assert_eq!(stream.say(B, work(1, None)), Err(Ignored::Stranger));
}

#[test]
fn a_feed_moves_to_the_member_with_the_fewest_and_its_topics_are_stale_until_it_speaks() {
    let mut stream = Stream::new();
    stream.say(A, join(ALONE)).unwrap();
    stream.say(B, join(None)).unwrap();
    stream.say(A, work(1, Some(0))).unwrap();
    assert_eq!(stream.replica.position(), 1);
    assert_eq!(stream.say(B, work(1, Some(0))), Ok(Vec::new()));
    assert_eq!(stream.replica.position(), 1, "it has no feed");
    assert_eq!(stream.replica.fenced(), 1);
    stream.say(MemberId(3), join(None)).unwrap();
    let changes = stream.say(A, Body::Leave).unwrap();
    let moved = |feed, owner| Change::Moved {
        feed,
        owner: Some(owner),
    };
    let expected = [Change::Departed(A), moved(0, B), moved(1, MemberId(3))];
    assert_eq!(changes, expected);
    assert_eq!(stream.statuses, [Status::Stale]);
    stream.say(B, work(2, Some(0))).unwrap();
    assert_eq!(stream.statuses, [Status::Stale, Status::Live]);
    assert_eq!(stream.replica.position(), 2);
}

#[test]
fn a_client_s_work_counts_once_and_in_order() {
    let mut stream = Stream::new();
    stream.say(A, join(ALONE)).unwrap();
    assert_eq!(stream.say(A, work(2, None)), Err(Ignored::Early));
    assert_eq!(stream.say(A, work(1, None)), Ok(Vec::new()));
    assert_eq!(stream.say(A, work(1, None)), Err(Ignored::Double));
    assert_eq!(stream.say(A, work(2, None)), Ok(Vec::new()));
    assert_eq!(stream.replica.position(), 2);
}

#[test]
fn nodes_with_other_settings_long_names_or_another_past_are_refused() {
    let mut stream = Stream::new();
    stream.say(A, join(ALONE)).unwrap();
    let with = |change: &dyn Fn(&mut Join)| {
        let mut join = a_join(None);
        change(&mut join);
        Body::Join(join)
    };
    let other = with(&|join| join.rules = 8);
    assert_eq!(stream.say(B, other), refused(Refusal::OtherRules));
    let long = with(&|join| join.feeds[0] = "f".repeat(NAME_MAX_BYTES + 1));
    assert_eq!(stream.say(B, long), refused(Refusal::TooManyFeeds));
    let mut other = stream.last();
    other.digest.0 += 1;
    let result = stream.say_having_read(other, A, Body::Beat);
    assert_eq!(result, Err(Ignored::Diverged));
    let mut ahead = stream.last();
    ahead.sequence += 1;
    let result = stream.say_having_read(ahead, A, Body::Beat);
    assert_eq!(result, Err(Ignored::Ahead));
    for id in 2..=MEMBERS_MAX as u64 {
        assert!(stream.say(MemberId(id), join(None)).is_ok());
    }
    let one_more = stream.say(MemberId(1_000), join(None));
    assert_eq!(one_more, refused(Refusal::TooManyMembers));
}

#[test]
fn an_epoch_that_lost_its_end_is_told_once() {
    let mut stream = Stream::new();
    stream.say(A, join(ALONE)).unwrap();
    for number in 1..=5 {
        stream.say(A, work(number, None)).unwrap();
    }
    let lost_having_read = |epoch, kept, read| {
        join(Some(Begins::EndLost {
            epoch: Epoch(epoch),
            before: Epoch(9),
            kept,
            read,
        }))
    };
    let lost = |epoch, kept| {
        let read = Proof {
            sequence: 1_000,
            digest: Digest(1),
        };
        lost_having_read(epoch, kept, read)
    };
    // A node that has not seen the end is wrong.
    let read = stream.replica.chain().last();
    let wrong = stream.say(B, lost_having_read(10, 3, read));
    assert_eq!(wrong, refused(Refusal::Known));
    stream.say(B, lost(10, 3)).unwrap();
    let lineage = stream.replica.book().lineage().unwrap();
    assert_eq!(
        (lineage.epoch, lineage.kept(Epoch(9))),
        (Epoch(10), Some(3))
    );
    let again = stream.say(MemberId(3), lost(11, 3));
    assert_eq!(again, refused(Refusal::Known));
    assert!(stream.say(MemberId(3), lost(12, 2)).is_ok());
    let lineage = stream.replica.book().lineage().unwrap();
    assert_eq!(lineage.kept(Epoch(9)), Some(2));
}

/// A node on a stream that does what the test wants.
struct One {
    node: Node,
    sequence: u64,
    now: Duration,
}

impl One {
    fn new() -> Self {
        let settings = NodeSettings {
            node: "one".to_owned(),
            feeds: vec!["left".to_owned()],
            rules: 7,
            seed: 3,
        };
        Self {
            node: Node::new(settings, Replica::new(Sequencer::new(10)), None),
            sequence: 0,
            now: Duration::ZERO,
        }
    }

    fn written(&mut self) -> Vec<Vec<u8>> {
        self.node.at_end(self.now);
        std::iter::from_fn(|| self.node.take(self.now)).collect()
    }

    fn read(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.sequence += 1;
        let delivered = Delivered {
            sequence: self.sequence,
            time_ns: self.now.as_nanos() as TimeNs,
            bytes,
        };
        self.node.read(delivered, self.now).unwrap().events
    }

    /// The stream takes what it writes.
    fn go(&mut self) -> Vec<Event> {
        let written = self.written();
        written.iter().flat_map(|bytes| self.read(bytes)).collect()
    }

    fn say(&mut self, from: MemberId, body: Body) -> Vec<Event> {
        let proof = self.node.replica().chain().last();
        self.read(&Message { from, proof, body }.encode())
    }

    fn offer(&mut self, value: u64, feed: Option<u16>) {
        let submission = Submission {
            updates: smallvec![update(value)],
            ack: None,
            feed,
            once: None,
        };
        let offered = self.node.offer(Work::Updates(submission));
        assert_eq!(offered, Offered::Taken);
    }
}

fn numbers(written: &[Vec<u8>]) -> Vec<u64> {
    let bodies = written
        .iter()
        .map(|bytes| Message::decode(bytes).unwrap().body);
    let numbers = bodies.filter_map(|body| match body {
        Body::Work { number, .. } => Some(number),
        _ => None,
    });
    numbers.collect()
}

#[test]
fn a_node_that_was_taken_for_dead_writes_again_what_clients_had_published() {
    let mut one = One::new();
    let events = one.go();
    assert!(matches!(
        events[..],
        [
            Event::Began(_),
            Event::Joined,
            Event::Runs { is_own: true, .. }
        ]
    ));
    let first = one.node.id();
    one.say(B, join(None));
    one.offer(1, Some(0));
    one.offer(2, None);
    assert_eq!(numbers(&one.written()), [1]);
    let heard = one.node.replica().book().member(first).unwrap().heard;
    let member = first;
    let events = one.say(B, Body::Expel { member, heard });
    let gone = Event::Runs {
        feed: 0,
        is_own: false,
    };
    assert_eq!(events, [Event::Expelled { dropped: 1 }, gone]);
    assert_ne!(one.node.id(), first);
    one.go();
    let events = one.say(B, Body::Beat);
    assert_eq!(events, []);
    assert_eq!(one.go(), [Event::Joined]);
    assert!(!one.node.is_idle());
    one.go();
    assert!(one.node.is_idle());
    assert_eq!(one.node.replica().position(), 1, "only the client's");
}

#[test]
fn work_after_one_that_is_missing_is_written_again_at_once() {
    let mut one = One::new();
    one.go();
    let mut written = Vec::new();
    for value in 1..=3 {
        one.offer(value, None);
        written.extend(one.written());
    }
    let of_work = |bytes: &&Vec<u8>| !numbers(&[bytes.to_vec()]).is_empty();
    let written: Vec<_> = written.iter().filter(of_work).cloned().collect();
    assert_eq!(numbers(&written), [1, 2, 3]);
    one.read(&written[0]);
    one.read(&written[2]);
    let again = one.written();
    assert_eq!(numbers(&again), [2, 3]);
    again.iter().for_each(|bytes| drop(one.read(bytes)));
    assert!(one.node.is_idle());
    assert_eq!(one.node.replica().position(), 3);
}

#[test]
fn work_that_does_not_come_is_written_again_after_a_while() {
    let mut one = One::new();
    one.go();
    one.offer(1, None);
    assert_eq!(numbers(&one.written()), [1]);
    one.now += crate::RESEND_AFTER - Duration::from_millis(1);
    assert!(numbers(&one.written()).is_empty());
    one.now += Duration::from_millis(1);
    assert_eq!(numbers(&one.written()), [1]);
}

#[test]
fn no_member_is_expelled_while_the_stream_stands_still() {
    let mut one = One::new();
    one.go();
    one.say(B, join(None));
    let is_expel = |bytes: &Vec<u8>| {
        let body = Message::decode(bytes).unwrap().body;
        matches!(body, Body::Expel { .. })
    };
    for _ in 0..100 {
        one.now += crate::BEAT_EVERY;
        assert!(!one.written().iter().any(is_expel));
    }
    for beat in 0..=PATIENCE_BEATS {
        one.now += 3 * crate::BEAT_EVERY;
        let written = one.written();
        assert_eq!(written.len(), 1, "{beat}");
        one.read(&written[0]);
    }
    assert!(one.written().iter().any(is_expel));
}

#[test]
fn updates_of_a_feed_are_divided_and_a_publish_that_is_too_long_is_refused() {
    let mut one = One::new();
    one.go();
    let long = |bytes| {
        let value = Value::Bytes(vec![0; bytes]);
        NewUpdate::live(Topic::new("a").unwrap(), value)
    };
    let offer = |one: &mut One, feed, updates: Vec<NewUpdate>| {
        let updates = updates.into();
        let ack = None;
        one.node.offer(Work::Updates(Submission {
            updates,
            ack,
            feed,
            once: None,
        }))
    };
    let updates = vec![long(300_000), long(300_000), long(600_000), long(5)];
    let offered = offer(&mut one, Some(0), updates.clone());
    assert_eq!(offered, Offered::TooLong { updates: 1 });
    let offered = offer(&mut one, None, updates);
    assert_eq!(offered, Offered::TooLong { updates: 4 });
    while !one.node.is_idle() {
        one.go();
    }
    assert_eq!(one.node.replica().position(), 3);
}

#[test]
fn a_node_that_hears_no_member_for_a_while_begins_an_epoch() {
    let mut one = One::new();
    one.say(B, join(ALONE));
    let mut beats = 0;
    let mut events = Vec::new();
    while events.is_empty() {
        assert!(beats <= PATIENCE_BEATS);
        for bytes in one.written() {
            let is_beat = Message::decode(&bytes).unwrap().body == Body::Beat;
            beats += u32::from(is_beat);
            events.extend(one.read(&bytes));
        }
        one.now += crate::BEAT_EVERY;
    }
    assert_eq!(beats, PATIENCE_BEATS);
    let ended = EndedEpoch {
        epoch: Epoch(9),
        last: 0,
    };
    let began = Event::Began(Lineage {
        epoch: one.node.replica().book().lineage().unwrap().epoch,
        continues: vec![ended],
    });
    assert!(events.contains(&began), "{events:?}");
    assert!(one.node.is_member());
    assert_eq!(one.node.replica().book().members().len(), 1);
}

/// The servers of NATS may have come apart: then each that leads gives its own messages.
#[test]
fn a_node_that_alone_has_read_something_else_reads_again_and_begins_no_epoch() {
    let contradict = |one: &mut One| {
        let proof = Proof {
            digest: Digest(1),
            ..one.node.replica().chain().last()
        };
        let body = Body::Beat;
        let message = Message {
            from: B,
            proof,
            body,
        };
        one.read(&message.encode())
    };
    for is_member in [false, true] {
        let mut one = One::new();
        match is_member {
            true => drop(one.go()),
            false => drop(one.say(B, join(ALONE))),
        }
        assert_eq!(one.node.is_member(), is_member);
        let mut beats = 0;
        let is_outvoted = (0..20).find(|_| {
            one.now += crate::BEAT_EVERY;
            assert_eq!(contradict(&mut one), [Event::Disagrees(B)]);
            let events = one.go();
            beats += 1;
            assert!(!events.iter().any(|event| matches!(event, Event::Began(_))));
            events.contains(&Event::Outvoted)
        });
        assert!(is_outvoted.is_some(), "it is a member: {is_member}");
        assert!(beats >= 4, "it is certain after {beats}");
    }
    // As long as it agrees with one of two, the other one reads again.
    let mut one = One::new();
    one.go();
    let third = MemberId(30);
    one.say(third, join(None));
    for _ in 0..20 {
        one.now += crate::BEAT_EVERY;
        contradict(&mut one);
        one.say(third, Body::Beat);
        let events = one.go();
        assert!(!events.contains(&Event::Outvoted));
    }
}
