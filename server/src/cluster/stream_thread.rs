//! The stream's thread: reads the stream for the node, and writes what the node writes.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tickcast_cluster::Mark;
use tokio::{
    sync::{mpsc, watch},
    task::spawn_local,
    time::{Instant, sleep},
};

use super::{
    checkpoints::Checkpoints,
    engine::{Compared, Engine, NoStream, nanos},
    link::{Incoming, StreamEnd, StreamMessage},
    settings::ClusterSettings,
    status::ClusterStatus,
};

/// How long is waited after a failure of the engine. It chooses another leader in seconds.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// How often the stream is compared with what was read, in case it was replaced in silence.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// The node does not want any more.
struct Unwanted;

/// See the module.
#[derive(Debug)]
pub(super) struct StreamThread {
    pub(super) settings: ClusterSettings,
    pub(super) end: StreamEnd,
    pub(super) status: Arc<ClusterStatus>,
}

impl StreamThread {
    /// Runs until the node drops its end. An error is why there is no stream at the start.
    pub(super) async fn run(self) -> Result<(), String> {
        let Self {
            settings,
            end,
            status,
        } = self;
        let StreamEnd {
            incoming,
            outgoing,
            checkpoints,
        } = end;
        let (is_connected, connected) = watch::channel(false);
        let begun = begin(&settings, &is_connected, &status).await;
        let (engine, mut kept, newest) = match begun {
            Ok(begun) => begun,
            Err(reason) => {
                // The node may have given up already.
                let _ = incoming.send(Incoming::Failed(reason.clone())).await;
                return Err(reason);
            }
        };
        let (checkpoint, mark) = newest.unzip();
        let begins = Incoming::Begins(checkpoint, engine.checkpoint_due());
        if incoming.send(begins).await.is_err() {
            return Ok(());
        }
        let (client, subject) = engine.writer();
        let write = spawn_local(write(client, subject, outgoing, connected.clone()));
        let reader = Reader {
            engine: &engine,
            incoming,
            status: &status,
            read: mark,
        };
        tokio::select! {
            Err(Unwanted) = reader.run(connected) => {}
            () = keep(&mut kept, checkpoints, &status) => {}
        }
        // What the node wrote last, that it leaves, still goes out.
        let _ = write.await;
        Ok(())
    }
}

/// What is there at the start: the newest checkpoint comes with the message that it follows.
type Begun = (Engine, Checkpoints, Option<(Vec<u8>, Mark)>);

/// Connects, and says what is promised.
async fn begin(
    settings: &ClusterSettings,
    is_connected: &watch::Sender<bool>,
    status: &ClusterStatus,
) -> Result<Begun, String> {
    let (engine, mut kept) = connect(settings, is_connected).await?;
    let promises = engine.promises();
    for promise in &promises {
        tracing::info!("{promise}");
    }
    status.promises(promises);
    let newest = kept.newest(&engine).await?;
    Ok((engine, kept, newest))
}

/// Connects, for as long as the settings say.
async fn connect(
    settings: &ClusterSettings,
    is_connected: &watch::Sender<bool>,
) -> Result<(Engine, Checkpoints), String> {
    let give_up = Instant::now() + settings.timeout;
    let mut told = None;
    loop {
        let begun = async {
            let engine = Engine::connect(settings, is_connected.clone()).await?;
            let kept = Checkpoints::open(engine.context(), settings).await;
            Ok((engine, kept.map_err(NoStream::Yet)?))
        };
        match begun.await {
            Ok(begun) => return Ok(begun),
            Err(NoStream::Yet(reason)) if Instant::now() < give_up => {
                if told.as_ref() != Some(&reason) {
                    tracing::warn!("the cluster is waited for: {reason}");
                    told = Some(reason);
                }
                sleep(RETRY_AFTER).await;
            }
            Err(NoStream::Yet(reason) | NoStream::Unusable(reason)) => return Err(reason),
        }
    }
}

/// Writes what the node writes, while a server is reached.
async fn write(
    client: async_nats::Client,
    subject: String,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    mut connected: watch::Receiver<bool>,
) {
    while let Some(bytes) = outgoing.recv().await {
        // What is written while none is reached would heap up, and come late.
        let is_reached = tokio::select! {
            reached = connected.wait_for(|is_connected| *is_connected) => reached.is_ok(),
            () = outgoing_closed(&outgoing) => false,
        };
        if !is_reached {
            break;
        }
        // Whether it is in the stream, the reader knows.
        if let Err(error) = client.publish(subject.clone(), bytes.into()).await {
            tracing::debug!(%error, "a message was not written; it is written again");
        }
    }
    if *connected.borrow() {
        // An error means that nothing is reached any more.
        let _ = client.flush().await;
    }
}

/// Completes when the node is gone.
async fn outgoing_closed(outgoing: &mpsc::Receiver<Vec<u8>>) {
    while !outgoing.is_closed() {
        sleep(RETRY_AFTER).await;
    }
}

/// Keeps the node's checkpoints.
async fn keep(
    kept: &mut Checkpoints,
    mut checkpoints: mpsc::Receiver<Vec<u8>>,
    status: &ClusterStatus,
) {
    while let Some(checkpoint) = checkpoints.recv().await {
        match kept.keep(&checkpoint).await {
            Ok(()) => status.stats.checkpoints.add(1),
            Err(reason) => {
                status.stats.checkpoint_failures.add(1);
                tracing::warn!(reason, "a checkpoint was not kept; another one follows");
            }
        }
    }
}

struct Reader<'a> {
    engine: &'a Engine,
    incoming: mpsc::Sender<Incoming>,
    status: &'a ClusterStatus,
    /// The last message that was read.
    read: Option<Mark>,
}

impl Reader<'_> {
    async fn run(mut self, connected: watch::Receiver<bool>) -> Result<Infallible, Unwanted> {
        loop {
            self.status
                .stats
                .connected
                .set(u64::from(*connected.borrow()));
            match self.read().await? {
                Ok(never) => match never {},
                Err(reason) => {
                    self.status.stats.reader_restarts.add(1);
                    tracing::debug!(reason, "the stream is read again");
                }
            }
            if self.incoming.is_closed() {
                return Err(Unwanted);
            }
            sleep(RETRY_AFTER).await;
        }
    }

    /// Reads on, until that fails.
    async fn read(&mut self) -> Result<Result<Infallible, String>, Unwanted> {
        if let Err(reason) = self.compare().await? {
            return Ok(Err(reason));
        }
        let sequence = self.read.map_or(0, |read| read.sequence);
        let reading = self.engine.read_after(sequence).await;
        let (mut messages, pending) = match reading {
            Ok(reading) => reading,
            Err(reason) => return Ok(Err(reason)),
        };
        if pending == 0 {
            self.send(Incoming::AtEnd).await?;
        }
        let mut compare_at = Instant::now() + COMPARE_EVERY;
        loop {
            let message = tokio::select! {
                message = messages.next() => message,
                () = self.incoming.closed() => return Err(Unwanted),
                () = tokio::time::sleep_until(compare_at) => {
                    compare_at += COMPARE_EVERY;
                    if let Err(reason) = self.compare().await? {
                        return Ok(Err(reason));
                    }
                    continue;
                }
            };
            let message = match message {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Ok(Err(error.to_string())),
                None => return Ok(Err("the reader has ended".to_owned())),
            };
            let (sequence, time_ns, pending) = match message.info() {
                Ok(info) => (info.stream_sequence, nanos(info.published), info.pending),
                Err(error) => return Ok(Err(error.to_string())),
            };
            let last = self.read.map_or(0, |read| read.sequence);
            if sequence <= last {
                continue;
            }
            if sequence != last + 1 {
                return Ok(Err(format!("message {sequence} follows {last}")));
            }
            let bytes = message.payload.clone();
            let message = StreamMessage {
                sequence,
                time_ns,
                bytes,
            };
            self.read = Some(message.delivered().mark());
            self.status.stats.pending.set(pending);
            self.status.stats.connected.set(1);
            self.send(Incoming::Message(message)).await?;
            if pending == 0 {
                self.send(Incoming::AtEnd).await?;
            }
        }
    }

    /// Tells the node if the stream is another one. An error means that it cannot be said now.
    async fn compare(&self) -> Result<Result<(), String>, Unwanted> {
        let Some(read) = self.read else {
            return Ok(Ok(()));
        };
        let compared = self.engine.compare(read).await;
        Ok(match compared {
            Ok(Compared::Same) => Ok(()),
            Ok(Compared::Other(reason)) => {
                self.send(Incoming::Other(reason.clone())).await?;
                // The server begins anew.
                self.incoming.closed().await;
                return Err(Unwanted);
            }
            Err(reason) => {
                self.status.stats.connected.set(0);
                Err(reason)
            }
        })
    }

    async fn send(&self, incoming: Incoming) -> Result<(), Unwanted> {
        self.incoming.send(incoming).await.map_err(|_| Unwanted)
    }
}
