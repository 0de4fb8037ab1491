//! The stream's thread: reads the stream for the node, and writes what the node writes.

use std::sync::Arc;

use tickcast_cluster::Mark;
use tokio::{
    sync::{mpsc, watch},
    task::spawn_local,
    time::{Instant, sleep},
};

use super::{
    checkpoints::Checkpoints,
    engine::{Engine, NoStream},
    link::{Incoming, StreamEnd},
    settings::ClusterSettings,
    status::ClusterStatus,
    tail::{RETRY_AFTER, Tail, Unwanted},
};

/// See the module.
#[derive(Debug)]
pub(super) struct StreamThread {
    pub(super) settings: ClusterSettings,
    /// One after the other: each reads from the start.
    pub(super) ends: mpsc::Receiver<StreamEnd>,
    pub(super) status: Arc<ClusterStatus>,
}

impl StreamThread {
    /// Runs until the node drops its end, and no other follows. An error is why there is no stream
    /// at the start.
    pub(super) async fn run(mut self) -> Result<(), String> {
        while let Some(end) = self.ends.recv().await {
            self.serve(end).await?;
        }
        Ok(())
    }

    async fn serve(&self, end: StreamEnd) -> Result<(), String> {
        let Self {
            settings, status, ..
        } = self;
        let StreamEnd {
            incoming,
            outgoing,
            checkpoints,
        } = end;
        let begun = begin(settings, status).await;
        let (engine, newest) = match begun {
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
        let (current, used) = watch::channel(Arc::new(engine));
        let write = spawn_local(write(used.clone(), outgoing));
        let tail = Tail::new(settings, &current, incoming, status, mark);
        let kept = Checkpoints::new(settings);
        tokio::select! {
            Err(Unwanted) = tail.run() => {}
            () = keep(kept, used, checkpoints, status) => {}
        }
        // What the node wrote last, that it leaves, still goes out.
        let _ = write.await;
        Ok(())
    }
}

/// What is there at the start: the newest checkpoint comes with the message that it follows.
type Begun = (Engine, Option<(Vec<u8>, Mark)>);

/// Connects, and says what is promised.
async fn begin(settings: &ClusterSettings, status: &ClusterStatus) -> Result<Begun, String> {
    let engine = connect(settings).await?;
    let promises = engine.promises();
    for promise in &promises {
        tracing::info!("{promise}");
    }
    status.promises(promises);
    let newest = Checkpoints::new(settings).newest(&engine).await?;
    Ok((engine, newest))
}

/// Connects to any server, for as long as the settings say.
async fn connect(settings: &ClusterSettings) -> Result<Engine, String> {
    let give_up = Instant::now() + settings.timeout;
    let mut told = None;
    let mut server = rand::random_range(0..settings.servers.len());
    loop {
        let begun = async {
            let engine = Engine::connect_or_make(settings, server).await?;
            let kept = Checkpoints::new(settings).make(engine.context()).await;
            kept.map_err(NoStream::Yet)?;
            Ok(engine)
        };
        match begun.await {
            Ok(engine) => return Ok(engine),
            Err(NoStream::Yet(reason)) if Instant::now() < give_up => {
                if told.as_ref() != Some(&reason) {
                    tracing::warn!("the cluster is waited for: {reason}");
                    told = Some(reason);
                }
                server = (server + 1) % settings.servers.len();
                sleep(RETRY_AFTER).await;
            }
            Err(NoStream::Absent) => return Err("the stream was deleted at once".to_owned()),
            Err(NoStream::Yet(reason) | NoStream::Unusable(reason)) => return Err(reason),
        }
    }
}

/// Writes what the node writes, at the server that is used.
async fn write(mut used: watch::Receiver<Arc<Engine>>, mut outgoing: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = outgoing.recv().await {
        let engine = Arc::clone(&used.borrow_and_update());
        let is_over = async {
            outgoing_closed(&outgoing).await;
            engine.unreached().await;
        };
        tokio::select! {
            () = engine.write(bytes) => {}
            // It may be lost with the connection. The node writes it again.
            _ = used.changed() => {}
            () = is_over => break,
        }
    }
    let engine = Arc::clone(&used.borrow());
    engine.flush().await;
}

/// Completes when the node is gone.
async fn outgoing_closed(outgoing: &mpsc::Receiver<Vec<u8>>) {
    while !outgoing.is_closed() {
        sleep(RETRY_AFTER).await;
    }
}

/// Keeps the node's checkpoints.
async fn keep(
    mut kept: Checkpoints,
    used: watch::Receiver<Arc<Engine>>,
    mut checkpoints: mpsc::Receiver<Vec<u8>>,
    status: &ClusterStatus,
) {
    while let Some(checkpoint) = checkpoints.recv().await {
        let engine = Arc::clone(&used.borrow());
        match kept.keep(engine.context(), &checkpoint).await {
            Ok(()) => status.stats.checkpoints.add(1),
            Err(reason) => {
                status.stats.checkpoint_failures.add(1);
                tracing::warn!(reason, "a checkpoint was not kept; another one follows");
            }
        }
    }
}
