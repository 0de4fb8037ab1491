//! The log: takes strips, writes them to segments, and forgets the oldest.

use std::collections::VecDeque;

use tickcast_core::tape::Strip;
use tickcast_protocol::{
    codec::{self, UpdateHead},
    message::{Epoch, Position, TimeNs},
};

use crate::{
    active::{Active, sync, write, write_whole},
    disk::{Disk, DiskFile, write_all_at},
    error::{LogError, OpenError},
    format::{
        Ended, IndexBuilder, Kind, LINEAGE_MAX, Name, RecordHeader, SEGMENT_HEADER_BYTES,
        SegmentHeader, Session, Times, Topics, Trailer, append_record, append_strip, append_topics,
    },
    outcome::{Continuity, LogSettings, Opening, Recovery, Removed, WriteFailure},
    recovery::{Recovered, recover},
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
    disk: D,
    settings: LogSettings,
    epoch: Epoch,
    session: Session,
    segments: VecDeque<Segment>,
    /// `None` until the next segment is made.
    active: Option<Active<D::File>>,
    next_number: u64,
    topics: Topics,
    next: Position,
    unsynced_bytes: u64,
    not_synced: Option<String>,
    buffer: Vec<u8>,
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
        } = recover(&disk, settings.segment_bytes, opening.now_ns)?;
        let is_whole = cut.as_ref().is_none_or(|cut| cut.is_torn);
        let mut lineage = Vec::new();
        let (mut epoch, mut next, mut topics) = (opening.new_epoch, 1, Topics::default());
        let mut continuity = Continuity::New;
        if let Some(last) = last {
            let is_same_boot = last.session.boot_id == opening.boot_id;
            lineage = last.session.lineage;
            if last.is_clean || is_same_boot && is_whole {
                epoch = last.epoch;
                continuity = Continuity::Same;
            } else {
                let ended = Ended {
                    epoch: last.epoch,
                    last: last.next - 1,
                };
                lineage.push(ended);
                continuity = Continuity::Follows(ended);
            }
            (next, topics) = (last.next, last.topics);
        } else if let Some(segment) = segments.last() {
            // Positions never go back, even if nothing else is known.
            next = segment.end;
        }
        lineage.drain(..lineage.len().saturating_sub(LINEAGE_MAX));
        let mut log = Self {
            disk,
            settings,
            epoch,
            session: Session {
                boot_id: opening.boot_id,
                started_ns: opening.now_ns,
                lineage,
            },
            segments: segments.into(),
            active,
            next_number,
            topics,
            next,
            unsynced_bytes: 0,
            not_synced: None,
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
        log.begin_session(opening.now_ns).map_err(failed)?;
        log.sync().map_err(failed)?;
        Ok((log, recovery))
    }

    /// The epoch of the updates that are written.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The epochs before it, oldest first.
    pub fn lineage(&self) -> &[Ended] {
        &self.session.lineage
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

    /// Bytes that may not be on the disk yet.
    pub fn unsynced_bytes(&self) -> u64 {
        self.unsynced_bytes
    }

    /// The folder.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    fn begin_session(&mut self, now_ns: TimeNs) -> Result<(), LogError> {
        let Some(active) = &mut self.active else {
            return self.create(now_ns);
        };
        self.buffer.clear();
        let header = header(Kind::Session, self.epoch, self.next, now_ns);
        let appended = append_record(header, &mut self.buffer, |out| self.session.append(out));
        appended.ok_or(LogError::TooLong(self.next))?;
        write_whole(active, &self.buffer)?;
        self.unsynced_bytes += self.buffer.len() as u64;
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
            written += 1;
            self.take(strip, heads, offset)
                .map_err(|reason| WriteFailure {
                    written,
                    error: LogError::Content {
                        first: strip.first(),
                        reason,
                    },
                })?;
            offset = start + *end as u64;
        }
        // A record that was not written to its end is written again from its beginning.
        if let Some(active) = &mut self.active {
            active.tail = offset;
        }
        self.unsynced_bytes += offset - start;
        match result {
            Ok(()) => Ok(written),
            Err(error) => Err(WriteFailure { written, error }),
        }
    }

    /// Takes a strip that is written.
    fn take(&mut self, strip: &Strip, heads: &[UpdateHead], offset: u64) -> Result<(), String> {
        if let Some(active) = &mut self.active {
            active.index.begin(offset, strip.first());
            active.index.introduce(strip.first(), strip.topics());
            heads.iter().for_each(|head| active.index.add(head));
        }
        self.next = strip.end();
        for info in strip.topics() {
            self.topics.introduce(info)?;
        }
        for (head, update) in heads.iter().zip(strip.updates_from(0)) {
            self.topics.update(head, update.bincode)?;
        }
        strip
            .statuses()
            .iter()
            .try_for_each(|change| self.topics.change(change))
    }

    /// Makes a new segment if the last one is full.
    fn make_room(&mut self, now_ns: TimeNs) -> Result<(), LogError> {
        if let Some(reason) = &self.not_synced {
            return Err(LogError::NotSynced(reason.clone()));
        }
        let target = self.target_bytes();
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.tail >= target)
        {
            self.close(now_ns)?;
        }
        match self.active {
            Some(_) => Ok(()),
            None => self.create(now_ns),
        }
    }

    /// Bytes of a segment. If there are many topics, strips take at least half of it.
    fn target_bytes(&self) -> u64 {
        let topics = 2 * self.topics.bytes() as u64;
        self.settings.segment_bytes.max(topics)
    }

    fn create(&mut self, now_ns: TimeNs) -> Result<(), LogError> {
        let number = self.next_number;
        let name = Name::of_segment(number);
        let mut bytes = vec![0; SEGMENT_HEADER_BYTES];
        let session = header(Kind::Session, self.epoch, self.next, now_ns);
        append_record(session, &mut bytes, |out| self.session.append(out))
            .ok_or(LogError::TooLong(self.next))?;
        append_topics(&self.topics, self.epoch, self.next, now_ns, &mut bytes)
            .ok_or(LogError::TooLong(self.next))?;
        let len = self.target_bytes().max(bytes.len() as u64);
        let segment = SegmentHeader {
            number,
            first: self.next,
            created_ns: now_ns,
            reserved_bytes: len,
        };
        bytes[..SEGMENT_HEADER_BYTES].copy_from_slice(&segment.encode());
        let file = self.disk.create(&name, len);
        let file = file.map_err(LogError::io(format!("creating {name} with {len} bytes")))?;
        let mut active = Active {
            file,
            name,
            number,
            first: self.next,
            tail: 0,
            dirty_to: 0,
            index: IndexBuilder::new(self.next),
            is_name_synced: false,
        };
        write(&mut active, &bytes)?;
        self.unsynced_bytes += bytes.len() as u64;
        self.active = Some(active);
        self.next_number = number + 1;
        Ok(())
    }

    /// Closes the last segment: appends its index, and waits for the disk.
    fn close(&mut self, now_ns: TimeNs) -> Result<(), LogError> {
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        let index = active.index.build();
        let index_offset = active.tail;
        self.buffer.clear();
        let mut end = header(Kind::Index, self.epoch, self.next, now_ns);
        end.count = u32::try_from(index.topics().len()).unwrap_or(u32::MAX);
        append_record(end, &mut self.buffer, |out| index.append(out))
            .ok_or(LogError::TooLong(self.next))?;
        let trailer = Trailer {
            number: active.number,
            index_offset,
        };
        self.buffer.extend_from_slice(&trailer.encode());
        let (name, bytes) = (&active.name, index_offset + self.buffer.len() as u64);
        // The tail stays until all is done, so that it can be tried again.
        active.dirty_to = active.dirty_to.max(bytes);
        write_all_at(&active.file, &self.buffer, index_offset)
            .map_err(LogError::io(format!("writing to {name}")))?;
        let cut = active.file.set_len(bytes);
        cut.map_err(LogError::io(format!("cutting {name} to {bytes} bytes")))?;
        sync(active, &self.disk, &mut self.not_synced)?;
        self.unsynced_bytes = 0;
        self.segments.push_back(Segment {
            number: active.number,
            bytes,
            first: active.first,
            end: self.next,
            updates: index.updates,
            times: index.times(),
        });
        self.active = None;
        Ok(())
    }

    /// Waits until everything that was written is on the disk.
    ///
    /// # Errors
    ///
    /// If it is unknown whether it is. Then nothing more is written.
    pub fn sync(&mut self) -> Result<(), LogError> {
        if let Some(reason) = &self.not_synced {
            return Err(LogError::NotSynced(reason.clone()));
        }
        if self.unsynced_bytes > 0
            && let Some(active) = &mut self.active
        {
            sync(active, &self.disk, &mut self.not_synced)?;
            self.unsynced_bytes = 0;
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
            if !is_too_much && !is_too_old {
                break;
            }
            let name = Name::of_segment(oldest.number);
            if let Err(error) = self.disk.remove(&name) {
                let error = LogError::io(format!("removing {name}"))(error);
                return (removed, Some(error));
            }
            removed.extend(self.segments.pop_front().map(|segment| Removed { segment }));
        }
        (removed, None)
    }

    /// Marks a clean end, and waits for the disk.
    ///
    /// # Errors
    ///
    /// If the system refuses something. The next start takes it for an end without a mark.
    pub fn end(&mut self, now_ns: TimeNs) -> Result<(), LogError> {
        self.make_room(now_ns)?;
        if let Some(active) = &mut self.active {
            self.buffer.clear();
            let header = header(Kind::End, self.epoch, self.next, now_ns);
            append_record(header, &mut self.buffer, |_| {}).ok_or(LogError::TooLong(self.next))?;
            write_whole(active, &self.buffer)?;
            self.unsynced_bytes += self.buffer.len() as u64;
        }
        self.sync()
    }
}

fn header(kind: Kind, epoch: Epoch, first: Position, time_ns: TimeNs) -> RecordHeader {
    RecordHeader {
        body_bytes: 0,
        kind,
        is_last: false,
        count: 0,
        body_crc: 0,
        epoch,
        first,
        time_ns,
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
