//! The segments that there are, and what is kept in memory of them.

use std::collections::VecDeque;

use tickcast_protocol::message::Position;

use super::{
    content::{Closed, Content},
    growing::Growing,
};
use crate::{
    disk::{Disk, DiskFile},
    error::OpenError,
    format::{Name, Times},
    records::Records,
    segment::{Opened, list, read_header},
};

/// Memory for topics and indexes of closed segments, at most; one segment is always kept. 32 MiB
/// are some hundred segments of 1,000 topics.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Closed segments whose topics, indexes and files are kept, at most: the space of a file that
/// retention has removed is only free when it is closed.
const CACHE_SEGMENTS: usize = 16;

/// What is known about a segment.
#[derive(Debug)]
pub(super) struct Known<F> {
    pub(super) number: u64,
    pub(super) first: Position,
    /// Position after its last update.
    pub(super) end: Position,
    pub(super) times: Times,
    /// `None` if it has an index, which is read when it is needed.
    growing: Option<Box<Growing<F>>>,
}

/// The segments, oldest first.
#[derive(Debug)]
pub(super) struct Catalog<F> {
    pub(super) segments: Vec<Known<F>>,
    /// Those closed segments that were read last, the last one at the end.
    cache: VecDeque<(u64, Closed<F>)>,
}

impl<F> Default for Catalog<F> {
    fn default() -> Self {
        Self {
            segments: Vec::new(),
            cache: VecDeque::new(),
        }
    }
}

impl<F: DiskFile> Catalog<F> {
    /// Compares the catalog with the folder.
    pub(super) fn refresh<D: Disk<File = F>>(&mut self, disk: &D) -> Result<(), OpenError> {
        let numbers = list(disk)?;
        let is_there = |number: u64| numbers.binary_search(&number).is_ok();
        self.segments.retain(|known| is_there(known.number));
        self.cache.retain(|(number, _)| is_there(*number));
        for (index, number) in numbers.iter().enumerate() {
            let is_last = index + 1 == numbers.len();
            let at = self.find(*number);
            let known = at.ok().map(|at| &mut self.segments[at]);
            let looked = match known {
                Some(known) => known.refresh(disk).map(|()| None),
                None => Known::open(disk, *number, is_last),
            };
            match (looked, at) {
                (Ok(Some(known)), Err(at)) => self.segments.insert(at, known),
                (Ok(_), _) => {}
                (Err(error), at) if error.is_gone() => {
                    if let Ok(at) = at {
                        self.segments.remove(at);
                    }
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forgets a segment that retention has removed.
    pub(super) fn forget(&mut self, number: u64) {
        self.segments.retain(|known| known.number != number);
        self.cache.retain(|(cached, _)| *cached != number);
    }

    fn find(&self, number: u64) -> Result<usize, usize> {
        self.segments
            .binary_search_by_key(&number, |known| known.number)
    }

    /// What can be read of the segment at an index. `None` if the catalog has changed, so that the
    /// caller must look again: retention has removed the segment, or its index has become
    /// unreadable and less of it may be left. Says as well how many bytes were read.
    pub(super) fn content<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        at: usize,
    ) -> Result<Option<(Content<'_, F>, u64)>, OpenError> {
        let number = self.segments[at].number;
        let mut read_bytes = 0;
        if self.segments[at].growing.is_none() {
            match self.cache.iter().position(|(cached, _)| *cached == number) {
                Some(cached) => {
                    let cached = self.cache.remove(cached);
                    self.cache.extend(cached);
                }
                None => match Closed::open(disk, number) {
                    Ok(Some(closed)) => {
                        read_bytes = closed.memory_bytes() as u64;
                        self.cache.push_back((number, closed));
                        self.shrink();
                    }
                    Ok(None) => {
                        self.segments[at].rebuild(disk)?;
                        return Ok(None);
                    }
                    Err(error) if error.is_gone() => {
                        self.segments.remove(at);
                        return Ok(None);
                    }
                    Err(error) => return Err(error),
                },
            }
        }
        if let Some(growing) = &self.segments[at].growing {
            return Ok(Some((Content::Growing(growing), read_bytes)));
        }
        let newest = self.cache.back();
        Ok(newest.map(|(_, closed)| (Content::Closed(closed), read_bytes)))
    }

    fn shrink(&mut self) {
        let mut bytes: usize = self.cache.iter().map(|(_, it)| it.memory_bytes()).sum();
        while self.cache.len() > 1 && (bytes > CACHE_BYTES || self.cache.len() > CACHE_SEGMENTS) {
            let oldest = self.cache.pop_front();
            bytes -= oldest.map_or(0, |(_, oldest)| oldest.memory_bytes());
        }
    }
}

impl<F: DiskFile> Known<F> {
    /// Looks at a segment. `None` if nothing of it is written yet.
    fn open<D: Disk<File = F>>(
        disk: &D,
        number: u64,
        is_last: bool,
    ) -> Result<Option<Self>, OpenError> {
        let name = Name::of_segment(number);
        let failed = || OpenError::io(format!("reading {name}"));
        let file = disk.read(&name).map_err(failed())?;
        let header = match read_header::<D>(&name, &file)? {
            Ok(header) => header,
            Err(error) => {
                let len = file.size().map_err(failed())?;
                let mut records = Records::new(&file, 0, len);
                let is_empty = is_last && records.last_written(0).map_err(failed())?.is_none();
                return match is_empty {
                    true => Ok(None),
                    false => Err(OpenError::header(&name, error)),
                };
            }
        };
        let mut known = Self {
            number,
            first: header.first,
            end: header.first,
            times: Times::NONE,
            growing: Some(Box::new(Growing::new(file, &header))),
        };
        known.refresh(disk)?;
        Ok(Some(known))
    }

    /// Takes in what was written to it since.
    fn refresh<D: Disk<File = F>>(&mut self, disk: &D) -> Result<(), OpenError> {
        let Some(growing) = &mut self.growing else {
            return Ok(());
        };
        let name = Name::of_segment(self.number);
        if growing.is_whole {
            return Ok(());
        }
        let is_closed = growing.has_trailer(self.number, &name)?;
        if is_closed {
            let opened = Opened::open(disk, self.number)?;
            if opened.rebuilt.is_none() {
                (self.end, self.times) = (opened.segment.end, opened.segment.times);
                self.growing = None;
                return Ok(());
            }
        }
        let advanced = growing.advance();
        advanced.map_err(OpenError::io(format!("reading {name}")))?;
        // The index of the file is wrong: that made here stays.
        growing.is_whole = is_closed;
        (self.end, self.times) = (growing.next, growing.times());
        Ok(())
    }

    /// Makes an index in memory, because that of the file has become unreadable.
    fn rebuild<D: Disk<File = F>>(&mut self, disk: &D) -> Result<(), OpenError> {
        let name = Name::of_segment(self.number);
        let failed = || OpenError::io(format!("reading {name}"));
        let file = disk.read(&name).map_err(failed())?;
        let header = read_header::<D>(&name, &file)?;
        let header = header.map_err(|error| OpenError::header(&name, error))?;
        let mut growing = Growing::new(file, &header);
        growing.advance().map_err(failed())?;
        growing.is_whole = true;
        (self.end, self.times) = (growing.next, growing.times());
        self.growing = Some(Box::new(growing));
        Ok(())
    }
}
