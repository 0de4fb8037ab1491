//! Random histories of a server with power cuts: each loses its newest strips, and a new epoch
//! continues the one before. A client of any of these epochs, at any position, gets what the truth
//! says: nothing is missing, or it is told exactly what the server has lost.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use tickcast_protocol::{
    codec::Encoding,
    message::{
        Accepted, ClientMessage, EndedEpoch, Epoch, FilterRequest, Mode, Position, Resume,
        ServerMessage, Start, Subscribe, SubscribeResult, Update,
    },
    topic::Filter,
    value::Value,
};

use crate::{
    bench::Bench,
    restored::{Kept, settings, strips},
};

const TOPICS: [&str; 5] = ["a/1", "a/2", "b/1", "b/2", "c"];

/// Filters of clients.
const FILTERS: [&str; 3] = ["#", "a/+", "c"];

/// What happens in an epoch.
#[derive(Debug, Clone)]
struct Life {
    /// The topics of the updates of each strip.
    strips: Vec<Vec<usize>>,
    /// The number of strips, from the end of the tape, that the next power cut loses.
    lost: usize,
}

fn life() -> impl Strategy<Value = Life> {
    let strip = prop::collection::vec(0..TOPICS.len(), 1..4);
    (prop::collection::vec(strip, 0..5), 0..7usize).prop_map(|(strips, lost)| Life { strips, lost })
}

/// The topics of the updates of an epoch, as a client could get them. The first has position 1.
#[derive(Debug, Clone, Default)]
struct Truth {
    tape: Vec<usize>,
    /// How much of it the last epoch has.
    kept: usize,
}

impl Truth {
    fn matching(&self, filter: &Filter) -> impl Iterator<Item = (Position, usize)> {
        let updates = (1..).zip(self.tape.iter().copied());
        updates.filter(|(_, topic)| filter.matches(TOPICS[*topic]))
    }

    fn count(&self, filter: &Filter, until: Position) -> u64 {
        let updates = self.matching(filter);
        updates.filter(|(position, _)| *position <= until).count() as u64
    }

    /// The position of the newest update of each topic up to a position.
    fn newest(&self, filter: &Filter, until: Position) -> BTreeMap<&'static str, Position> {
        let updates = self.matching(filter);
        let until = updates.filter(|(position, _)| *position <= until);
        until.map(|(at, topic)| (TOPICS[topic], at)).collect()
    }

    /// The names by id: ids are given in the order of the first updates.
    fn names(&self) -> HashMap<u32, &'static str> {
        let mut seen = Vec::new();
        for topic in &self.tape {
            if !seen.contains(topic) {
                seen.push(*topic);
            }
        }
        (0..)
            .zip(seen.into_iter().map(|topic| TOPICS[topic]))
            .collect()
    }
}

/// All epochs of a server, and the server in its last one.
struct World {
    truths: Vec<Truth>,
    bench: Bench,
}

impl World {
    fn new(lives: &[Life]) -> Self {
        let mut truths: Vec<Truth> = Vec::new();
        let mut kept = Kept::default();
        let mut ended = Vec::new();
        let mut bench = None;
        for (number, life) in lives.iter().enumerate() {
            let epoch = Epoch(number as u64);
            let mut now = kept.restore_in(epoch, ended.clone(), settings());
            let mut truth = Truth {
                tape: truths.last().map_or(Vec::new(), |last| last.tape.clone()),
                kept: usize::MAX,
            };
            truth
                .tape
                .truncate(truths.last().map_or(0, |last| last.kept));
            for updates in &life.strips {
                let named = updates.iter().map(|topic| TOPICS[*topic]);
                let values = named.map(|topic| (topic, Value::Reading(1.0)));
                now.queue_values(values.collect());
                strips(&mut now)
                    .into_iter()
                    .for_each(|strip| kept.take(strip));
                truth.tape.extend(updates);
            }
            truths.push(truth);
            bench = Some(now);
            if number + 1 < lives.len() {
                kept = kept.without_last(life.lost);
                let last = kept.head();
                for truth in &mut truths {
                    truth.kept = truth.kept.min(last as usize);
                }
                ended.push(EndedEpoch { epoch, last });
            }
        }
        Self {
            truths,
            bench: bench.expect("there is a last epoch"),
        }
    }

    /// A client of an epoch resumes, and gets what is right.
    fn resume(&mut self, epoch: usize, position: Position, filter: &str, mode: Mode) {
        let (truth, last) = (&self.truths[epoch], self.truths.last().unwrap());
        let parsed = Filter::new(filter).unwrap();
        let is_every = mode == Mode::Every;
        let head = last.tape.len() as Position;
        let base = position.min(truth.kept as Position);
        let what = format!("{epoch} {position} {filter} {mode:?} {:?}", self.truths);
        let client = self.bench.reader(Encoding::Bincode);
        let request = Subscribe {
            id: 1,
            filters: vec![FilterRequest {
                filter: filter.to_owned(),
                resume: Some(Resume {
                    epoch: Epoch(epoch as u64),
                    position,
                    count: is_every.then(|| truth.count(&parsed, position)),
                    snapshot: None,
                }),
            }],
            mode,
            max_rate_hz: None,
        };
        self.bench.ask(&client, ClientMessage::Subscribe(request));
        self.bench.settle();
        let mut names = truth.names();
        let mut known = match epoch + 1 == self.truths.len() {
            true => truth.newest(&parsed, base),
            // It may lack any value.
            false => BTreeMap::new(),
        };
        let mut live = Vec::new();
        for message in client.messages_by_id() {
            match message {
                ServerMessage::Subscribed(subscribed) => {
                    let [SubscribeResult::Accepted(accepted)] = &subscribed.results[..] else {
                        panic!("{subscribed:?} {what}");
                    };
                    assert_eq!(accepted.epoch, Epoch(self.truths.len() as u64 - 1));
                    assert!(accepted.position <= base, "{accepted:?} {what}");
                    let between =
                        last.count(&parsed, base) - last.count(&parsed, accepted.position);
                    assert_eq!(between, 0, "{accepted:?} {what}");
                    assert_eq!(accepted.count, last.count(&parsed, base), "{what}");
                    check_start(accepted, truth, &parsed, position, is_every, &what);
                }
                ServerMessage::Batch(batch) => {
                    for info in &batch.topics {
                        let name = TOPICS.into_iter().find(|name| *name == info.topic.as_str());
                        names.insert(info.id, name.expect("a topic of the test"));
                    }
                    let got = batch
                        .updates
                        .iter()
                        .map(|update: &Update<u32>| (update.position, names[&update.topic]));
                    let got: Vec<_> = got.collect();
                    known.extend(got.iter().map(|&(position, name)| (name, position)));
                    if !batch.snapshot {
                        live.extend(got);
                    }
                }
                ServerMessage::Gap(gap) => panic!("{gap:?} {what}"),
                _ => {}
            }
        }
        assert_eq!(known, last.newest(&parsed, head), "{what}");
        if is_every {
            let all = last
                .matching(&parsed)
                .map(|(at, topic)| (at, TOPICS[topic]));
            let later: Vec<_> = all.filter(|(at, _)| *at > base).collect();
            assert_eq!(live, later, "{what}");
        }
        self.bench.shard.disconnect(client.key);
    }
}

fn check_start(
    accepted: &Accepted,
    truth: &Truth,
    filter: &Filter,
    position: Position,
    is_every: bool,
    what: &str,
) {
    let kept = truth.kept as Position;
    if position <= kept {
        assert_eq!(
            (accepted.start, accepted.lost),
            (Start::Resumed, None),
            "{what}"
        );
        return;
    }
    let lost = truth.count(filter, position) - truth.count(filter, kept);
    assert_eq!(accepted.start, Start::Truncated, "{what}");
    assert_eq!(accepted.lost, is_every.then_some(lost), "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 3))]

    #[test]
    fn a_client_of_any_epoch_misses_nothing_or_is_told_what_the_server_has_lost(
        lives in prop::collection::vec(life(), 2..5),
    ) {
        let mut world = World::new(&lives);
        for epoch in 0..world.truths.len() {
            for position in 0..=world.truths[epoch].tape.len() as Position {
                for filter in FILTERS {
                    for mode in [Mode::Every, Mode::Latest] {
                        world.resume(epoch, position, filter, mode);
                    }
                }
            }
        }
    }
}

#[test]
fn the_welcome_tells_the_epochs_before_and_the_metrics_what_clients_have_that_is_lost() {
    let lives = [2, 0].map(|lost| Life {
        strips: vec![vec![0], vec![1], vec![0], vec![0]],
        lost,
    });
    let mut world = World::new(&lives);
    let bench = &mut world.bench;
    let client = bench.connect(Encoding::Json, tickcast_core::permissions::Access::READER);
    let messages = client.messages();
    let [ServerMessage::Welcome(welcome)] = &messages[..] else {
        panic!("{messages:?}");
    };
    let ended = EndedEpoch {
        epoch: Epoch(0),
        last: 2,
    };
    assert_eq!(
        (welcome.epoch, &welcome.continues[..]),
        (Epoch(1), &[ended][..])
    );
    world.resume(0, 4, "#", Mode::Every);
    world.resume(0, 4, "a/+", Mode::Latest);
    let stats = &world.bench.stats;
    assert_eq!(
        (stats.truncated.get(), stats.truncated_updates.get()),
        (2, 2)
    );
}
