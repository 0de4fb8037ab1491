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
    store: ObjectStore,
    /// Which one is written next.
    next: usize,
}

impl Checkpoints {
    /// Opens their place, or makes it.
    pub(super) async fn open(
        context: &Context,
        settings: &ClusterSettings,
    ) -> Result<Self, String> {
        let bucket = format!("{}-checkpoints", settings.stream);
        if let Ok(store) = context.get_object_store(&bucket).await {
            return Ok(Self { store, next: 0 });
        }
        let config = object_store::Config {
            bucket,
            description: Some("Checkpoints of a cluster of Tickcast".to_owned()),
            storage: stream::StorageType::File,
            num_replicas: settings.replicas,
            ..object_store::Config::default()
        };
        let store = context.create_object_store(config).await;
        let store = store.map_err(|error| format!("the place of checkpoints: {error}"))?;
        Ok(Self { store, next: 0 })
    }

    /// The newest checkpoint that the stream goes on from, and the message that it follows.
    pub(super) async fn newest(
        &mut self,
        engine: &Engine,
    ) -> Result<Option<(Vec<u8>, Mark)>, String> {
        let mut newest = None::<(Vec<u8>, Mark)>;
        for (index, name) in NAMES.into_iter().enumerate() {
            let bytes = match self.load(name).await {
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
            if is_newest && engine.compare(mark).await? == Compared::Same {
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

    async fn load(&self, name: &str) -> Result<Vec<u8>, String> {
        let object = self.store.get(name).await;
        let object = object.map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let mut object = object.take(CHECKPOINT_MAX_BYTES as u64);
        let read = object.read_to_end(&mut bytes).await;
        read.map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// Keeps a checkpoint.
    pub(super) async fn keep(&mut self, checkpoint: &[u8]) -> Result<(), String> {
        let mut bytes = io::Cursor::new(checkpoint);
        let kept = self.store.put(NAMES[self.next], &mut bytes).await;
        kept.map_err(|error| error.to_string())?;
        self.next = (self.next + 1) % NAMES.len();
        Ok(())
    }
}
