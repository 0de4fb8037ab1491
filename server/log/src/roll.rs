//! From a segment to the next one, and when nothing more may be written.

use std::sync::Arc;

use tickcast_protocol::message::TimeNs;

use crate::{
    active::{Active, sync, write},
    disk::{Disk, write_all_at},
    ending::{Ended, Ending},
    error::LogError,
    format::{
        IndexBuilder, Kind, Name, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader, append_feeds,
        append_record, append_topics,
    },
    head::{Head, Writing},
    log::Log,
    outcome::Refusal,
    segment::Segment,
};

impl<D: Disk> Log<D> {
    /// Makes a new segment if the last one is full.
    pub(crate) fn make_room(&mut self, now_ns: TimeNs) -> Result<(), LogError> {
        self.check_refusal()?;
        let target = self.target_bytes();
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.tail >= target)
        {
            self.close(now_ns)?;
            return self.create(now_ns, Writing::InParts);
        }
        match self.active {
            Some(_) => Ok(()),
            None => self.create(now_ns, Writing::AtOnce),
        }
    }

    /// Bytes of a segment. If there are many topics, strips take at least half of it.
    pub(crate) fn target_bytes(&self) -> u64 {
        let topics = 2 * self.topics.bytes() as u64;
        self.settings.segment_bytes.max(topics)
    }

    pub(crate) fn create(&mut self, now_ns: TimeNs, writing: Writing) -> Result<(), LogError> {
        let number = self.next_number;
        let name = Name::of_segment(number);
        let mut bytes = vec![0; SEGMENT_HEADER_BYTES];
        let session = RecordHeader::new(Kind::Session, self.epoch, self.next, now_ns);
        append_record(session, &mut bytes, |out| self.session.append(out))
            .ok_or(LogError::TooLong(self.next))?;
        self.append_feeds(now_ns, &mut bytes)?;
        let topics = RecordHeader::new(Kind::Topics, self.epoch, self.next, now_ns);
        let offset = bytes.len() as u64;
        let head = match writing {
            Writing::InParts => Head::new(&self.topics, topics, offset),
            Writing::AtOnce => None,
        };
        let (head, head_bytes) = match head {
            Some((head, bytes)) => (Some(head), bytes),
            None => {
                append_topics(&self.topics, topics, &mut bytes)
                    .ok_or(LogError::TooLong(self.next))?;
                (None, 0)
            }
        };
        let len = self.target_bytes().max(bytes.len() as u64 + head_bytes);
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
            file: Arc::new(file),
            name,
            number,
            first: self.next,
            tail: 0,
            dirty_to: 0,
            index: IndexBuilder::new(self.next),
            is_name_synced: false,
        };
        write(&mut active, &bytes)?;
        active.tail += head_bytes;
        self.written_bytes += bytes.len() as u64;
        self.head = head;
        self.active = Some(active);
        self.next_number = number + 1;
        Ok(())
    }

    /// Whether a part of the open segment's begin is still to be written.
    pub fn has_unwritten_begin(&self) -> bool {
        self.head.is_some()
    }

    /// Goes on to write the begin of the open segment: a part, and more up to a number of bytes.
    ///
    /// # Errors
    ///
    /// If the system refuses something. It may be tried again.
    pub fn go_on_with_begin(&mut self, bytes: usize) -> Result<(), LogError> {
        self.check_refusal()?;
        let mut written = 0;
        while let (Some(head), Some(active)) = (&mut self.head, &self.active) {
            let Some(part) = head.next_part() else {
                self.head = None;
                self.begin_written_bytes = self.written_bytes;
                break;
            };
            if written > bytes {
                break;
            }
            let (bytes, offset) = match head.encode(part, &self.topics) {
                Ok(encoded) => encoded,
                Err(refusal) => {
                    self.refusal = Some(refusal);
                    return self.check_refusal();
                }
            };
            write_all_at(&*active.file, bytes, offset)
                .map_err(LogError::io(format!("writing to {}", active.name)))?;
            written += bytes.len();
            self.written_bytes += bytes.len() as u64;
            head.pass(part);
        }
        Ok(())
    }

    /// Writes the rest of the open segment's begin.
    pub(crate) fn finish_begin(&mut self) -> Result<(), LogError> {
        match self.head {
            Some(_) => self.go_on_with_begin(usize::MAX),
            None => Ok(()),
        }
    }

    /// Whether the begin of the open segment may be lost in a power cut. Then the segment before it
    /// is needed.
    pub(crate) fn needs_segment_before(&self) -> bool {
        self.head.is_some() || self.synced_bytes < self.begin_written_bytes
    }

    /// Appends what is known about feeds, if there is anything.
    pub(crate) fn append_feeds(&self, now_ns: TimeNs, out: &mut Vec<u8>) -> Result<(), LogError> {
        if self.feeds.is_empty() {
            return Ok(());
        }
        let header = RecordHeader::new(Kind::Feeds, self.epoch, self.next, now_ns);
        let appended = append_record(header, out, |out| append_feeds(&self.feeds, out));
        appended.map(|_| ()).ok_or(LogError::TooLong(self.next))
    }

    /// Closes the last segment: waits for the disk, and leaves its index and trailer to be written.
    pub(crate) fn close(&mut self, now_ns: TimeNs) -> Result<(), LogError> {
        self.finish_begin()?;
        self.finish_end()?;
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        // What was not written to its end would look like a damaged strip.
        write(active, &[])?;
        let result = sync(active, &self.disk);
        self.end_unless_synced(result)?;
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        self.segments.push_back(Segment {
            number: active.number,
            bytes: active.tail,
            first: active.first,
            end: self.next,
            updates: active.index.updates(),
            times: active.index.times(),
        });
        self.ending = Some(Ending {
            file: active.file,
            name: active.name,
            number: active.number,
            tail: active.tail,
            header: RecordHeader::new(Kind::Index, self.epoch, self.next, now_ns),
            index: active.index,
        });
        Ok(())
    }

    /// Writes the end of the segment before, if it was not given to another thread.
    ///
    /// # Errors
    ///
    /// If the system refuses something. It is not tried again: the next start writes it.
    pub(crate) fn finish_end(&mut self) -> Result<(), LogError> {
        let Some(ending) = self.ending.take() else {
            return Ok(());
        };
        let number = ending.number;
        let bytes = ending.write()?;
        self.set_bytes(number, bytes);
        Ok(())
    }

    /// Takes what has become of the end of a segment.
    pub(crate) fn take_ended(&mut self, ended: Ended) {
        if let Ok(bytes) = ended.result {
            self.set_bytes(ended.number, bytes);
        }
    }

    fn set_bytes(&mut self, number: u64, bytes: u64) {
        let mut segments = self.segments.iter_mut().rev();
        // Retention may have removed it.
        if let Some(segment) = segments.find(|segment| segment.number == number) {
            segment.bytes = bytes;
        }
    }

    pub(crate) fn end_unless_synced(&mut self, result: Result<(), String>) -> Result<(), LogError> {
        if let Err(reason) = result {
            return self.refuse_unsynced(reason);
        }
        self.synced_bytes = self.written_bytes;
        self.synced = self.next;
        Ok(())
    }

    /// Writes nothing more, because it is unknown what is on the disk.
    pub(crate) fn refuse_unsynced(&mut self, reason: String) -> Result<(), LogError> {
        let what = match self.synced == self.next {
            true => "no updates since the last sync".to_owned(),
            false => format!("positions {} to {}", self.synced, self.next - 1),
        };
        self.refusal = Some(Refusal::NotSynced(format!("{reason}: {what}")));
        self.check_refusal()
    }

    /// Whether more may be written.
    pub(crate) fn check_refusal(&self) -> Result<(), LogError> {
        let refusal = self.refusal.clone();
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }
}
