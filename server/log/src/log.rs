//! The log: takes strips, writes them to segments, and forgets the oldest.

use std::collections::VecDeque;

use tickcast_core::tape::Strip;
use tickcast_protocol::{
    codec::{self, UpdateHead},
    message::{EndedEpoch, Epoch, Position, TimeNs},
};

use crate::{
    active::{Active, sync, write, write_whole},
    disk::Disk,
    ending::Ending,
    error::{LogError, OpenError},
    format::{
        FeedOutages, Kind, Name, Outage, RecordHeader, Session, Times, Topics, append_record,
        append_strip,
    },
    head::{Head, Writing},
    opening::{GoesOn, Opening},
    outcome::{Continuity, LogSettings, Recovery, Refusal, Removed, WriteFailure},
    recovery::{MARK, Recovered, recover},
    segment::Segment,
};

/// Bytes of strips after which they are written, so that the buffer stays small.
const WRITE_BYTES: usize = 1024 * 1024;

/// The log of one server.
///
/// [`write`](Self::write) writes strips, [`sync`](Self::sync) waits for the disk,
/// [`retain`](Self::retain) forgets, and [`end`](Self::end) marks a clean end.
#[derive(Debug)]
pub struct Log<D: Disk> {
    pub(crate) disk: D,
    pub(crate) settings: LogSettings,
    pub(crate) epoch: Epoch,
    pub(crate) session: Session,
    /// When feeds were down.
    pub(crate) feeds: Vec<FeedOutages>,
    pub(crate) segments: VecDeque<Segment>,
    /// `None` until the next segment is made.
    pub(crate) active: Option<Active<D::File>>,
    pub(crate) next_number: u64,
    /// The end of the segment before, until another thread takes it.
    pub(crate) ending: Option<Ending<D::File>>,
    /// What is not written yet of the open segment's begin.
    pub(crate) head: Option<Head>,
    pub(crate) topics: Topics,
    pub(crate) next: Position,
    /// The position after the last update that is on the disk.
    pub(crate) synced: Position,
    /// Bytes written and synced since the log was opened.
    pub(crate) written_bytes: u64,
    pub(crate) synced_bytes: u64,
    /// The bytes written when the begin of the open segment was complete.
    pub(crate) begin_written_bytes: u64,
    /// Why nothing more may be written.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) buffer: Vec<u8>,
}

impl<D: Disk> Log<D> {
    /// Opens a log, puts its end in order, and begins a session.
    ///
    /// # Errors
    ///
    /// If the folder holds something else than a whole log, or the system refuses something.
    pub fn open(
        disk: D,
        settings: LogSettings,
        opening: Opening,
    ) -> Result<(Self, Recovery), OpenError> {
        let Recovered {
            segments,
            active,
            last,
            next_number,
            cut,
            holes,
            rebuilt,
        } = recover(&disk, settings.segment_bytes, &opening)?;
        let is_whole = cut.as_ref().is_none_or(|cut| cut.is_torn);
        let mut session = Session {
            boot_id: opening.boot_id,
            started_ns: opening.now_ns,
            continues: Vec::new(),
            outages: Vec::new(),
        };
        let (mut epoch, mut next, mut topics) = (opening.new_epoch, 1, Topics::default());
        let mut feeds = Vec::new();
        let mut continuity = Continuity::New;
        if let Some(last) = last {
            let is_same_boot = last.session.boot_id == opening.boot_id;
            let mut continues = last.session.continues;
            session.outages = last.session.outages;
            // What the stream has is not missing.
            if opening.goes_on != GoesOn::Always
                && let Some(end_ns) = last.end_ns
            {
                session.note_outage((end_ns, opening.now_ns));
            }
            if opening
                .goes_on
                .holds(last.is_clean || is_same_boot && is_whole)
            {
                epoch = last.epoch;
                // An epoch without updates still says what it follows: its first start may have
                // failed before that could be told.
                let follows = continues.last().filter(|ended| ended.last + 1 == last.next);
                continuity = follows.map_or(Continuity::Same, |ended| Continuity::Follows(*ended));
            } else {
                let ended = EndedEpoch {
                    epoch: last.epoch,
                    last: last.next - 1,
                };
                continues.push(ended);
                continuity = Continuity::Follows(ended);
            }
            session.set_continues(&continues);
            (next, topics, feeds) = (last.next, last.topics, last.feeds);
        } else if let Some(segment) = segments.last() {
            // Positions never go back, even if nothing else is known.
            next = segment.end;
        }
        let mut log = Self {
            disk,
            settings,
            epoch,
            session,
            feeds,
            segments: segments.into(),
            active,
            next_number,
            ending: None,
            head: None,
            topics,
            next,
            synced: next,
            written_bytes: 0,
            synced_bytes: 0,
            begin_written_bytes: 0,
            refusal: None,
            buffer: Vec::new(),
        };
        let recovery = Recovery {
            continuity,
            cut,
            holes,
            rebuilt,
        };
        let failed = |error| match error {
            LogError::Io { what, error } => OpenError::Io { what, error },
            error => OpenError::Io {
                what: "beginning a session".to_owned(),
                error: std::io::Error::other(error.to_string()),
            },
        };
        let is_marked = !is_whole;
        log.begin_session(opening.now_ns, is_marked)
            .map_err(failed)?;
        log.sync().map_err(failed)?;
        Ok((log, recovery))
    }

    /// The epoch of the updates that are written.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The earlier epochs that it continues, oldest first.
    pub fn continues(&self) -> &[EndedEpoch] {
        &self.session.continues
    }

    /// The times without a server up to the start of this one, oldest first.
    pub fn outages(&self) -> &[Outage] {
        &self.session.outages
    }

    /// When each feed was down or has lost updates. Those of a feed that was down at the end have
    /// no end yet.
    pub fn feeds(&self) -> &[FeedOutages] {
        &self.feeds
    }

    /// The position of the next update.
    pub fn next(&self) -> Position {
        self.next
    }

    /// What is known about topics.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The segments that are not written to any more, oldest first.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &Segment> {
        self.segments.iter()
    }

    /// Bytes of all segments, as far as they are written.
    pub fn bytes(&self) -> u64 {
        let closed: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        closed + self.active.as_ref().map_or(0, |active| active.tail)
    }

    /// The position after the last update that is on the disk.
    pub fn synced(&self) -> Position {
        self.synced
    }

    /// Bytes that may not be on the disk yet.
    pub fn unsynced_bytes(&self) -> u64 {
        self.written_bytes - self.synced_bytes
    }

    /// Bytes written since the log was opened.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// The folder.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    pub(crate) fn begin_session(
        &mut self,
        now_ns: TimeNs,
        is_marked: bool,
    ) -> Result<(), LogError> {
        let Some(active) = &mut self.active else {
            return self.create(now_ns, Writing::AtOnce);
        };
        self.buffer.clear();
        let header = RecordHeader::new(Kind::Session, self.epoch, self.next, now_ns);
        let appended = append_record(header, &mut self.buffer, |out| self.session.append(out));
        appended.ok_or(LogError::TooLong(self.next))?;
        let start = active.tail;
        write_whole(active, &self.buffer)?;
        self.written_bytes += self.buffer.len() as u64;
        if is_marked {
            active.dirty_to = active.dirty_to.max(start + MARK.len() as u64);
            write(active, &[])?;
        }
        Ok(())
    }

    /// Writes strips, in order. It may be tried again with those that were not written.
    ///
    /// # Errors
    ///
    /// If the system refuses something. The strips before that are written.
    pub fn write(
        &mut self,
        strips: &[impl AsRef<Strip>],
        now_ns: TimeNs,
    ) -> Result<(), WriteFailure> {
        let mut written = 0;
        while written < strips.len() {
            match self.write_some(&strips[written..], now_ns) {
                Ok(some) => written += some,
                Err(failure) => {
                    return Err(WriteFailure {
                        written: written + failure.written,
                        ..failure
                    });
                }
            }
        }
        Ok(())
    }

    fn write_some(
        &mut self,
        strips: &[impl AsRef<Strip>],
        now_ns: TimeNs,
    ) -> Result<usize, WriteFailure> {
        let nothing = |error| WriteFailure { written: 0, error };
        self.make_room(now_ns).map_err(nothing)?;
        self.buffer.clear();
        let mut encoded = Vec::new();
        let mut next = self.next;
        for strip in strips {
            let strip = strip.as_ref();
            let (expected, found) = (next, strip.first());
            let heads = match found == expected {
                true => heads(strip),
                false => Err(LogError::Position { expected, found }),
            };
            let appended = heads.and_then(|heads| {
                let mut times = Times::NONE;
                heads.iter().for_each(|head| times.add(head.ingest_time_ns));
                let out = &mut self.buffer;
                let header = append_strip(strip, self.epoch, times, now_ns, out);
                header.ok_or(LogError::TooLong(found)).map(|_| heads)
            });
            match appended {
                Ok(heads) => encoded.push((heads, self.buffer.len())),
                Err(error) if encoded.is_empty() => return Err(nothing(error)),
                // The strips before it are written first.
                Err(_) => break,
            }
            next = strip.end();
            if self.buffer.len() >= WRITE_BYTES {
                break;
            }
        }
        // As many bytes of the segment's begin as of strips: it is complete long before the
        // segment is full.
        self.go_on_with_begin(self.buffer.len()).map_err(nothing)?;
        let Some(active) = &mut self.active else {
            return Ok(0);
        };
        let start = active.tail;
        let result = write(active, &self.buffer);
        let written_bytes = (active.tail - start) as usize;
        let mut written = 0;
        let mut offset = start;
        for ((heads, end), strip) in encoded.iter().zip(strips) {
            if *end > written_bytes {
                break;
            }
            let strip = strip.as_ref();
            if let Err(reason) = self.take(strip, heads, offset) {
                self.refusal = Some(Refusal::Content(strip.first(), reason));
                break;
            }
            written += 1;
            offset = start + *end as u64;
        }
        self.written_bytes += offset - start;
        if let Some(active) = &mut self.active {
            // A record that was not written to its end is written again from its beginning.
            active.tail = offset;
            if let Some(refusal) = &self.refusal {
                // A start would stop at the strip, and take it for damage.
                let error = write(active, &[]).err();
                return Err(WriteFailure {
                    written,
                    error: error.unwrap_or_else(|| refusal.clone().into()),
                });
            }
        }
        match result {
            Ok(()) => Ok(written),
            Err(error) => Err(WriteFailure { written, error }),
        }
    }

    /// Takes a strip that is written.
    fn take(&mut self, strip: &Strip, heads: &[UpdateHead], offset: u64) -> Result<(), String> {
        if let Some(head) = &mut self.head {
            let infos = strip.topics().iter().map(|info| info.id);
            let updated = heads.iter().map(|head| head.topic);
            let changed = strip.statuses().iter().map(|change| change.topic);
            for id in infos.chain(updated).chain(changed) {
                head.keep(id, &self.topics);
            }
        }
        for info in strip.topics() {
            self.topics.introduce(info)?;
        }
        for (head, update) in heads.iter().zip(strip.updates_from(0)) {
            self.topics.update(head, update.bincode)?;
        }
        for change in strip.statuses() {
            self.topics.change(change)?;
        }
        if let Some(active) = &mut self.active {
            active.index.begin(offset, strip.first());
            active.index.introduce(strip.first(), strip.topics());
            heads.iter().for_each(|head| active.index.add(head));
        }
        self.next = strip.end();
        Ok(())
    }

    /// Waits until everything that was written is on the disk.
    ///
    /// # Errors
    ///
    /// If it is unknown whether it is. Then nothing more is written.
    pub fn sync(&mut self) -> Result<(), LogError> {
        if let Some(Refusal::NotSynced(reason)) = &self.refusal {
            return Err(LogError::NotSynced(reason.clone()));
        }
        if self.unsynced_bytes() > 0
            && let Some(active) = &mut self.active
        {
            let result = sync(active, &self.disk);
            self.end_unless_synced(result)?;
        }
        Ok(())
    }

    /// Removes segments that are too old, or too many. Returns those that are removed, and why the
    /// next one could not be.
    pub fn retain(&mut self, now_ns: TimeNs) -> (Vec<Removed>, Option<LogError>) {
        let mut removed = Vec::new();
        while let Some(oldest) = self.segments.front() {
            let is_too_much = self
                .settings
                .bytes_max
                .is_some_and(|max| self.bytes() > max);
            let is_too_old = self.settings.age_max_ns.is_some_and(|max| {
                let newest = oldest.times.max_ns;
                !oldest.times.is_empty() && now_ns.saturating_sub(newest) > max
            });
            let is_needed = self.segments.len() == 1 && self.needs_segment_before();
            if !is_too_much && !is_too_old || is_needed {
                break;
            }
            let name = Name::of_segment(oldest.number);
            if let Err(error) = self.disk.remove(&name) {
                let error = LogError::io(format!("removing {name}"))(error);
                return (removed, Some(error));
            }
            let number = oldest.number;
            self.ending.take_if(|ending| ending.number == number);
            removed.extend(self.segments.pop_front().map(|segment| Removed { segment }));
        }
        (removed, None)
    }

    /// Remembers when feeds were down. It replaces what was remembered before.
    ///
    /// # Errors
    ///
    /// If the system refuses something. What could not be written is in the next segment.
    pub fn note_feeds(&mut self, feeds: Vec<FeedOutages>, now_ns: TimeNs) -> Result<(), LogError> {
        self.feeds = feeds;
        self.make_room(now_ns)?;
        let mut record = Vec::new();
        self.append_feeds(now_ns, &mut record)?;
        if let Some(active) = &mut self.active {
            write_whole(active, &record)?;
            self.written_bytes += record.len() as u64;
        }
        Ok(())
    }

    /// Marks a clean end, and waits for the disk.
    ///
    /// # Errors
    ///
    /// If the system refuses something. The next start takes it for an end without a mark.
    pub fn end(&mut self, now_ns: TimeNs) -> Result<(), LogError> {
        self.make_room(now_ns)?;
        self.finish_begin()?;
        if let Some(active) = &mut self.active {
            self.buffer.clear();
            let header = RecordHeader::new(Kind::End, self.epoch, self.next, now_ns);
            append_record(header, &mut self.buffer, |_| {}).ok_or(LogError::TooLong(self.next))?;
            write_whole(active, &self.buffer)?;
            self.written_bytes += self.buffer.len() as u64;
        }
        self.sync()?;
        self.finish_end()
    }
}

fn heads(strip: &Strip) -> Result<Vec<UpdateHead>, LogError> {
    let heads = strip.updates_from(0).map(|update| {
        codec::decode_update_head_bincode(update.bincode).map_err(|error| LogError::Content {
            first: strip.first(),
            reason: error.to_string(),
        })
    });
    heads.collect()
}
