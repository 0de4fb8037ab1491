//! Publishers of a ledger.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::Ordering,
    time::Duration,
};

use tickcast_protocol::{
    client::{Client, ClientOptions, ConnectOptions, Connection, Event, Unpublished},
    codec::Encoding,
    error::ErrorCode,
    message::{ClientMessage, Epoch, Lineage, PUBLISHER_WINDOW, Publish, ServerMessage},
    topic::Topic,
};
use tickcast_server_testkit::subscriber::reading;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::{Ledger, OF_ONCE, ONCE_TOPIC, RETRY, TOGETHER, TOPICS, topic_of};

/// Time between two updates of a publisher that sends again what is not answered.
const ONCE_INTERVAL: Duration = Duration::from_millis(1);

/// 20,000 updates per second, by a publisher that waits for ever.
const FAST: Timing = Timing {
    interval: Duration::from_millis(10),
    patience: Duration::from_hours(1),
};

/// When a publisher publishes, and how long it waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// Time between two publishes.
    pub(crate) interval: Duration,
    /// How long it waits for an acknowledgement before it gives the server up.
    pub(crate) patience: Duration,
}

/// Publishes until the server is gone, or the ledger says so and all is acknowledged.
pub(crate) async fn publish(url: &str, ledger: &Ledger) {
    let options = ConnectOptions::new(url, Encoding::Bincode);
    let mut connection = Connection::connect(&options).await.expect("it listens");
    session(&mut connection, ledger, FAST).await;
}

/// Publishes at the servers in turn, until the ledger says so and what the last one got is
/// acknowledged. It goes on at the next server when one is gone or silent.
pub(crate) async fn publish_anywhere(urls: &[String], ledger: &Ledger, timing: Timing) {
    for (index, url) in urls.iter().cycle().enumerate() {
        let options = ConnectOptions::new(url, Encoding::Bincode);
        let connecting = timeout(timing.patience, Connection::connect(&options)).await;
        if let Ok(Ok(mut connection)) = connecting {
            let given_up = session(&mut connection, ledger, timing).await;
            let is_over = given_up.is_empty() && ledger.is_pausing.load(Ordering::Relaxed);
            let given_up = given_up.into_iter().map(|publish| (publish, index));
            ledger.late.lock().unwrap().extend(given_up);
            if is_over {
                return;
            }
        }
        sleep(RETRY).await;
    }
}

/// Publishes at one server. Returns what it has not acknowledged, by the numbers of the first
/// updates.
async fn session(connection: &mut Connection, ledger: &Ledger, timing: Timing) -> Vec<u64> {
    let (mut sent, mut epoch) = (BTreeMap::new(), Epoch(0));
    let (mut due, mut acked) = (Instant::now(), Instant::now());
    for id in 1.. {
        let is_pausing = ledger.is_pausing.load(Ordering::Relaxed);
        if ledger.is_moving.swap(false, Ordering::Relaxed) || is_pausing && sent.is_empty() {
            break;
        }
        if !is_pausing {
            let first = ledger.next.fetch_add(TOGETHER, Ordering::Relaxed);
            if sent.is_empty() {
                acked = Instant::now();
            }
            sent.insert(id, first);
            let publish = publish_of(id, first);
            let sending = timeout(timing.patience, connection.send(&publish)).await;
            if !matches!(sending, Ok(Ok(()))) {
                break;
            }
        }
        due += timing.interval;
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                message = connection.next() => match message {
                    Ok(message) if says_goodbye(&message) => return sent.into_values().collect(),
                    Ok(message) => {
                        if acknowledge(ledger, &mut epoch, &mut sent, &message) {
                            acked = Instant::now();
                        }
                    }
                    Err(_) => return sent.into_values().collect(),
                },
            }
        }
        if !sent.is_empty() && acked.elapsed() > timing.patience {
            break;
        }
    }
    sent.into_values().collect()
}

/// Publishes with a client that sends again what is not answered, at any of the servers, until the
/// ledger says so and all of it has a result.
pub(crate) async fn publish_once(urls: &[String], ledger: &Ledger) {
    let connect = ConnectOptions::new(&urls[0], Encoding::Bincode);
    let (mut client, handle) = Client::new(ClientOptions {
        others: urls[1..].to_vec(),
        ..ClientOptions::new(connect)
    });
    let (mut sent, mut epoch) = (HashMap::new(), Epoch(0));
    let mut due = interval(ONCE_INTERVAL);
    due.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let is_pausing = ledger.is_pausing.load(Ordering::Relaxed);
        if is_pausing && sent.is_empty() {
            return;
        }
        tokio::select! {
            _ = due.tick() => if !is_pausing && (sent.len() as u64) < PUBLISHER_WINDOW {
                let number = ledger.next_once.fetch_add(1, Ordering::Relaxed);
                let update = reading(ONCE_TOPIC, number as f64);
                let id = handle.publish_once(vec![update]).expect("its queue has room");
                sent.insert(id, OF_ONCE | number);
            },
            event = client.next() => match event {
                Event::Connected(welcome) => epoch = welcome.epoch,
                Event::Published(published) => {
                    let number = sent.remove(&published.id).expect("it was sent");
                    let mut acked = ledger.acked.lock().unwrap();
                    acked.insert(number, (epoch.0, published.position));
                }
                Event::Unpublished { id, why: Unpublished::Unknown } => {
                    let number = sent.remove(&id).expect("it was sent");
                    ledger.unknown.lock().unwrap().insert(number);
                }
                Event::Unpublished { why, .. } => panic!("{why:?}"),
                _ => {}
            },
        }
    }
}

/// Whether a server takes no more publishes because it ends or begins anew.
fn says_goodbye(message: &ServerMessage<Topic>) -> bool {
    matches!(message, ServerMessage::Error(error) if error.code == ErrorCode::Draining)
}

fn publish_of(id: u32, first: u64) -> ClientMessage {
    let numbers = first..first + TOGETHER;
    ClientMessage::Publish(Publish {
        id: Some(id),
        updates: numbers
            .map(|number| reading(&topic_of(number), number as f64))
            .collect(),
    })
}

/// Notes what a message acknowledges, and says whether it acknowledges something.
fn acknowledge(
    ledger: &Ledger,
    epoch: &mut Epoch,
    sent: &mut BTreeMap<u32, u64>,
    message: &ServerMessage<Topic>,
) -> bool {
    match message {
        ServerMessage::Welcome(welcome) => *epoch = welcome.epoch,
        ServerMessage::Published(published) => {
            let first = sent.remove(&published.id).expect("it was sent");
            let start = published.position + 1 - TOGETHER;
            let mut acked = ledger.acked.lock().unwrap();
            acked.extend((0..TOGETHER).map(|index| (first + index, (epoch.0, start + index))));
        }
        ServerMessage::Error(error) => panic!("{error:?}"),
        _ => {}
    }
    matches!(message, ServerMessage::Published(_))
}

/// The lineage of a server.
pub(crate) async fn lineage(url: &str) -> Lineage {
    let lineage = lineage_if_any(url).await;
    lineage.expect("the server answers")
}

/// The lineage of a server, unless it does not answer.
pub(crate) async fn lineage_if_any(url: &str) -> Option<Lineage> {
    let options = ConnectOptions::new(url, Encoding::Bincode);
    let mut connection = Connection::connect(&options).await.ok()?;
    match connection.next().await.ok()? {
        ServerMessage::Welcome(welcome) => Some(welcome.lineage()),
        other => panic!("{other:?}"),
    }
}

/// Publishes the last updates, after which the subscribers end.
pub(crate) async fn publish_last(url: &str, ledger: &Ledger) {
    let last = ledger.next.fetch_add(TOGETHER, Ordering::Relaxed);
    let options = ConnectOptions::new(url, Encoding::Bincode);
    let mut connection = Connection::connect(&options).await.unwrap();
    connection.send(&publish_of(1, last)).await.unwrap();
    let (mut sent, mut epoch) = (BTreeMap::from([(1, last)]), Epoch(0));
    while !sent.is_empty() {
        let message = connection.next().await.unwrap();
        acknowledge(ledger, &mut epoch, &mut sent, &message);
        if let ServerMessage::Published(published) = message {
            ledger.end.store(published.position, Ordering::Relaxed);
        }
    }
    let end = last + TOGETHER - TOPICS;
    ledger.last.store(end, Ordering::Release);
}
