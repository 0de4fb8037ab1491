//! A walk through a segment: its records in order, each compared with those before it.

use std::io;

use tickcast_protocol::{
    codec::UpdateHead,
    message::{Epoch, Position},
};

use crate::{
    disk::DiskFile,
    flaw::Flaw,
    format::{
        FeedOutages, Index, IndexBuilder, Kind, RecordHeader, SEGMENT_HEADER_BYTES, Session,
        StripBody, Topics, parse_feeds, parse_topics,
    },
    records::{Found, Records},
};

/// How far the beginning of a segment was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The session comes first.
    Session,
    /// Then all topics.
    Topics,
    /// Then strips, and a session for each start of a server.
    Strips,
    /// A clean end, after which only a session may come.
    Ended,
    /// The index, after which nothing may come.
    Closed,
}

/// A record that is right.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The start of a server.
    Session(&'a Session),
    /// When feeds were down.
    Feeds(&'a [FeedOutages]),
    /// A part of the topics.
    Topics,
    /// A strip, with the heads of its updates and their bytes.
    Strip {
        /// The strip.
        body: &'a StripBody<'a>,
        /// Its updates.
        updates: &'a [(UpdateHead, &'a [u8])],
        /// What is known about topics after it.
        topics: &'a Topics,
    },
    /// The clean end of a server.
    End,
    /// The index of the segment.
    Index(Box<Index>),
    /// A strip that is damaged, and is passed over.
    Damaged(&'a Flaw),
}

/// What to do with a damaged strip whose header is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDamage {
    /// The walk ends there.
    Stop,
    /// The walk goes on after it.
    PassOver,
}

/// Where a walk has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Where the first byte is that is not a part of a right record.
    pub offset: u64,
    /// What is wrong there. `None` means that there is nothing, up to the end of the file.
    pub flaw: Option<Flaw>,
    /// The header of the record there, if it can be read.
    pub(crate) header: Option<RecordHeader>,
}

/// What is known after a walk, or in the middle of it.
#[derive(Debug, Clone)]
pub(crate) struct Walked {
    stage: Stage,
    /// The last session.
    pub(crate) session: Option<Session>,
    /// Its epoch.
    pub(crate) epoch: Option<Epoch>,
    /// The position of the next update.
    pub(crate) next: Position,
    /// When feeds were down.
    pub(crate) feeds: Vec<FeedOutages>,
    /// The topics after the last strip.
    pub(crate) topics: Topics,
    /// The index of the strips so far.
    pub(crate) index: IndexBuilder,
}

impl Walked {
    /// At the beginning of a segment whose first update has position `first`.
    pub(crate) fn new(first: Position) -> Self {
        Self {
            stage: Stage::Session,
            session: None,
            epoch: None,
            next: first,
            feeds: Vec::new(),
            topics: Topics::default(),
            index: IndexBuilder::new(first),
        }
    }

    /// Whether session and topics are complete, so that the segment can be used.
    pub(crate) fn is_usable(&self) -> bool {
        !matches!(self.stage, Stage::Session | Stage::Topics)
    }

    /// Whether the server has ended in order, and nothing came after it.
    pub(crate) fn is_clean(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Whether only strips are there so far, so that an index may follow.
    pub(crate) fn is_before_index(&self) -> bool {
        self.stage == Stage::Strips
    }

    /// Whether the segment is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// Passes over a damaged strip, if its header fits.
    fn pass_over(&mut self, header: &RecordHeader) -> bool {
        let fits = header.kind == Kind::Strip
            && self.stage == Stage::Strips
            && header.first == self.next
            && self.epoch == Some(header.epoch);
        if fits {
            self.next = header.end();
        }
        fits
    }

    /// Takes a record. An error says what is wrong; then nothing has changed that matters.
    fn take<T>(
        &mut self,
        offset: u64,
        header: &RecordHeader,
        body: &[u8],
        mut on: impl FnMut(&RecordHeader, Event<'_>) -> T,
    ) -> Result<T, Flaw> {
        let is_in_order = match header.kind {
            Kind::Session => matches!(self.stage, Stage::Session | Stage::Strips | Stage::Ended),
            Kind::Topics => self.stage == Stage::Topics,
            Kind::Feeds => matches!(self.stage, Stage::Topics | Stage::Strips),
            Kind::Strip | Kind::End => self.stage == Stage::Strips,
            Kind::Index => self.stage == Stage::Strips,
        };
        if !is_in_order || (header.is_last && header.kind != Kind::Topics) {
            return Err(Flaw::Order);
        }
        if header.first != self.next {
            let (expected, found) = (self.next, header.first);
            return Err(Flaw::Position { expected, found });
        }
        if let Some(expected) = self.epoch
            && header.kind != Kind::Session
            && header.epoch != expected
        {
            let found = header.epoch;
            return Err(Flaw::Epoch { expected, found });
        }
        let unreadable = |what: &str| Flaw::Content(format!("{what} cannot be read"));
        match header.kind {
            Kind::Session => {
                let session = Session::parse(body).ok_or_else(|| unreadable("the session"))?;
                self.epoch = Some(header.epoch);
                self.stage = match self.stage {
                    Stage::Session => Stage::Topics,
                    _ => Stage::Strips,
                };
                let session = self.session.insert(session);
                Ok(on(header, Event::Session(session)))
            }
            Kind::Feeds => {
                self.feeds = parse_feeds(body).ok_or_else(|| unreadable("the feeds' outages"))?;
                Ok(on(header, Event::Feeds(&self.feeds)))
            }
            Kind::Topics => {
                parse_topics(header, body, &mut self.topics).map_err(Flaw::Content)?;
                if header.is_last {
                    self.stage = Stage::Strips;
                }
                Ok(on(header, Event::Topics))
            }
            Kind::Strip => {
                let strip = StripBody::parse(header, body).map_err(Flaw::Content)?;
                let heads = strip.heads().map_err(Flaw::Content)?;
                self.apply(offset, &strip, &heads).map_err(Flaw::Content)?;
                self.next = header.end();
                let event = Event::Strip {
                    body: &strip,
                    updates: &heads,
                    topics: &self.topics,
                };
                Ok(on(header, event))
            }
            Kind::End => {
                self.stage = Stage::Ended;
                Ok(on(header, Event::End))
            }
            Kind::Index => {
                let index = Index::parse(body).ok_or_else(|| unreadable("the index"))?;
                self.stage = Stage::Closed;
                Ok(on(header, Event::Index(Box::new(index))))
            }
        }
    }

    fn apply(
        &mut self,
        offset: u64,
        strip: &StripBody<'_>,
        heads: &[(UpdateHead, &[u8])],
    ) -> Result<(), String> {
        self.index.begin(offset, strip.first);
        self.index.introduce(strip.first, &strip.topics);
        for info in &strip.topics {
            self.topics.introduce(info)?;
        }
        for (head, bytes) in heads {
            self.topics.update(head, bytes)?;
            self.index.add(head);
        }
        for change in &strip.statuses {
            self.topics.change(change)?;
        }
        Ok(())
    }
}

/// Walks through a segment from its first record to the first place that is wrong or empty. `on`
/// gets each record with its offset; an error of it ends the walk.
///
/// # Errors
///
/// If reading fails.
pub(crate) fn walk<F: DiskFile>(
    records: &mut Records<'_, F>,
    walked: &mut Walked,
    on_damage: OnDamage,
    mut on: impl FnMut(u64, &RecordHeader, Event<'_>),
) -> io::Result<Stop> {
    loop {
        let offset = records.offset();
        let (flaw, header) = match records.next()? {
            Found::Record(header, body) => {
                let taken = walked.take(offset, &header, body, |header, event| {
                    on(offset, header, event);
                });
                match taken {
                    Ok(()) => continue,
                    Err(flaw) => (flaw, Some(header)),
                }
            }
            Found::Flaw(flaw, header) => match header {
                Some(header) if on_damage == OnDamage::PassOver && walked.pass_over(&header) => {
                    records.pass_over(&header);
                    on(offset, &header, Event::Damaged(&flaw));
                    continue;
                }
                _ => (flaw, header),
            },
            Found::Nothing => {
                let after = records.last_written(offset)?;
                return Ok(Stop {
                    offset,
                    flaw: after.map(|_| Flaw::Hole),
                    header: None,
                });
            }
        };
        return Ok(Stop {
            offset,
            flaw: Some(flaw),
            header,
        });
    }
}

/// Where the first record of a segment begins.
pub(crate) const FIRST_RECORD: u64 = SEGMENT_HEADER_BYTES as u64;
