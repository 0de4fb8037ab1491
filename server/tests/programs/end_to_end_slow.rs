//! Clients that stop reading: what they receive when they read again, and what they cost others.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tickcast_protocol::{
    codec::Encoding,
    message::{Gap, Mode, Position, Publication, Resume, Update},
    topic::Topic,
    value::Value,
};
use tickcast_server_testkit::{
    Program,
    subscriber::{ENCODINGS, MODES, News, Publisher, Subscriber, publication},
    until,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

const FILTER: &str = "load/#";

/// Topics that the filter selects.
const TOPICS: u64 = 10;

/// Updates of one publish, one in ten of them to a topic that the filter does not select.
const PER_PUBLISH: u64 = 200;
const SELECTED_PER_PUBLISH: u64 = 180;

/// 20,000 updates a second.
const INTERVAL: Duration = Duration::from_millis(10);

/// Publishes before the clients stall: more than the tape holds, so that its memory does not grow
/// any further.
const WARM_UP_PUBLISHES: u64 = 100;

/// Publishes while they stall: six seconds, some 18 MB of bincode and twice that of JSON.
const STALL_PUBLISHES: u64 = 600;

/// The first selected update during the stall.
const FIRST: u64 = WARM_UP_PUBLISHES * SELECTED_PER_PUBLISH;

/// All updates that the filter selects.
const TOTAL: u64 = (WARM_UP_PUBLISHES + STALL_PUBLISHES) * SELECTED_PER_PUBLISH;

/// The tape holds about 6,000 updates. A client that reads never lags by as many.
const TAPE: &str = "1MiB";
const BEHIND_MAX_UPDATES: u64 = 2_000;

/// Above this the server would have buffered updates for the stalled clients.
const MEMORY_GROWTH_MAX_BYTES: usize = 12 * 1024 * 1024;

fn updates(publish: u64) -> Vec<Publication> {
    let mut selected = publish * SELECTED_PER_PUBLISH;
    let update = |index: u64| {
        if index % 10 == 5 {
            return publication("other", Value::Text("x".repeat(100)));
        }
        let text = format!("{selected:0>100}");
        let topic = format!("load/{}", selected % TOPICS);
        selected += 1;
        publication(&topic, Value::Text(text))
    };
    (0..PER_PUBLISH).map(update).collect()
}

/// Its number among the selected updates, from 0.
fn serial(update: &Update<Topic>) -> u64 {
    match &update.value {
        Value::Text(text) => text.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Publishes at the rate, but waits for the readers: on a busy machine they are slow, too.
async fn publish(publisher: &mut Publisher, numbers: std::ops::Range<u64>, readers: &[Reader]) {
    let mut due = Instant::now();
    for number in numbers {
        let position = publisher.publish(updates(number)).await;
        until("the readers keep up", async || {
            readers
                .iter()
                .all(|reader| reader.position() + BEHIND_MAX_UPDATES > position)
        })
        .await;
        due += INTERVAL;
        sleep_until(due).await;
    }
}

/// A client that reads all the time.
struct Reader {
    mode: Mode,
    position: Arc<AtomicU64>,
    task: JoinHandle<Vec<u64>>,
}

impl Reader {
    async fn start(url: &str, encoding: Encoding, mode: Mode) -> Self {
        let mut subscriber = Subscriber::start(url, encoding, FILTER, mode).await;
        let position = Arc::new(AtomicU64::new(0));
        let reached = Arc::clone(&position);
        let task = tokio::spawn(async move {
            let mut serials = Vec::new();
            while serials.last() != Some(&(TOTAL - 1)) {
                serials.extend(subscriber.updates().await.iter().map(serial));
                reached.store(subscriber.position(), Ordering::Relaxed);
            }
            serials
        });
        Self {
            mode,
            position,
            task,
        }
    }

    fn position(&self) -> Position {
        self.position.load(Ordering::Relaxed)
    }
}

/// What an interrupted subscription in mode `every` received.
#[derive(Default)]
struct Interrupted {
    before: Vec<u64>,
    gap: Option<Gap>,
    snapshot: Vec<u64>,
    after: Vec<u64>,
}

async fn read_on(subscriber: &mut Subscriber) -> Interrupted {
    let mut all = Interrupted::default();
    let last = |serials: &[u64]| serials.last() == Some(&(TOTAL - 1));
    while !last(&all.before) && !last(&all.after) {
        match subscriber.next().await {
            News::Gap(gap) => assert_eq!(all.gap.replace(gap), None, "one gap is enough"),
            News::Batch(batch) => {
                let serials = batch.updates.iter().map(serial);
                match all.gap {
                    None => all.before.extend(serials),
                    Some(_) if batch.snapshot => all.snapshot.extend(serials),
                    Some(_) => all.after.extend(serials),
                }
            }
        }
    }
    all
}

/// Only the updates that the gap counts are missing, and the gap ends where the tape begins.
/// Returns the number of lost updates.
fn check_every(all: &Interrupted, tape_floor: Position) -> u64 {
    let gap = all.gap.expect("it fell off the tape");
    let lost = gap.lost.expect("it is known exactly");
    assert!(lost > 0);
    assert_eq!(gap.to, tape_floor, "updates on the tape are not lost");
    let gap_starts = FIRST + all.before.len() as u64;
    let gap_ends = gap_starts + lost;
    let hole = all.before.windows(2).find(|pair| pair[0] + 1 != pair[1]);
    assert_eq!((all.before.first(), hole), (Some(&FIRST), None), "{gap:?}");
    assert!(all.after.iter().copied().eq(gap_ends..TOTAL));
    // The topics take turns, so their newest lost values are the last ones before the gap's end.
    // Newer values come from the tape.
    assert!(
        all.snapshot
            .iter()
            .all(|n| (gap_starts..gap_ends).contains(n))
    );
    lost
}

/// The newest value of each topic arrives. Returns the number of updates received.
async fn check_latest(subscriber: &mut Subscriber) -> u64 {
    let mut received = 0;
    let mut newest = BTreeMap::new();
    while newest.values().max() != Some(&(TOTAL - 1)) {
        for update in subscriber.updates().await {
            received += 1;
            let serial = serial(&update);
            let before = newest.insert(update.topic, serial);
            assert!(before < Some(serial), "{serial} after {before:?}");
        }
    }
    let newest: Vec<u64> = newest.into_values().collect();
    assert!(newest.iter().copied().eq(TOTAL - TOPICS..TOTAL));
    received
}

/// The start of the tape: a client that resumes from position 0 has lost everything before it.
async fn tape_floor(server: &Program, epoch: tickcast_protocol::message::Epoch) -> Position {
    let token = Resume {
        epoch,
        position: 0,
        count: Some(0),
        snapshot: None,
    };
    let (url, mode) = (server.url(), Mode::Every);
    let mut subscriber =
        Subscriber::resume(&url, Encoding::Bincode, FILTER, mode, Some(token)).await;
    match subscriber.next().await {
        News::Gap(gap) => gap.to,
        News::Batch(batch) => panic!("{batch:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_at_20_000_updates_a_second_loses_only_counted_updates_and_delays_no_other()
 {
    let server = Program::start(&[
        "--feed",
        "none",
        "--shards",
        "1",
        "--tape",
        TAPE,
        "--write-timeout",
        "10m",
    ])
    .await;
    let url = server.url();
    let mut readers = Vec::new();
    for encoding in ENCODINGS {
        for mode in MODES {
            readers.push(Reader::start(&url, encoding, mode).await);
        }
    }
    let mut publisher = Publisher::start(&url).await;
    publish(&mut publisher, 0..WARM_UP_PUBLISHES, &readers).await;

    let mut stalled = Vec::new();
    for encoding in ENCODINGS {
        for mode in [Mode::Every, Mode::Latest, Mode::Every, Mode::Latest] {
            let mut subscriber = Subscriber::start(&url, encoding, FILTER, mode).await;
            let snapshot = subscriber.take(TOPICS as usize).await;
            assert!(snapshot.iter().map(serial).eq(FIRST - TOPICS..FIRST));
            stalled.push((mode, subscriber));
        }
    }
    let memory_before = server.memory_bytes();
    let all = WARM_UP_PUBLISHES..WARM_UP_PUBLISHES + STALL_PUBLISHES;
    publish(&mut publisher, all, &readers).await;
    let growth = server.memory_bytes().saturating_sub(memory_before);
    until("the stalled clients are blocked", async || {
        server.metric("tickcast_behind").await == stalled.len() as u64
    })
    .await;
    assert!(
        growth < MEMORY_GROWTH_MAX_BYTES,
        "it grew by {growth} bytes"
    );

    // The readers have everything before a stalled client reads again.
    let mut skipped = 0;
    for reader in readers {
        let serials = reader.task.await.unwrap();
        match reader.mode {
            Mode::Every => assert!(serials.into_iter().eq(0..TOTAL)),
            Mode::Latest => skipped += TOTAL - serials.len() as u64,
        }
    }
    assert_eq!(server.metric("tickcast_gaps_total").await, 0);

    let floor = tape_floor(&server, stalled[0].1.accepted.epoch).await;
    let gaps_before = server.metric("tickcast_gap_updates_total").await;
    let mut lost = 0;
    for (mode, subscriber) in &mut stalled {
        if *mode == Mode::Every {
            lost += check_every(&read_on(subscriber).await, floor);
        } else {
            skipped += TOTAL - FIRST - check_latest(subscriber).await;
        }
    }
    let counted = server.metric("tickcast_gap_updates_total").await - gaps_before;
    assert_eq!(counted, lost, "server and clients count the same");
    assert_eq!(server.metric("tickcast_conflated_total").await, skipped);
    until("no client is blocked", async || {
        server.metric("tickcast_behind").await == 0
    })
    .await;
}
