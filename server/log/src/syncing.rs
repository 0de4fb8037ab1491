//! Syncing by another thread, so that a slow disk does not hold writes up.

use std::sync::Arc;

use tickcast_protocol::message::Position;

use crate::{
    disk::{Disk, DiskFile},
    ending::{Ended, Ending},
    error::LogError,
    log::Log,
};

/// What may not be on the disk yet, of the segment that is written to, and the ends of those before
/// it.
///
/// [`sync`](Self::sync) waits for the disk, on any thread. The log must be told of the result
/// ([`Log::take_synced`]) before it is asked to write into another segment.
#[derive(Debug)]
pub struct Unsynced<F> {
    file: Arc<F>,
    name: String,
    next: Position,
    written_bytes: u64,
    endings: Vec<Ending<F>>,
}

/// The result of a sync.
#[derive(Debug)]
pub struct Synced {
    next: Position,
    written_bytes: u64,
    ended: Vec<Ended>,
    result: Result<(), String>,
}

impl<F: DiskFile> Unsynced<F> {
    /// Takes the place of what was unsynced before, and has its ends of segments as well.
    #[must_use]
    pub fn in_place_of(mut self, earlier: Self) -> Self {
        self.endings.splice(..0, earlier.endings);
        self
    }

    /// Waits until everything is on the disk that was written when this was made, and writes the
    /// ends of segments.
    pub fn sync(self) -> Synced {
        // Strips come first: they are to be on the disk soon.
        let result = self.file.sync();
        Synced {
            next: self.next,
            written_bytes: self.written_bytes,
            ended: self.endings.into_iter().map(Ending::end).collect(),
            result: result.map_err(|error| format!("syncing {}: {error}", self.name)),
        }
    }
}

impl Synced {
    /// Whether everything is on the disk that was unsynced.
    pub fn is_done(&self) -> bool {
        self.result.is_ok()
    }

    /// Why segments have no index. They can be read without it, and the next start makes it.
    pub fn without_index(&self) -> impl Iterator<Item = &LogError> {
        self.ended
            .iter()
            .filter_map(|ended| ended.result.as_ref().err())
    }

    /// The result of this sync and of the one before it, if that has not failed.
    #[must_use]
    pub fn after(mut self, earlier: Self) -> Self {
        if !earlier.is_done() {
            return earlier;
        }
        self.ended.splice(..0, earlier.ended);
        self
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
            endings: self.ending.take().into_iter().collect(),
        }))
    }

    /// Takes the result of a sync.
    ///
    /// # Errors
    ///
    /// If it has failed. Then nothing more is written.
    pub fn take_synced(&mut self, synced: Synced) -> Result<(), LogError> {
        for ended in synced.ended {
            self.take_ended(ended);
        }
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
