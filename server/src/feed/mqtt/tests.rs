//! A feed that panics loses nothing that the broker has its acknowledgement for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tickcast_core::work::Work;
use tickcast_protocol::value::Value;
use tickcast_server_testkit::broker::Broker;
use tokio::{
    sync::oneshot,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::MqttSettings;
use crate::{
    clock::Clock,
    feed::{
        FeedMetrics, FeedSettings, FeedState, Source,
        decode::{Decoder, PANIC_PAYLOAD},
        run,
    },
    ingest::Ingest,
    metrics::TaskState,
    mqtt::MqttVersion,
    tasks::Task,
};

const NUMBERS: u32 = 5_000;

/// Where the feed panics. Messages in a row are received together.
const PANICS: [u32; 2] = [500, 501];

const DEADLINE: Duration = Duration::from_secs(60);

async fn check(version: MqttVersion) {
    let broker = Broker::start("allow_anonymous true\nmax_queued_messages 0");
    let settings = MqttSettings {
        url: format!("mqtt://127.0.0.1:{}", broker.port).parse().unwrap(),
        version,
        client_id: Some("test".into()),
        session_expiry: Duration::from_secs(600),
        ..MqttSettings::default()
    };
    let settings = FeedSettings {
        name: "test".into(),
        source: Source::Mqtt(settings),
    };
    let (ingest, mut queue) = Ingest::new(Clock::start());
    let ingest = ingest.of_feed(0);
    let metrics = Arc::new(FeedMetrics::default());
    let task = Task::alone("feed-test");
    let (stop, stopped) = oneshot::channel::<()>();
    let decoder = Decoder::new([].into());
    let stopped = async {
        let _ = stopped.await;
    };
    let feed = run(
        settings,
        decoder,
        ingest,
        Arc::clone(&metrics),
        task.clone(),
        stopped,
    );
    let feed = tokio::spawn(feed);
    while metrics.state() != FeedState::Up {
        sleep(Duration::from_millis(10)).await;
    }
    let line = |number| match PANICS.contains(&number) {
        true => format!("{PANIC_PAYLOAD}\n"),
        false => format!("{number}\n"),
    };
    let lines: String = (0..NUMBERS).map(line).collect();
    let publisher = spawn_blocking(move || {
        broker.publish("a", &lines, &["-q", "1"]);
        broker
    });
    let mut missing: BTreeSet<u32> = (0..NUMBERS)
        .filter(|number| !PANICS.contains(number))
        .collect();
    let mut downs = 0;
    // What was received before a failure is handed over before its topics are down.
    while !missing.is_empty() || downs == 0 {
        let arrival = timeout(DEADLINE, queue.recv()).await;
        let expected = "all updates come, and the topics are down while it does not run";
        match arrival.expect(expected).expect("it runs").work {
            Work::Updates(submission) => {
                for update in submission.updates {
                    let Value::Reading(number) = update.value else {
                        panic!("{update:?}");
                    };
                    // A message may come twice: the broker sends what is not acknowledged again.
                    missing.remove(&(number as u32));
                }
            }
            Work::FeedDown(_) => downs += 1,
            Work::TopicsDead(..) => panic!("nothing is dead here"),
            Work::History(_) => panic!("a feed asks for no history"),
        }
    }
    let failures = task.stats().failures.get();
    assert!(failures >= PANICS.len() as u64, "{failures}");
    let _broker = publisher.await.unwrap();
    while (metrics.state(), task.stats().state()) != (FeedState::Up, TaskState::Running) {
        sleep(Duration::from_millis(10)).await;
    }
    // What was received before the last failure may be all that was left.
    assert!(metrics.reconnects.get() >= 1);
    drop(stop);
    timeout(DEADLINE, feed).await.unwrap().unwrap();
    assert_eq!(metrics.lost.get(), failures, "{metrics:?}");
    let settled = metrics.submitted.get() + metrics.lost.get();
    assert_eq!(metrics.received.get(), settled);
}

#[tokio::test]
async fn a_panic_loses_the_message_that_it_came_from_and_no_other() {
    tokio::join!(check(MqttVersion::V3), check(MqttVersion::V5));
}
