use proptest::{collection::vec, prelude::*};

use super::world::{FEEDS, PUBLISHERS, World};

const NODES: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Publish(usize),
    PublishOnce(usize),
    Connect(usize, usize),
    Order(usize),
    Feed(usize, usize),
    Run(usize),
    Take(usize, usize),
    Read(usize, usize),
    Go(usize, Option<usize>),
    Repeat(usize),
    Lose(usize, usize),
    Disconnect(usize),
    Reconnect(usize),
    Mislead(usize, usize),
    Delay(usize),
    Haunt,
    Checkpoint(usize),
    Kill(usize),
    Shorten(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0..NODES;
    let pair = |other| (node(), other);
    let without = proptest::option::of(node());
    prop_oneof![
        4 => (1..3_000u64).prop_map(Step::Pass),
        6 => node().prop_map(Step::Publish),
        6 => (0..PUBLISHERS).prop_map(Step::PublishOnce),
        6 => (0..PUBLISHERS, node()).prop_map(|(client, node)| Step::Connect(client, node)),
        2 => node().prop_map(Step::Order),
        6 => pair(0..FEEDS.len()).prop_map(|(node, feed)| Step::Feed(node, feed)),
        6 => node().prop_map(Step::Run),
        6 => pair(1..5).prop_map(|(node, count)| Step::Take(node, count)),
        6 => pair(1..9).prop_map(|(node, count)| Step::Read(node, count)),
        8 => (1..60usize, without).prop_map(|(rounds, without)| Step::Go(rounds, without)),
        6 => (1..60usize).prop_map(Step::Repeat),
        2 => pair(0..9).prop_map(|(node, which)| Step::Lose(node, which)),
        2 => node().prop_map(Step::Disconnect),
        2 => node().prop_map(Step::Reconnect),
        2 => pair(0..9).prop_map(|(node, count)| Step::Mislead(node, count)),
        1 => node().prop_map(Step::Delay),
        2 => Just(Step::Haunt),
        2 => node().prop_map(Step::Checkpoint),
        2 => node().prop_map(Step::Kill),
        1 => (1..30usize, any::<bool>()).prop_map(|(back, clears)| Step::Shorten(back, clears)),
    ]
}

fn carry_out(world: &mut World, step: &Step) {
    match *step {
        Step::Pass(ms) => world.pass(ms),
        Step::Publish(node) => world.publish(node),
        Step::PublishOnce(client) => world.publish_once(client),
        Step::Connect(client, node) => world.connect(client, node),
        Step::Order(node) => world.order(node),
        Step::Feed(node, feed) => world.feed(node, feed),
        Step::Run(node) => world.run(node),
        Step::Take(node, count) => world.take(node, count),
        Step::Read(node, count) => world.read(node, count),
        Step::Go(rounds, without) => world.go(rounds, without),
        Step::Repeat(back) => world.repeat(back),
        Step::Lose(node, which) => world.lose(node, which),
        Step::Disconnect(node) => world.disconnect(node),
        Step::Reconnect(node) => world.reconnect(node),
        Step::Mislead(node, count) => world.mislead(node, count),
        Step::Delay(node) => world.delay(node),
        Step::Haunt => world.haunt(),
        Step::Checkpoint(node) => world.checkpoint(node),
        Step::Kill(node) => world.kill(node),
        Step::Shorten(back, clears) => world.shorten(back, clears),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 2))]

    /// Whatever happens to the stream and to the nodes: all nodes make the same of it, nothing is
    /// doubled, nothing that was acknowledged is lost unless clients are told so, no two nodes run
    /// a feed, and all come together again.
    #[test]
    fn random_lives(steps in vec(step(), 1..150)) {
        let mut world = World::new(NODES);
        for step in &steps {
            carry_out(&mut world, step);
        }
        world.settle();
        world.check();
    }
}
