//! A stream without a network, nodes on it, and what must hold for both.

mod check;
mod work;

use std::{collections::VecDeque, time::Duration};

use tickcast_core::sequencer::{
    Sequencer,
    liveness::{Expected, Liveness, LivenessSettings, SilenceRule, WillRule},
};
use tickcast_protocol::{
    message::{Epoch, Position, TimeNs},
    topic::Filter,
};

use super::publishers::Publishers;
use crate::{Checkpoint, Delivered, Digest, Event, Known, Node, NodeSettings, Order, Replica};

/// Clients that publish once.
pub(super) const PUBLISHERS: usize = 2;

/// The feeds that every node can run.
pub(super) const FEEDS: [&str; 2] = ["left", "right"];

const START_NS: TimeNs = 1_700_000_000_000_000_000;

/// A message in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    time_ns: TimeNs,
    bytes: Vec<u8>,
}

/// A node with its connection.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) node: Node,
    /// Number of messages that it has read.
    read: usize,
    /// What it has written and the stream has not taken yet.
    wire: VecDeque<Vec<u8>>,
    /// The last message that it has read.
    last: Option<Stored>,
    /// Which feeds it runs.
    runs: [bool; FEEDS.len()],
    /// What it knew of an earlier life, until it is a member.
    known: Option<Known>,
    /// The publishes that were acknowledged, with their positions.
    acked: Vec<(u64, Position)>,
    /// Orders that were taken and not told yet.
    ordered: VecDeque<Order>,
    life: u64,
}

/// A loss of the end of the stream, which a node knows of.
#[derive(Debug)]
struct Loss {
    epoch: Epoch,
    /// The last position that is left.
    kept: Position,
}

#[derive(Debug)]
pub(super) struct World {
    stream: Vec<Stored>,
    /// The digest and the position after each message, as the first node that read it has them.
    made: Vec<(Digest, Position)>,
    pub(super) places: Vec<Place>,
    /// Checkpoints of the stream as it is.
    checkpoints: Vec<Vec<u8>>,
    /// What dead nodes have written and the stream has not taken yet.
    ghosts: VecDeque<Vec<u8>>,
    /// Everything that was ever written.
    written: Vec<Vec<u8>>,
    now: Duration,
    /// Number of messages that the stream has ever taken.
    stored: TimeNs,
    count: u64,
    losses: Vec<Loss>,
    lost: Vec<u64>,
    is_shortened: bool,
    publishers: Publishers,
}

fn sequencer() -> Sequencer {
    let rule = |filter, expect_every| SilenceRule {
        filter: Filter::new(filter).unwrap(),
        expect_every,
        dead_after: Some(Duration::from_secs(20)),
    };
    let will = WillRule {
        topic: Filter::new("will/+").unwrap(),
        dead_if: "gone".to_owned(),
        topics: Filter::new("client/+/#").unwrap(),
    };
    let every = Expected::Every(Duration::from_secs(2));
    let settings = LivenessSettings {
        silence: vec![rule("feed/#", every), rule("client/#", Expected::Learned)],
        wills: vec![will],
    };
    Sequencer::new(1000).with_liveness(Liveness::new(settings))
}

impl Place {
    /// A node that begins with a checkpoint, if there is one.
    fn new(index: usize, life: u64, known: Option<Known>, checkpoint: Option<&[u8]>) -> Self {
        let settings = NodeSettings {
            node: format!("node {index}"),
            feeds: FEEDS.map(str::to_owned).to_vec(),
            rules: 7,
            seed: 1_000 * (index as u64 + 1) + life,
        };
        let replica = match checkpoint {
            Some(bytes) => Replica::resume(sequencer(), Checkpoint::decode(bytes).unwrap()),
            None => Replica::new(sequencer()),
        };
        Self {
            read: replica.chain().last().sequence as usize,
            node: Node::new(settings, replica, known.clone()),
            wire: VecDeque::new(),
            last: None,
            runs: [false; FEEDS.len()],
            known,
            acked: Vec::new(),
            ordered: VecDeque::new(),
            life,
        }
    }

    /// What a mark on disk says of it.
    fn mark(&self) -> Option<Known> {
        match self.node.is_member() {
            true => self.node.known(),
            false => self.known.clone().or_else(|| self.node.known()),
        }
    }
}

impl World {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            stream: Vec::new(),
            made: Vec::new(),
            places: (0..nodes)
                .map(|index| Place::new(index, 0, None, None))
                .collect(),
            checkpoints: Vec::new(),
            ghosts: VecDeque::new(),
            written: Vec::new(),
            now: Duration::ZERO,
            stored: 0,
            count: 0,
            losses: Vec::new(),
            lost: Vec::new(),
            is_shortened: false,
            publishers: Publishers::new(PUBLISHERS),
        }
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    /// The stream takes a message. Its clock goes back now and then, and never says the same twice.
    fn store(&mut self, bytes: Vec<u8>) {
        let back = if bytes.len().is_multiple_of(5) {
            3_000_000
        } else {
            0
        };
        self.stored += 1;
        let time_ns = START_NS + self.now.as_nanos() as TimeNs + self.stored - back;
        self.stream.push(Stored { time_ns, bytes });
    }
}

impl World {
    /// A node does what is due, and writes.
    pub(super) fn run(&mut self, index: usize) {
        let now = self.now;
        let place = &mut self.places[index];
        if place.read == self.stream.len() {
            place.node.at_end(now);
        } else {
            place.node.poll(now);
        }
        while let Some(bytes) = place.node.take(now) {
            self.written.push(bytes.clone());
            place.wire.push_back(bytes);
        }
    }

    /// A node begins anew, because its engine says that the stream ends where it has begun to read.
    /// It is wrong: the engine has only just become the leader.
    pub(super) fn mislead(&mut self, index: usize, count: usize) {
        self.begin_again(index);
        self.read(index, count);
        let now = self.now;
        let place = &mut self.places[index];
        place.node.at_end(now);
        while let Some(bytes) = place.node.take(now) {
            self.written.push(bytes.clone());
            place.wire.push_back(bytes);
        }
    }

    /// The connection of a node is another one.
    pub(super) fn reconnect(&mut self, index: usize) {
        self.places[index].wire.clear();
        self.places[index].node.moved();
    }

    /// The stream takes some of what a node has written.
    pub(super) fn take(&mut self, index: usize, count: usize) {
        for _ in 0..count {
            let Some(bytes) = self.places[index].wire.pop_front() else {
                return;
            };
            self.store(bytes);
        }
    }

    /// The stream takes something again, or for the first time, that any node has written at any
    /// time.
    pub(super) fn repeat(&mut self, back: usize) {
        if let Some(index) = self.written.len().checked_sub(back) {
            self.store(self.written[index].clone());
        }
    }

    /// A message of a node gets lost.
    pub(super) fn lose(&mut self, index: usize, which: usize) {
        let wire = &mut self.places[index].wire;
        wire.remove(which % wire.len().max(1));
    }

    /// A node's connection ends with all that was on its way.
    pub(super) fn disconnect(&mut self, index: usize) {
        self.places[index].wire.clear();
    }

    /// All nodes but one run for a while, with clients and feeds.
    pub(super) fn go(&mut self, rounds: usize, without: Option<usize>) {
        for round in 0..rounds {
            self.pass(250);
            for index in (0..self.places.len()).filter(|index| Some(*index) != without) {
                self.read(index, 100);
                if round % 3 == index {
                    self.publish(index);
                    self.feed(index, round % FEEDS.len());
                }
                self.run(index);
                self.take(index, 100);
            }
        }
    }

    /// What a node has written comes after what it writes later.
    pub(super) fn delay(&mut self, index: usize) {
        let wire = &mut self.places[index].wire;
        wire.rotate_left(1.min(wire.len()));
    }

    /// The stream takes something that a dead node has written.
    pub(super) fn haunt(&mut self) {
        if let Some(bytes) = self.ghosts.pop_front() {
            self.store(bytes);
        }
    }

    /// A node reads.
    pub(super) fn read(&mut self, index: usize, count: usize) {
        for _ in 0..count {
            let place = &mut self.places[index];
            let Some(stored) = self.stream.get(place.read) else {
                return;
            };
            let is_same = place.read == 0 || self.stream.get(place.read - 1) == place.last.as_ref();
            if !is_same {
                // So a server finds it when it connects again.
                self.begin_again(index);
                return;
            }
            let delivered = Delivered {
                sequence: place.read as u64 + 1,
                time_ns: stored.time_ns,
                bytes: &stored.bytes,
            };
            let read = place.node.read(delivered, self.now).unwrap();
            place.read += 1;
            place.last = Some(stored.clone());
            let end = place.node.replica().chain().last().digest;
            let position = place.node.replica().position();
            for strip in &read.strips {
                for ack in strip.acks() {
                    assert_eq!(ack.ack.shard, index);
                    let value = u64::from(ack.ack.id.unwrap());
                    if self.publishers.have(value) {
                        let connection = (index, place.life);
                        let is_shortened = self.is_shortened;
                        self.publishers
                            .answered(value, connection, ack.result, is_shortened);
                        place
                            .acked
                            .extend(ack.result.map(|position| (value, position)));
                        continue;
                    }
                    // Wills have no number.
                    if !matches!(value % 16, 2 | 3) {
                        place.acked.push((value, ack.result.unwrap()));
                    }
                }
            }
            let mut is_outvoted = false;
            for event in read.events {
                match event {
                    Event::Runs { feed, is_own } => place.runs[usize::from(feed)] = is_own,
                    Event::Ordered { order, is_own } if is_own => {
                        assert_eq!(place.ordered.pop_front(), Some(order));
                    }
                    Event::Ordered { .. } => {}
                    Event::Joined => place.known = None,
                    Event::Began(lineage) => {
                        let ended = lineage.continues.last();
                        let is_whole = ended.is_none_or(|ended| ended.last == position);
                        assert!(is_whole || self.is_shortened, "nothing is lost: {ended:?}");
                    }
                    Event::Outvoted => is_outvoted = true,
                    Event::Expelled { .. } | Event::Disagrees(_) => {}
                    Event::Refused(refusal) => panic!("{refusal:?}"),
                }
            }
            match self.made.get(place.read - 1) {
                Some(made) => assert_eq!(*made, (end, position), "node {index} differs"),
                None => self.made.push((end, position)),
            }
            if is_outvoted {
                self.begin_again(index);
                return;
            }
        }
    }

    /// A node makes a checkpoint, unless the stream has changed and it does not know yet.
    pub(super) fn checkpoint(&mut self, index: usize) {
        let Place {
            node, read, last, ..
        } = &self.places[index];
        let is_of_stream = read.checked_sub(1).map(|last| self.stream.get(last));
        if is_of_stream.is_some_and(|stored| stored == last.as_ref()) {
            self.checkpoints.push(node.replica().checkpoint());
        }
    }

    /// The process of a node ends, and starts again.
    pub(super) fn kill(&mut self, index: usize) {
        let place = &mut self.places[index];
        self.ghosts.append(&mut place.wire);
        self.begin_again(index);
    }

    fn begin_again(&mut self, index: usize) {
        let place = &mut self.places[index];
        let checkpoint = self.checkpoints.last().map(Vec::as_slice);
        let mut fresh = Place::new(index, place.life + 1, place.mark(), checkpoint);
        if let Some(last) = fresh.read.checked_sub(1) {
            fresh.last = Some(self.stream[last].clone());
        }
        fresh.acked = std::mem::take(&mut place.acked);
        *place = fresh;
    }

    /// The engine starts again with an older state. All connections end.
    pub(super) fn shorten(&mut self, back: usize, clears: bool) {
        self.is_shortened = true;
        let length = self.stream.len().saturating_sub(back);
        let kept = match length {
            0 => 0,
            _ => self.made.get(length - 1).map_or(0, |made| made.1),
        };
        for index in 0..self.places.len() {
            let place = &mut self.places[index];
            if clears {
                place.wire.clear();
            }
            // What it has read before it is told is what its clients may have.
            if place.read > length
                && let Some(lineage) = place.node.replica().book().lineage()
                && place.node.is_member()
            {
                let epoch = lineage.epoch;
                self.losses.push(Loss { epoch, kept });
            }
        }
        self.ghosts.clear();
        self.checkpoints.retain(|bytes| {
            let checkpoint = Checkpoint::decode(bytes).unwrap();
            let replica = Replica::resume(sequencer(), checkpoint);
            replica.chain().last().sequence <= length as u64
        });
        self.stream.truncate(length);
        self.made.truncate(length);
        for index in 0..self.places.len() {
            let place = &mut self.places[index];
            let lost = place.acked.iter().filter(|(_, position)| *position > kept);
            self.lost.extend(lost.map(|(value, _)| *value));
            if place.read > length {
                self.begin_again(index);
            }
        }
    }

    /// Nothing fails any more, and clients get the answers that they wait for.
    pub(super) fn settle(&mut self) {
        self.ghosts.clear();
        self.come_to_rest();
        for client in 0..PUBLISHERS {
            self.connect(client, client % self.places.len());
        }
        self.come_to_rest();
        assert!(!self.publishers.is_waiting(), "all publishes are answered");
    }

    fn come_to_rest(&mut self) {
        for _ in 0..60 {
            for _ in 0..20 {
                self.pass(50);
                for index in 0..self.places.len() {
                    self.read(index, usize::MAX);
                    self.run(index);
                    self.take(index, usize::MAX);
                }
            }
        }
        for index in 0..self.places.len() {
            self.read(index, usize::MAX);
        }
    }
}
