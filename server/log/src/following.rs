//! A log that follows a stream: other servers write there as well, so the stream may have gone on
//! without this one, and it may have lost its end.

use tickcast_core::tape::Strip;
use tickcast_protocol::message::{Lineage, Position, TimeNs};

use crate::{
    disk::{Disk, DiskFile, read_exact_at, write_all_at},
    error::{LogError, OpenError},
    format::{Name, TRAILER_BYTES, Topics},
    log::Log,
    opening::{GoesOn, Opening},
    outcome::SetBack,
    records::Records,
    recovery::recover,
    segment::{read_header, read_trailer},
    walk::{Event, FIRST_RECORD, OnDamage, Walked, walk},
};

/// How a log and a stream belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They are in the same epoch.
    Same,
    /// The epoch of the stream continues that of the log, up to a position.
    Continued(Position),
    /// The epoch of the log continues that of the stream: what is read there is older.
    Earlier,
    /// They have nothing in common after a position.
    Other(Position),
}

impl Relation {
    /// That of a log with a stream.
    pub fn of(log: &Lineage, stream: &Lineage) -> Self {
        if log.epoch == stream.epoch {
            return Self::Same;
        }
        if let Some(kept) = stream.kept(log.epoch) {
            return Self::Continued(kept);
        }
        if log.kept(stream.epoch).is_some() {
            return Self::Earlier;
        }
        let common = stream.continues.iter().rev().find_map(|ended| {
            let kept = log.kept(ended.epoch)?;
            Some(kept.min(stream.kept(ended.epoch)?))
        });
        Self::Other(common.unwrap_or(0))
    }
}

impl<D: Disk> Log<D> {
    /// The epoch of the updates that are written, and the earlier ones.
    pub fn lineage(&self) -> Lineage {
        Lineage {
            epoch: self.epoch,
            continues: self.session.continues.clone(),
        }
    }

    /// Whether the log has a strip already. One without updates has no position of its own, and may
    /// be written again.
    pub fn has(&self, strip: &Strip) -> bool {
        match strip.is_empty() {
            true => strip.first() < self.next,
            false => strip.end() <= self.next,
        }
    }

    /// Goes on in another epoch at the next position.
    ///
    /// # Errors
    ///
    /// If the system refuses something.
    pub fn go_on_in(&mut self, lineage: &Lineage, now_ns: TimeNs) -> Result<(), LogError> {
        // A segment is closed in the epoch of its updates.
        self.make_room(now_ns)?;
        self.set_lineage(lineage);
        self.begin_session(now_ns, false)
    }

    fn set_lineage(&mut self, lineage: &Lineage) {
        self.session.set_continues(&lineage.continues);
        self.epoch = lineage.epoch;
    }

    /// Goes on at a later position with what is known about topics there. The positions before it
    /// are missing in the log.
    ///
    /// # Errors
    ///
    /// If the system refuses something.
    pub fn skip_to(
        &mut self,
        next: Position,
        topics: Topics,
        now_ns: TimeNs,
    ) -> Result<(), LogError> {
        self.check_refusal()?;
        self.close(now_ns)?;
        (self.next, self.synced, self.topics) = (next, next, topics);
        self.make_room(now_ns)
    }

    /// Takes back everything after a position, and goes on in an epoch there. What is taken back is
    /// set aside, with the rest of its segments. If the position is within a strip, or in a hole,
    /// the log ends before.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or the system refuses something.
    pub fn set_back(
        &mut self,
        kept: Position,
        lineage: &Lineage,
        now_ns: TimeNs,
    ) -> Result<SetBack, OpenError> {
        // They are read below.
        let finished = self.finish_end().and_then(|()| self.finish_begin());
        finished.map_err(|error| {
            let what = "writing the end and the begin of segments".to_owned();
            OpenError::io(what)(std::io::Error::other(error))
        })?;
        let last = self.next - 1;
        let closed = self.segments.iter().rev().map(|one| (one.number, one.end));
        let open = self.active.as_ref().map(|open| (open.number, self.next));
        let numbers = open.into_iter().chain(closed);
        let numbers = numbers.take_while(|(_, end)| *end > kept + 1);
        let numbers: Vec<_> = numbers.map(|(number, _)| number).collect();
        let front = match numbers.last() {
            Some(oldest) => front(&self.disk, *oldest, kept)?,
            None => None,
        };
        let names: Vec<_> = numbers.iter().copied().map(Name::of_segment).collect();
        self.active = None;
        let set_aside = self.disk.set_aside(&names);
        set_aside.map_err(OpenError::io("setting segments aside".to_owned()))?;
        if let Some((bytes, reserved)) = front
            && let Some(name) = names.last()
        {
            let file = self.disk.create(name, reserved);
            file.and_then(|file| write_all_at(&file, &bytes, 0))
                .map_err(OpenError::io(format!("writing {name} once more")))?;
        }
        self.set_lineage(lineage);
        self.recover_again(now_ns)?;
        Ok(SetBack {
            first: self.next,
            last,
            segments: names.len(),
        })
    }

    /// Takes what is left.
    fn recover_again(&mut self, now_ns: TimeNs) -> Result<(), OpenError> {
        let opening = Opening {
            boot_id: self.session.boot_id,
            goes_on: GoesOn::Always,
            new_epoch: self.epoch,
            now_ns,
        };
        let found = recover(&self.disk, self.settings.segment_bytes, &opening)?;
        self.segments = found.segments.into();
        self.active = found.active;
        // Numbers are never used twice, so that what is set aside keeps its names.
        self.next_number = self.next_number.max(found.next_number);
        let last = found.last;
        let end = self.segments.back().map_or(1, |segment| segment.end);
        (self.next, self.topics) = match last {
            Some(last) => (last.next, last.topics),
            None => (end, Topics::default()),
        };
        self.synced = self.next;
        self.begin_session(now_ns, false).map_err(|error| {
            OpenError::io("beginning a session".to_owned())(std::io::Error::other(error))
        })
    }
}

/// The bytes of a segment before its first strip with an update after a position, and how many are
/// reserved for it. `None` if there is no update before.
fn front<D: Disk>(
    disk: &D,
    number: u64,
    kept: Position,
) -> Result<Option<(Vec<u8>, u64)>, OpenError> {
    let name = Name::of_segment(number);
    let failed = || OpenError::io(format!("reading {name}"));
    let file = disk.read(&name).map_err(failed())?;
    let header = read_header::<D>(&name, &file)?;
    let header = header.map_err(|error| OpenError::header(&name, error))?;
    if header.first > kept {
        return Ok(None);
    }
    let trailer = read_trailer(number, &name, &file)?;
    let end = file.size().map_err(failed())? - trailer.map_or(0, |_| TRAILER_BYTES as u64);
    let mut records = Records::new(&file, FIRST_RECORD, end);
    let mut walked = Walked::new(header.first);
    let mut until = None;
    let stop = walk(
        &mut records,
        &mut walked,
        OnDamage::Stop,
        |offset, record, event| {
            let is_after = record.end() > kept + 1;
            if is_after || matches!(event, Event::Index(_)) {
                until.get_or_insert(offset);
            }
        },
    );
    let stop = stop.map_err(failed())?;
    let mut bytes = vec![0; until.unwrap_or(stop.offset) as usize];
    read_exact_at(&file, &mut bytes, 0).map_err(failed())?;
    Ok(Some((bytes, header.reserved_bytes)))
}
