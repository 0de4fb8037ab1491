//! A subscriber with the filter `#`, which resumes for as long as the run lasts.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    ledger::{Chain, Mode, Token, Truth},
    message::Message,
    socket::Socket,
    stream::EventStream,
};

/// Pause before a reconnect.
const PAUSE: Duration = Duration::from_millis(100);

/// How a subscriber reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over WebSocket.
    Socket,
    /// As an event stream over HTTP.
    Stream,
}

/// What a subscriber has; shared with the end of the run.
#[derive(Debug)]
pub struct Subscriber {
    /// Its name in findings.
    pub name: String,
    /// Its chain.
    pub chain: Chain,
    /// The newest position of each topic.
    pub newest: HashMap<String, u64>,
    epoch: String,
}

impl Subscriber {
    /// A subscriber that has not connected yet.
    pub fn new(name: String, mode: Mode) -> Self {
        Self {
            name,
            chain: Chain::new(mode),
            newest: HashMap::new(),
            epoch: String::new(),
        }
    }

    /// Takes a message. An error is a finding.
    fn take(&mut self, message: Message, truth: &Mutex<Truth>) -> Result<(), String> {
        match message {
            Message::Subscribed(accepted) => {
                self.chain.accept(&accepted)?;
                if self.epoch != accepted.epoch {
                    self.epoch = accepted.epoch;
                    self.newest.clear();
                }
            }
            Message::Batch(batch) => {
                self.chain.batch(&batch)?;
                let mut truth = truth.lock().unwrap_or_else(PoisonError::into_inner);
                for update in &batch.updates {
                    truth.deliver(&self.epoch, update);
                    let newest = self.newest.entry(update.topic.clone()).or_default();
                    *newest = update.position.max(*newest);
                }
            }
            Message::Gap {
                from,
                to,
                lost,
                snapshot,
            } => self.chain.gap(from, to, lost, snapshot)?,
            Message::Heartbeat { position } => self.chain.heartbeat(position)?,
            Message::Error {
                code, temporary, ..
            } if !temporary => return Err(format!("refused with {code}")),
            _ => {}
        }
        Ok(())
    }
}

/// Reads without end: connects, resumes, checks, and reconnects.
pub async fn run(
    subscriber: Arc<Mutex<Subscriber>>,
    truth: Arc<Mutex<Truth>>,
    address: SocketAddr,
    way: Way,
    mode: Mode,
) {
    loop {
        // Broken connections are what the run is about: only what arrives is judged.
        let _: anyhow::Result<()> = async {
            let token = lock(&subscriber).chain.token().cloned();
            let mut reader = match way {
                Way::Socket => Reader::Socket(subscribe(address, mode, token).await?),
                Way::Stream => {
                    Reader::Stream(EventStream::open(address, mode, token.as_ref()).await?)
                }
            };
            loop {
                let text = reader.receive().await?;
                let message = Message::read(&text);
                let mut subscriber = lock(&subscriber);
                let taken = message.and_then(|message| subscriber.take(message, &truth));
                if let Err(finding) = taken {
                    let finding = format!("{}: {finding}", subscriber.name);
                    truth
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .find(finding);
                    subscriber.chain.forget();
                    return Ok(());
                }
            }
        }
        .await;
        sleep(PAUSE).await;
    }
}

enum Reader {
    Socket(Socket),
    Stream(EventStream),
}

impl Reader {
    async fn receive(&mut self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Socket(socket) => socket.receive().await,
            Self::Stream(stream) => stream.receive().await,
        }
    }
}

async fn subscribe(
    address: SocketAddr,
    mode: Mode,
    token: Option<Token>,
) -> anyhow::Result<Socket> {
    let mut socket = Socket::open(address).await?;
    let mut filter = serde_json::json!({ "filter": "#" });
    if let Some(token) = token {
        filter["resume"] = serde_json::json!({
            "epoch": token.epoch,
            "position": token.position,
            "count": (mode == Mode::Every).then_some(token.count),
            "snapshot": token.snapshot,
        });
    }
    let request = serde_json::json!({
        "type": "subscribe", "id": 1, "filters": [filter], "mode": mode.name(),
    });
    socket.send(&request.to_string()).await?;
    Ok(socket)
}

fn lock(subscriber: &Mutex<Subscriber>) -> std::sync::MutexGuard<'_, Subscriber> {
    subscriber.lock().unwrap_or_else(PoisonError::into_inner)
}
