//! The log of a node: it has what the node reads in the stream of its cluster.

use std::{path::Path, sync::Arc};

use tickcast_core::{
    restored::{Collector, RestoredTopic},
    sequencer::Sequencer,
    tape::Strip,
};
use tickcast_log::{Folder, GoesOn, Log, Relation, TopicState, Topics};
use tickcast_protocol::message::{Epoch, Lineage, Position};

use super::opening::{open_log, remember, tell};
use crate::{clock::Clock, settings::data::DataSettings};

/// Takes what a node reads while it joins. See the module.
///
/// A node begins with a checkpoint, or with the first message of the stream, and then reads what it
/// has in its log already. What the log lacks is told by its readers as missing.
#[derive(Debug)]
pub(crate) struct Following {
    log: Log<Folder>,
    /// The topics where the node begins to read.
    begin: Option<(Position, Topics)>,
    clock: Clock,
}

impl Following {
    /// Opens the log of a folder. It goes on in its epoch, because the stream has what it may have
    /// lost.
    ///
    /// # Errors
    ///
    /// If the folder is in use, holds something else, is damaged, or cannot be read or written.
    pub(crate) fn open(path: &Path, settings: &DataSettings, clock: Clock) -> Result<Self, String> {
        let folder = Folder::lock(path).map_err(|error| error.to_string())?;
        let (log, recovery) = open_log(folder, settings, GoesOn::Always, clock)?;
        // The others go on without it: a server that is no node must begin an epoch here.
        let noted = log.disk().note_going_on();
        noted.map_err(|error| format!("writing its lock: {error}"))?;
        tell(path, &log, &recovery, None);
        Ok(Self {
            log,
            begin: None,
            clock,
        })
    }

    /// The node begins to read after a position, with these topics. Fills the histories of its
    /// sequencer with what the log has before that, and returns the end of it.
    pub(crate) fn begin(
        &mut self,
        lineage: Option<&Lineage>,
        position: Position,
        topics: impl Iterator<Item = RestoredTopic>,
        tape_bytes: usize,
        sequencer: &mut Sequencer,
    ) -> Result<Collector, String> {
        self.begin = Some((position + 1, as_logged(topics)?));
        let common = match lineage.map(|lineage| Relation::of(&self.log.lineage(), lineage)) {
            None => 0,
            Some(Relation::Same | Relation::Earlier) => position,
            Some(Relation::Continued(kept) | Relation::Other(kept)) => kept.min(position),
        };
        remember(&self.log, common, tape_bytes, sequencer)
    }

    /// Takes strips that were read in an epoch.
    pub(crate) fn take(&mut self, strips: &[Arc<Strip>], lineage: &Lineage) -> Result<(), String> {
        match Relation::of(&self.log.lineage(), lineage) {
            // What is read is older than the end of the log.
            Relation::Earlier => return Ok(()),
            Relation::Same => {}
            Relation::Continued(kept) | Relation::Other(kept) => self.follow(kept, lineage)?,
        }
        for strip in strips.iter().filter(|strip| strip.is_news()) {
            if self.log.has(strip) {
                continue;
            }
            if strip.first() < self.log.next() {
                // It was made of other messages before.
                self.set_back(strip.first() - 1, lineage)?;
            }
            if strip.first() > self.log.next() {
                match self.begin.take() {
                    Some((next, topics)) if next == strip.first() => self.skip_to(next, topics)?,
                    // What is known about topics here is known once the node has joined.
                    _ => return Ok(()),
                }
            }
            let written = self.log.write(&[strip], self.now_ns());
            written.map_err(|failure| failure.to_string())?;
        }
        Ok(())
    }

    /// The node has joined, and the next position is `next`.
    pub(crate) fn joined(
        &mut self,
        lineage: &Lineage,
        next: Position,
        topics: &[RestoredTopic],
    ) -> Result<(), String> {
        match Relation::of(&self.log.lineage(), lineage) {
            Relation::Same => {}
            Relation::Continued(kept) | Relation::Other(kept) => self.follow(kept, lineage)?,
            // The stream has lost that the epoch of the log had begun.
            Relation::Earlier => self.follow(next - 1, lineage)?,
        }
        if self.log.next() > next {
            self.set_back(next - 1, lineage)?;
        }
        if self.log.next() < next {
            self.skip_to(next, as_logged(topics.iter().cloned())?)?;
        }
        self.log.sync().map_err(|error| error.to_string())
    }

    /// The log, to be written to from here on.
    pub(crate) fn into_log(self) -> Log<Folder> {
        self.log
    }

    /// Goes on in another epoch, which has the positions up to `kept`.
    fn follow(&mut self, kept: Position, lineage: &Lineage) -> Result<(), String> {
        if self.log.next() > kept.saturating_add(1) {
            return self.set_back(kept, lineage);
        }
        let before = self.log.epoch();
        let went = self.log.go_on_in(lineage, self.now_ns());
        went.map_err(|error| error.to_string())?;
        let Lineage { epoch, .. } = lineage;
        tracing::info!(%before, %epoch, "the log goes on in the epoch of the cluster");
        Ok(())
    }

    fn set_back(&mut self, kept: Position, lineage: &Lineage) -> Result<(), String> {
        let before: Epoch = self.log.epoch();
        let back = self.log.set_back(kept, lineage, self.now_ns());
        let back = back.map_err(|error| error.to_string())?;
        tracing::warn!(
            %before,
            epoch = %lineage.epoch,
            first = back.first,
            last = back.last,
            segments = back.segments,
            "the stream does not have what the log has: it was set aside in .set-aside"
        );
        Ok(())
    }

    fn skip_to(&mut self, next: Position, topics: Topics) -> Result<(), String> {
        let (first, last) = (self.log.next(), next - 1);
        tracing::info!(first, last, "the log lacks what the node has not read");
        let skipped = self.log.skip_to(next, topics, self.now_ns());
        skipped.map_err(|error| error.to_string())
    }

    fn now_ns(&self) -> i64 {
        self.clock.now().wall_ns
    }
}

fn as_logged(topics: impl Iterator<Item = RestoredTopic>) -> Result<Topics, String> {
    Topics::new(topics.map(|topic| TopicState {
        info: topic.info,
        seq: topic.seq,
        status: topic.status,
        since_ns: topic.since_ns,
        newest: topic.newest.into(),
    }))
}
