//! Random lives of a server and a client.

use proptest::prelude::*;
use tickcast_protocol::message::CandleState;

use super::{
    client::{Client, What},
    model::Model,
    *,
};
use crate::data::time::{MINUTE, SECOND};

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    /// Time passes, then an update is published.
    Publish {
        after_ns: i64,
        number: i64,
        others: u64,
    },
    /// The next updates come.
    Deliver(usize),
    /// The oldest answer comes.
    Answer,
    /// A chart looks at a stretch of time, which ends this long ago.
    Want {
        interval: usize,
        ago_ns: i64,
        span_ns: i64,
    },
    /// The next updates never come.
    Lose(usize),
    /// The feed was down, and is up again.
    Outage { for_ns: i64 },
    /// The connection is lost, and the next one resumes.
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    let short = || 0..3 * SECOND;
    prop_oneof![
        12 => (short(), 0i64..1_000, 0u64..3)
            .prop_map(|(after_ns, number, others)| Step::Publish { after_ns, number, others }),
        8 => (1usize..6).prop_map(Step::Deliver),
        6 => Just(Step::Answer),
        6 => (0..INTERVALS.len(), 0..2 * MINUTE, 1..3 * MINUTE)
            .prop_map(|(interval, ago_ns, span_ns)| Step::Want { interval, ago_ns, span_ns }),
        1 => (1usize..4).prop_map(Step::Lose),
        1 => (0..20 * SECOND).prop_map(|for_ns| Step::Outage { for_ns }),
        1 => Just(Step::Reconnect),
    ]
}

fn run(steps: Vec<Step>, is_of_trades: bool, limit: usize) -> (Model, Client) {
    let mut model = Model::new(is_of_trades);
    for number in 0..5 {
        model.now_ns += SECOND;
        model.publish(number + 1, 1);
    }
    let mut client = Client::new(&model);
    for step in steps {
        match step {
            Step::Publish {
                after_ns,
                number,
                others,
            } => {
                model.now_ns += after_ns;
                let update = model.publish(number, others);
                client.on_the_way.push_back(update.into());
            }
            Step::Deliver(count) => (0..count).for_each(|_| client.deliver()),
            Step::Answer => client.answer(&model),
            Step::Want {
                interval,
                ago_ns,
                span_ns,
            } => {
                let end_ns = model.now_ns - ago_ns + SECOND;
                client.want(
                    &model,
                    INTERVALS[interval],
                    (end_ns - span_ns, end_ns),
                    limit,
                );
            }
            Step::Lose(count) => {
                // After a loss the server sends the newest value.
                let update = model.publish(1, 0);
                let on_the_way = client.on_the_way.iter();
                let updates = on_the_way.filter(|item| matches!(item.what, What::Update(_)));
                let count = count.min(updates.count());
                client.on_the_way.push_back(update.into());
                client.lose(count);
            }
            Step::Outage { for_ns } => {
                client.send_status(model.now_ns);
                model.outages.push((model.now_ns, model.now_ns + for_ns));
                model.now_ns += for_ns;
                let update = model.publish(3, 0);
                client.send_status(model.now_ns);
                client.on_the_way.push_back(update.into());
            }
            Step::Reconnect => {
                client.answers.clear();
                client.history.disconnected();
                client.history.every_from(client.position);
            }
        }
    }
    (model, client)
}

proptest! {
    #[test]
    fn pages_and_live_updates_join_to_what_the_server_knows(
        steps in prop::collection::vec(step(), 0..120),
        is_of_trades in any::<bool>(),
        limit in 1usize..9,
    ) {
        let (mut model, mut client) = run(steps, is_of_trades, limit);
        while !client.on_the_way.is_empty() {
            client.deliver();
        }
        while !client.answers.is_empty() {
            client.answer(&model);
        }
        for interval in INTERVALS {
            let expected = model.bars(interval);
            let most = expected.len().div_ceil(limit) * 2 + 6;
            let mut questions = 0;
            loop {
                let wanted = (START_NS - MINUTE, model.now_ns + SECOND);
                if client.want(&model, interval, wanted, limit) {
                    questions += 1;
                    client.answer(&model);
                    prop_assert!(questions <= most, "{questions} questions");
                } else if client.history.track(interval).unwrap().covers(wanted.0, i64::MAX) {
                    break;
                } else {
                    // It rests.
                    model.now_ns += SECOND / 2;
                }
            }
            let expected = model.bars(interval);
            prop_assert_eq!(shown(&client, interval, model.now_ns), expected);
        }
        // And it goes on without questions.
        for number in 0..10 {
            model.now_ns += SECOND * 7 / 10;
            let update = model.publish(number * 3 + 1, 1);
            client.history.update(&update);
        }
        for interval in INTERVALS {
            let wanted = (START_NS, model.now_ns);
            prop_assert!(client.history.want(interval, wanted, model.now_ns).is_none());
            prop_assert_eq!(shown(&client, interval, model.now_ns), model.bars(interval));
        }
    }

    #[test]
    fn an_interval_that_counts_as_complete_at_any_moment_is_what_the_server_has(
        steps in prop::collection::vec(step(), 0..60),
        is_of_trades in any::<bool>(),
        limit in 1usize..9,
    ) {
        let (model, client) = run(steps, is_of_trades, limit);
        // What is on the way has no influence on what was complete before it.
        let first_ns = client.on_the_way.iter().map(|item| item.since_ns).min();
        let known_to_ns = first_ns.unwrap_or(model.now_ns);
        for interval in INTERVALS {
            if client.history.track(interval).is_none() {
                continue;
            }
            let expected = model.bars(interval);
            for bar in shown(&client, interval, known_to_ns) {
                if bar.state == CandleState::Complete {
                    let same = expected.iter().find(|same| same.start_ns == bar.start_ns);
                    prop_assert_eq!(Some(&bar), same);
                }
            }
        }
    }
}
