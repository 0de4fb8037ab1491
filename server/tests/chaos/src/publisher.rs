//! A publisher that never repeats a value and never sends one again.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::bail;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{ledger::Truth, message::Message, socket::Socket};

/// Topics of one publisher.
const TOPICS: u64 = 8;

/// Updates of one message.
const UPDATES: u64 = 2;

/// Time between two messages.
const INTERVAL: Duration = Duration::from_millis(20);

/// Pause before a reconnect.
const PAUSE: Duration = Duration::from_millis(200);

/// Time that the answers to the last messages have.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// The state of a publisher that the run looks at.
#[derive(Debug, Default)]
pub struct Publisher {
    /// Updates that were sent.
    pub sent: AtomicU64,
    /// Updates of messages that were acknowledged.
    pub acknowledged: AtomicU64,
    /// Whether it is to stop.
    pub is_stopped: AtomicBool,
}

/// Publishes until it is stopped.
pub async fn run(
    publisher: Arc<Publisher>,
    name: u64,
    truth: Arc<Mutex<Truth>>,
    address: SocketAddr,
) {
    let mut next = 0;
    while !publisher.is_stopped.load(Ordering::Relaxed) {
        // A broken connection is no finding: what was not acknowledged may or may not exist.
        let _ = connection(&publisher, name, &mut next, &truth, address).await;
        sleep(PAUSE).await;
    }
}

async fn connection(
    publisher: &Publisher,
    name: u64,
    next: &mut u64,
    truth: &Mutex<Truth>,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let mut socket = Socket::open(address).await?;
    let Ok(Message::Welcome { epoch }) = Message::read(&socket.receive().await?) else {
        bail!("the first message is no welcome");
    };
    let mut waiting: HashMap<u64, Vec<String>> = HashMap::new();
    let mut due = Instant::now();
    let mut ended = None;
    loop {
        let is_stopped = publisher.is_stopped.load(Ordering::Relaxed);
        if is_stopped {
            let end = *ended.get_or_insert_with(|| Instant::now() + ANSWER_MAX);
            if waiting.is_empty() || Instant::now() >= end {
                return Ok(());
            }
        }
        tokio::select! {
            biased;
            () = sleep_until(due) => {
                due = Instant::now() + INTERVAL;
                if is_stopped {
                    continue;
                }
                let id = *next % u64::from(u32::MAX);
                let (message, values) = message(name, next, id);
                waiting.insert(id, values);
                publisher.sent.fetch_add(UPDATES, Ordering::Relaxed);
                socket.send(&message).await?;
            }
            text = socket.receive() => {
                let mut truth = truth.lock().unwrap_or_else(PoisonError::into_inner);
                match Message::read(&text?) {
                    Ok(Message::Published { id, position }) => {
                        let Some(values) = waiting.remove(&id) else {
                            truth.find(format!("publisher {name}: {id} was acknowledged twice"));
                            continue;
                        };
                        publisher.acknowledged.fetch_add(UPDATES, Ordering::Relaxed);
                        // The last update has the position; the others are just before it.
                        for (back, value) in values.into_iter().rev().enumerate() {
                            truth.acknowledge(&epoch, position - back as u64, value);
                        }
                    }
                    Ok(Message::Error { id, code, temporary }) => {
                        let known = id.is_some_and(|id| waiting.remove(&id).is_some());
                        if !known || !temporary {
                            truth.find(format!("publisher {name}: refused with {code} for {id:?}"));
                        }
                    }
                    Ok(_) => {}
                    Err(finding) => truth.find(format!("publisher {name}: {finding}")),
                }
            }
        }
    }
}

fn message(name: u64, next: &mut u64, id: u64) -> (String, Vec<String>) {
    let mut updates = Vec::new();
    let mut values = Vec::new();
    for _ in 0..UPDATES {
        let value = format!("unique {name}-{next}");
        let topic = format!("chaos/publisher-{name}/{}", *next % TOPICS);
        updates.push(serde_json::json!({ "topic": topic, "value": { "text": value } }));
        values.push(value);
        *next += 1;
    }
    let message = serde_json::json!({ "type": "publish", "id": id, "updates": updates });
    (message.to_string(), values)
}
