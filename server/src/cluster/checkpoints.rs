//! The checkpoints of the nodes, as objects of JetStream.

use std::io;

use async_nats::jetstream::{
    Context,
    object_store::{self, ObjectStore},
    stream,
};
use tickcast_cluster::{CHECKPOINT_MAX_BYTES, Mark};
use tokio::io::AsyncReadExt;

use super::{
    engine::{Compared, Engine},
    settings::ClusterSettings,
};

/// Their names. They are written in turn: one is whole while the other is written.
const NAMES: [&str; 2] = ["checkpoint-a", "checkpoint-b"];

/// See the module.
pub(super) struct Checkpoints {
    bucket: String,
    replicas: usize,
    /// Which one is written next.
    next: usize,
}

impl Checkpoints {
    pub(super) fn new(settings: &ClusterSettings) -> Self {
        Self {
            bucket: format!("{}-checkpoints", settings.stream),
            replicas: settings.replicas,
            next: 0,
        }
    }

    /// Makes their place, if there is none.
    pub(super) async fn make(&self, context: &Context) -> Result<(), String> {
        if self.store(context).await.is_ok() {
            return Ok(());
        }
        let config = object_store::Config {
            bucket: self.bucket.clone(),
            description: Some("Checkpoints of a cluster of Tickcast".to_owned()),
            storage: stream::StorageType::File,
            num_replicas: self.replicas,
            ..object_store::Config::default()
        };
        let made = context.create_object_store(config).await;
        made.map_err(|error| format!("the place of checkpoints: {error}"))?;
        Ok(())
    }

    async fn store(&self, context: &Context) -> Result<ObjectStore, String> {
        let store = context.get_object_store(&self.bucket).await;
        store.map_err(|error| error.to_string())
    }

    /// The newest checkpoint that the stream goes on from, and the message that it follows.
    pub(super) async fn newest(
        &mut self,
        engine: &Engine,
    ) -> Result<Option<(Vec<u8>, Mark)>, String> {
        let store = self.store(engine.context()).await?;
        let mut newest = None::<(Vec<u8>, Mark)>;
        for (index, name) in NAMES.into_iter().enumerate() {
            let bytes = match load(&store, name).await {
                Ok(bytes) => bytes,
                Err(reason) => {
                    tracing::debug!(name, reason, "no checkpoint");
                    continue;
                }
            };
            let mark = match tickcast_cluster::followed(&bytes) {
                Ok(Some(mark)) => mark,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(name, %error, "a checkpoint cannot be used");
                    continue;
                }
            };
            let is_newest = newest
                .as_ref()
                .is_none_or(|(_, known)| known.sequence < mark.sequence);
            if is_newest && let Compared::Same { .. } = engine.compare(Some(mark)).await? {
                newest = Some((bytes, mark));
                self.next = (index + 1) % NAMES.len();
            }
        }
        let first = engine.first();
        if newest.is_none() && first > 1 {
            return Err(format!(
                "the stream begins with message {first}, and no checkpoint goes on from there: its \
                 messages were deleted. Delete the stream, and the nodes begin anew"
            ));
        }
        Ok(newest)
    }

    /// Keeps a checkpoint.
    pub(super) async fn keep(
        &mut self,
        context: &Context,
        checkpoint: &[u8],
    ) -> Result<(), String> {
        let store = self.store(context).await?;
        let mut bytes = io::Cursor::new(checkpoint);
        let kept = store.put(NAMES[self.next], &mut bytes).await;
        kept.map_err(|error| error.to_string())?;
        self.next = (self.next + 1) % NAMES.len();
        Ok(())
    }
}

async fn load(store: &ObjectStore, name: &str) -> Result<Vec<u8>, String> {
    let object = store.get(name).await;
    let object = object.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let mut object = object.take(CHECKPOINT_MAX_BYTES as u64);
    let read = object.read_to_end(&mut bytes).await;
    read.map_err(|error| error.to_string())?;
    Ok(bytes)
}
