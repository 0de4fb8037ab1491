//! Syncing by another thread, so that a slow disk does not hold writes up.

use std::sync::Arc;

use tickcast_protocol::message::Position;

use crate::{
    disk::{Disk, DiskFile},
    error::LogError,
    log::Log,
};

/// What may not be on the disk yet, of the segment that is written to.
///
/// [`sync`](Self::sync) waits for the disk, on any thread. The log must be told of the result
/// ([`Log::take_synced`]) before it is asked to write into another segment.
#[derive(Debug)]
pub struct Unsynced<F> {
    file: Arc<F>,
    name: String,
    next: Position,
    written_bytes: u64,
}

/// The result of a sync.
#[derive(Debug)]
pub struct Synced {
    next: Position,
    written_bytes: u64,
    result: Result<(), String>,
}

impl<F: DiskFile> Unsynced<F> {
    /// Waits until everything is on the disk that was written when this was made.
    pub fn sync(self) -> Synced {
        let result = self.file.sync();
        Synced {
            next: self.next,
            written_bytes: self.written_bytes,
            result: result.map_err(|error| format!("syncing {}: {error}", self.name)),
        }
    }
}

impl Synced {
    /// Whether everything is on the disk.
    pub fn is_done(&self) -> bool {
        self.result.is_ok()
    }
}

impl<D: Disk> Log<D> {
    /// What is to be synced; `None` if everything is on the disk.
    ///
    /// # Errors
    ///
    /// If nothing more may be written, or the name of the segment cannot be synced.
    pub fn unsynced(&mut self) -> Result<Option<Unsynced<D::File>>, LogError> {
        self.check_refusal()?;
        let is_synced = self.unsynced_bytes() == 0;
        let Some(active) = self.active.as_mut().filter(|_| !is_synced) else {
            return Ok(None);
        };
        if !active.is_name_synced {
            let result = self.disk.sync_names();
            active.is_name_synced = result.is_ok();
            if let Err(error) = result {
                let reason = format!("syncing {}: {error}", active.name);
                return self.refuse_unsynced(reason).map(|()| None);
            }
        }
        Ok(Some(Unsynced {
            file: Arc::clone(&active.file),
            name: active.name.clone(),
            next: self.next,
            written_bytes: self.written_bytes,
        }))
    }

    /// Takes the result of a sync.
    ///
    /// # Errors
    ///
    /// If it has failed. Then nothing more is written.
    pub fn take_synced(&mut self, synced: Synced) -> Result<(), LogError> {
        match synced.result {
            Ok(()) => {
                self.synced = self.synced.max(synced.next);
                self.synced_bytes = self.synced_bytes.max(synced.written_bytes);
                Ok(())
            }
            Err(reason) => self.refuse_unsynced(reason),
        }
    }

    /// Whether the next write begins another segment, which first waits for the disk.
    pub fn is_segment_full(&self) -> bool {
        let target = self.target_bytes();
        let active = self.active.as_ref();
        active.is_some_and(|active| active.tail >= target)
    }
}
