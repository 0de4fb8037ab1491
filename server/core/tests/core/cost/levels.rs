//! The cost of names and filters of as many levels as they may have: 256 bytes have room for 125,
//! and each is looked up.
//!
//! These cases are bound by time as well: the shortest time of each call over several runs, which
//! shows what the call itself takes, whatever else the machine does. The median of the longest
//! calls of single runs, and the longest of all, are printed for `benches/README.md`.

use std::time::Duration;

use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, Mode, Publication, Publish},
    value::Value,
};

use super::{Cost, EXCESS_STEPS, World, choose, deep, filters, plain, subscribe, subscribe_as};

/// Levels of the filters; a few bytes are left for what distinguishes them.
const LEVELS: usize = 124;

/// Filters of this many levels that fit into one message.
const IN_MESSAGE: usize = 250;

/// Subscriptions that a client may have.
const SUBSCRIPTIONS_MAX: usize = 1_024;

/// Topics of 125 levels.
const DEEP_TOPICS: usize = 10_000;

/// Times that each case runs. A debug build takes ten times as long.
const RUNS: usize = match cfg!(debug_assertions) {
    true => 3,
    false => 20,
};

/// Maximum time of a call in the fastest of its runs.
const CALL_MAX: Duration = match cfg!(debug_assertions) {
    true => Duration::from_millis(25),
    false => Duration::from_millis(2),
};

/// Cases that took too long.
#[derive(Debug, Default)]
struct Slow(Vec<String>);

impl Slow {
    /// Runs a case several times, checks the steps of each run, and notes it if a call took too
    /// long in each of them.
    #[allow(clippy::print_stdout, reason = "figures for benches/README.md")]
    fn check(&mut self, case: &str, run: impl Fn() -> Cost) {
        let runs: Vec<Cost> = (0..RUNS).map(|_| run()).collect();
        let mut shortest = runs[0].times.clone();
        for cost in &runs {
            cost.check(case);
            assert_eq!(shortest.len(), cost.times.len(), "{case}: other calls");
            for (shortest, time) in shortest.iter_mut().zip(&cost.times) {
                *shortest = (*shortest).min(*time);
            }
        }
        let longest = shortest.into_iter().max().expect("there are calls");
        let of_runs = runs.iter().map(|cost| cost.times.iter().max());
        let mut of_runs: Vec<_> = of_runs.flatten().copied().collect();
        of_runs.sort_unstable();
        println!(
            "{case:<60} longest call: of single runs median {:.2?}, longest {:.2?}; in each {:.2?}",
            of_runs[RUNS / 2],
            of_runs[RUNS - 1],
            longest,
        );
        if longest >= CALL_MAX {
            self.0
                .push(format!("{case}: {longest:.2?} (limit {CALL_MAX:?})"));
        }
    }

    fn end(self) {
        let Self(slow) = self;
        assert!(slow.is_empty(), "too long in each run: {slow:#?}");
    }
}

/// Filters that share no node after their first level.
fn apart(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("{n}{}/z", "/+".repeat(LEVELS - 2)))
}

/// Filters that all match the first levels of the same name, each by a way of its own, and not its
/// last level.
fn almost(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| choose(n, 10, "+", "a") + &"/a".repeat(LEVELS - 11) + "/z")
}

/// The same in pairs, which part at the last level.
fn pairs(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| {
        let end = if n % 2 == 0 { "y" } else { "z" };
        choose(n / 2, 10, "+", "a") + &"/+".repeat(LEVELS - 11) + "/" + end
    })
}

/// The same with a wildcard in every second level.
fn in_turns(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| choose(n, 10, "+", "a") + &"/a/+".repeat((LEVELS - 12) / 2) + "/a/z")
}

type Filters = fn(usize) -> Box<dyn Iterator<Item = String>>;

/// Filters that are expensive in one way or another.
const KINDS: [(&str, Filters); 4] = [
    ("apart", |count| Box::new(apart(count))),
    ("almost alike", |count| Box::new(almost(count))),
    ("in pairs", |count| Box::new(pairs(count))),
    ("in turns", |count| Box::new(in_turns(count))),
];

/// A client with as many filters as it may have.
fn subscribed(kind: Filters) -> World {
    let mut world = World::new(Encoding::Json, plain().take(100));
    let all: Vec<_> = kind(SUBSCRIPTIONS_MAX).collect();
    for part in all.chunks(IN_MESSAGE) {
        world.send(subscribe(filters(part.iter().cloned())));
    }
    assert_eq!(
        world.stats.subscriptions.get(),
        SUBSCRIPTIONS_MAX as u64,
        "all of them"
    );
    world
}

#[test]
fn no_filters_of_many_levels_hold_the_shard() {
    let mut slow = Slow::default();
    for (case, kind) in KINDS {
        slow.check(
            &format!("subscribe: {IN_MESSAGE} filters of {LEVELS} levels, {case}"),
            || {
                let mut world = World::new(Encoding::Json, plain().take(100));
                world.send(subscribe(filters(kind(IN_MESSAGE))))
            },
        );
        slow.check(
            &format!("disconnect: 1,024 filters of {LEVELS} levels, {case}"),
            || subscribed(kind).reconnect(),
        );
        slow.check(
            &format!("publish: a topic of {LEVELS} levels to 1,024 filters, {case}"),
            || {
                let mut world = subscribed(kind);
                world.send(ClientMessage::Publish(Publish {
                    id: None,
                    updates: vec![Publication {
                        topic: format!("a{}", "/a".repeat(LEVELS - 1)),
                        value: Value::Text(String::new()),
                        source_time_ns: None,
                    }],
                }))
            },
        );
    }
    slow.end();
}

#[test]
fn no_search_for_names_of_many_levels_holds_the_shard() {
    let mut slow = Slow::default();
    let names = || deep(DEEP_TOPICS);
    let filters_of_all = [
        // Each name, from its first level to its last.
        format!("+{}", "/a".repeat(LEVELS)),
        format!("+{}", "/+".repeat(LEVELS)),
        // From its last level up.
        format!("{}/a", "+/".repeat(LEVELS).trim_end_matches('/')),
        // None, which is known at the last level alone.
        format!("+{}/b", "/a".repeat(LEVELS - 1)),
    ];
    for (nth, filter) in filters_of_all.iter().enumerate() {
        slow.check(
            &format!("subscribe: {DEEP_TOPICS} names of 125 levels, filter {nth}"),
            || World::new(Encoding::Json, names()).send(subscribe([filter.as_str()])),
        );
    }
    slow.check("subscribe: 250 names of 125 levels, exactly", || {
        World::new(Encoding::Json, names()).send(subscribe(filters(names().take(IN_MESSAGE))))
    });
    slow.end();
}

#[test]
fn no_names_of_many_levels_hold_the_shard() {
    let mut slow = Slow::default();
    // All texts but the first are known, or each of them is new.
    type Names = fn() -> Box<dyn Iterator<Item = String>>;
    let kinds: [(&str, Names); 2] = [
        ("known texts", || Box::new(deep(DEEP_TOPICS))),
        ("new texts", || Box::new(fresh(DEEP_TOPICS))),
    ];
    for (case, names) in kinds {
        let case = format!("{DEEP_TOPICS} names of many levels, {case}");
        slow.check(&case, || {
            let mut world = World::new(Encoding::Json, plain());
            world.send(subscribe_as(Mode::Every, None, ["#"]));
            world.update_all(plain().take(1));
            let cost = world.update_all(names());
            let of_turn = cost.longest[1].0;
            let max = super::TURN_MAX_STEPS + 2 * EXCESS_STEPS;
            assert!(of_turn <= max, "{of_turn}");
            cost
        });
    }
    slow.end();
}

/// Names of as many levels as have texts that no other name has there.
fn fresh(topics: usize) -> impl Iterator<Item = String> {
    (0..topics).map(|n| vec![format!("{n:03x}"); 50].join("/"))
}
