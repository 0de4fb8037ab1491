//! Feeds on the simulated network, in virtual time: what a source has sent arrives, whatever
//! happens to the connections.
//!
//! * this file: what must hold
//! * `run`: a feed whose connections are simulated
//! * `broker`: an MQTT broker
//! * `publisher`: a WebSocket server

mod broker;
mod publisher;
mod run;

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng};
use tokio::{
    task::spawn_local,
    time::{sleep, timeout},
};

use self::{
    broker::Broker,
    publisher::Publisher,
    run::{RunningFeed, Storm, in_virtual_time},
};
use super::{FeedState, Source, mqtt::MqttSettings, websocket::WebsocketSettings};
use crate::simulation::each_seed;

/// Seeds that failed once.
const KEPT: [u64; 0] = [];

/// How long connections fail.
const STORM: Duration = Duration::from_secs(600);

/// Longest time until everything has come, once nothing fails any more: the last connection is
/// found to be dead, and the longest wait before the next attempt.
const CALM_MAX: Duration = Duration::from_secs(150);

/// A storm that breaks fewer connections shows nothing.
const RECONNECTS_LEAST: u64 = 3;

/// Longest time for a feed to end: an attempt to say goodbye, and what it has is handed over.
const STOP_MAX: Duration = Duration::from_secs(3);

#[test]
fn each_message_of_a_broker_with_a_session_arrives_in_order_over_all_connections() {
    each_seed(&KEPT, 12, |mut rng| {
        in_virtual_time(async {
            let storm = Rc::new(Storm::default());
            let mut listener = storm.listen(&mut rng, 3_000);
            let broker = Rc::new(RefCell::new(Broker::default()));
            let serving = spawn_local({
                let (broker, storm) = (Rc::clone(&broker), Rc::clone(&storm));
                let mut rng = SeedableRng::seed_from_u64(rng.random());
                async move {
                    while let Some(socket) = listener.recv().await {
                        let life = storm.life(&mut rng);
                        let served = Broker::serve(&broker, socket, &mut rng);
                        tokio::select! {
                            () = served => {}
                            () = life => {}
                        }
                    }
                }
            });
            let settings = MqttSettings {
                client_id: Some("simulated".into()),
                session_expiry: Duration::from_secs(3_600),
                ..MqttSettings::default()
            };
            let mut feed = RunningFeed::start(Source::Mqtt(settings));
            let publisher = spawn_local({
                let (broker, storm) = (Rc::clone(&broker), Rc::clone(&storm));
                let mut rng: crate::simulation::Rng = SeedableRng::seed_from_u64(rng.random());
                async move {
                    // A broker keeps nothing for a client that it does not know.
                    while !broker.borrow().has_session() {
                        sleep(Duration::from_millis(100)).await;
                    }
                    while !storm.is_over() {
                        broker.borrow_mut().publish(rng.random_range(1..20));
                        sleep(Duration::from_secs(2).mul_f64(rng.random())).await;
                    }
                }
            });
            let ended = async {
                sleep(STORM).await;
                storm.end();
                publisher.await.expect("it does not panic");
            };
            let ((), mut numbers) = tokio::join!(ended, feed.take_until(|_| storm.is_over()));
            let last = broker.borrow().published();
            if timeout(CALM_MAX, feed.take_into(&mut numbers, last))
                .await
                .is_err()
            {
                panic!("{} of {last}, {:?}", numbers.len(), feed.metrics);
            }
            // The connection on which the last number came may be one of the storm.
            let metrics = Arc::clone(&feed.metrics);
            let up = feed.take_until(|_| metrics.state() == FeedState::Up);
            numbers.extend(timeout(CALM_MAX, up).await.expect("it is up in the end"));
            let mut known = BTreeSet::new();
            for &number in &numbers {
                let is_next = known.last().map_or(1, |last| last + 1) == number;
                assert!(is_next || known.contains(&number), "{number} is too early");
                known.insert(number);
            }
            assert!(last > 100, "the broker has published {last}");
            let again = numbers.len() - known.len();
            let most = broker::IN_FLIGHT_MAX * feed.metrics.reconnects.get() as usize;
            assert!(again <= most, "{again} came again");
            let reconnects = feed.metrics.reconnects.get();
            assert!(reconnects > RECONNECTS_LEAST, "{reconnects} reconnects");
            feed.stop(STOP_MAX).await;
            assert_eq!(feed.metrics.lost.get(), 0);
            assert_eq!(feed.metrics.received.get(), feed.metrics.submitted.get());
            serving.abort();
            storm.nothing_is_left().await;
        });
    });
}

#[test]
fn what_a_websocket_server_has_sent_arrives_in_order_up_to_the_end_of_its_connection() {
    each_seed(&KEPT, 12, |mut rng| {
        in_virtual_time(async {
            let storm = Rc::new(Storm::default());
            let mut listener = storm.listen(&mut rng, 6_000);
            let publisher = Rc::new(RefCell::new(Publisher::default()));
            let serving = spawn_local({
                let (publisher, storm) = (Rc::clone(&publisher), Rc::clone(&storm));
                let mut rng = SeedableRng::seed_from_u64(rng.random());
                async move {
                    while let Some(socket) = listener.recv().await {
                        let (is_calm, life) = (storm.is_over(), storm.life(&mut rng));
                        let served = Publisher::serve(&publisher, socket, is_calm, &mut rng);
                        tokio::select! {
                            () = served => {}
                            () = life => {}
                        }
                    }
                }
            });
            let settings = WebsocketSettings {
                url: Some("ws://simulated.example/".parse().expect("it is a URL")),
                send: vec!["first".into(), "second".into()],
                ..WebsocketSettings::default()
            };
            let mut feed = RunningFeed::start(Source::Websocket(Box::new(settings)));
            let end = async {
                sleep(STORM).await;
                storm.end();
            };
            let ((), mut numbers) = tokio::join!(end, feed.take_until(|_| storm.is_over()));
            // The connections of the storm may last for a while.
            let calm = async {
                while !publisher.borrow().has_calm_connection(200) {
                    sleep(Duration::from_secs(1)).await;
                }
            };
            let until = feed.take_until(|_| publisher.borrow().has_calm_connection(200));
            let more = timeout(CALM_MAX, async { tokio::join!(calm, until).1 }).await;
            numbers.extend(more.expect("a connection lasts"));
            let last = publisher.borrow_mut().stop();
            let end = async {
                while numbers.last() != Some(&last) {
                    numbers.extend(feed.next().await);
                }
            };
            timeout(CALM_MAX, end).await.expect("the last number comes");
            publisher.borrow().check(&numbers);
            assert_eq!(feed.metrics.lost.get(), 0);
            let reconnects = feed.metrics.reconnects.get();
            assert!(reconnects > RECONNECTS_LEAST, "{reconnects} reconnects");
            feed.stop(STOP_MAX).await;
            assert_eq!(feed.metrics.received.get(), feed.metrics.submitted.get());
            serving.abort();
            storm.nothing_is_left().await;
        });
    });
}
