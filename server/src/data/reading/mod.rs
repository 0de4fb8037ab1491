//! The thread that reads the log for clients, so that no shard waits for a disk.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tickcast_core::{
    candles::Excerpt,
    shard::{LOG_WINDOW_BYTES, LogBegin, LogPart},
    tape::Strip,
};
use tickcast_log::{Entry, Folder, Limits, Order, Question, Reader};
use tickcast_protocol::{
    message::{Position, TimeNs},
    topic::Topic,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{giving_way::GivingWay, older, patience::Patience};
use crate::{cpu_time, threads::give_way};

/// Parts that wait to be read, at most. Each answer waits for one part at a time, and waits longer
/// when the queue is full.
const READS_MAX: usize = 64;

/// Topics of a log that can go on after a part that it lacks: their seqs take as much memory as a
/// window. With more of them, clients go on from the tape.
const BEGIN_MAX_TOPICS: usize = 64 * 1024;

/// How long a client waits for a part with which it catches up. A disk takes milliseconds; one that
/// takes this long hangs, and clients shall learn what they have lost.
const WINDOW_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client that connects waits to learn whether the log has what it lacks. Clients of
/// Socket.IO give up after 20 s.
const INDEX_TIMEOUT: Duration = Duration::from_secs(5);

/// What is read at once: about a millisecond of work, after which other answers have their turn. In
/// parts of 256 KiB a page of candles had a third of the intervals.
const PART_BYTES: u64 = 1024 * 1024;

/// The niceness of the thread. Where it shares a full core with a shard and those that bring
/// updates, it has a tenth of the time: clients that follow come before those that are hours
/// behind. With a niceness of 10 it has a thirtieth, and at 100,000 updates/s clients that are
/// behind come no nearer.
const NICENESS: i32 = 5;

/// One line of an answer about the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// An update, as it is on the tape.
    Update(Position, Box<[u8]>),
    /// Positions that are missing: the first and the last one.
    Missing(Position, Position),
}

/// A part of an answer.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Its lines, in the order that was asked for.
    pub told: Vec<Told>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<Position>,
    /// The first position that is left in the log.
    pub first: Position,
}

/// Asks for parts of the log.
#[derive(Debug, Clone)]
pub(crate) struct LogReads {
    reads: mpsc::Sender<Read>,
    /// How much is read for an answer about candles or rows.
    pub(crate) patience: Patience,
}

/// What is asked for.
#[derive(Debug)]
enum Read {
    /// A part of an answer about the past.
    Part {
        question: Question,
        after: Option<Position>,
        updates: usize,
        answer: oneshot::Sender<Result<Part, String>>,
    },
    /// Strips as they were on the tape.
    Window {
        from: Position,
        until: Position,
        answer: oneshot::Sender<Result<LogPart, String>>,
    },
    /// Whether strips with all updates of a range can be read.
    HasAll {
        from: Position,
        until: Position,
        answer: oneshot::Sender<Result<bool, String>>,
    },
    /// A part of the intervals that memory has forgotten.
    Candles {
        topic: Topic,
        excerpt: Box<Excerpt>,
        after: Option<Position>,
        answer: oneshot::Sender<Result<OlderPart, String>>,
    },
}

/// A part of the intervals that memory has forgotten.
#[derive(Debug)]
pub(super) struct OlderPart {
    pub(super) excerpt: Box<Excerpt>,
    /// Where the next part begins; `None` at the end, or if the log cannot be read.
    pub(super) next: Option<Position>,
}

impl LogReads {
    /// Reads a part with up to a number of updates, from where the part before has ended. The range
    /// must end at a position that was delivered: if the log does not reach it, the rest is told as
    /// missing. An error says why the part cannot be read. Nothing is read for a caller that no
    /// longer waits.
    pub(crate) async fn part(
        &self,
        question: &Question,
        after: Option<Position>,
        updates: usize,
    ) -> Result<Part, String> {
        let (answer, part) = oneshot::channel();
        let read = Read::Part {
            question: question.clone(),
            after,
            updates,
            answer,
        };
        let ending = || "the server is ending".to_owned();
        self.reads.send(read).await.map_err(|_| ending())?;
        part.await.unwrap_or_else(|_| Err(ending()))
    }

    /// Adds a part of the log to an answer, from where the part before has ended. `None` if the
    /// server is ending.
    pub(super) async fn candles(
        &self,
        topic: &Topic,
        excerpt: Box<Excerpt>,
        after: Option<Position>,
    ) -> Option<OlderPart> {
        let (answer, part) = oneshot::channel();
        let read = Read::Candles {
            topic: topic.clone(),
            excerpt,
            after,
            answer,
        };
        self.answered(read, part).await
    }

    /// Reads about [`LOG_WINDOW_BYTES`] of strips, of which the first one has the update at `from`,
    /// and none begins after `until`. The window is empty if the log cannot be read in time.
    pub(crate) async fn window(&self, from: Position, until: Position) -> LogPart {
        let (answer, window) = oneshot::channel();
        let read = Read::Window {
            from,
            until,
            answer,
        };
        match timeout(WINDOW_TIMEOUT, self.answered(read, window)).await {
            Ok(window) => window.unwrap_or_default(),
            Err(_) => {
                let seconds = WINDOW_TIMEOUT.as_secs();
                tracing::error!(
                    from,
                    seconds,
                    "the disk takes too long to read the log: clients that need it lose updates"
                );
                LogPart::default()
            }
        }
    }

    /// Whether the log has all updates from a position up to another one, as far as its index
    /// tells. It has none if it does not answer in time.
    pub(crate) async fn has_all(&self, from: Position, until: Position) -> bool {
        let (answer, has_all) = oneshot::channel();
        let read = Read::HasAll {
            from,
            until,
            answer,
        };
        let answered = timeout(INDEX_TIMEOUT, self.answered(read, has_all)).await;
        answered.is_ok_and(|has_all| has_all == Some(true))
    }

    /// Asks, and waits for the answer. `None` if the thread has ended or cannot read: it says why
    /// itself.
    async fn answered<T>(
        &self,
        read: Read,
        answer: oneshot::Receiver<Result<T, String>>,
    ) -> Option<T> {
        self.reads.send(read).await.ok()?;
        answer.await.ok()?.ok()
    }
}

/// The thread; see the module.
#[derive(Debug)]
pub(crate) struct ReadingThread {
    path: PathBuf,
    reads: mpsc::Receiver<Read>,
    /// Opened when the first part is asked for.
    reader: Option<Reader<Folder>>,
    /// How the thread lets others have the core while it reads.
    giving_way: Arc<GivingWay>,
}

impl ReadingThread {
    /// A thread that reads a log, and how it is asked.
    pub(crate) fn new(path: PathBuf) -> (Self, LogReads) {
        let (sender, reads) = mpsc::channel(READS_MAX);
        let thread = Self {
            path,
            reads,
            reader: None,
            giving_way: Arc::default(),
        };
        let asking = LogReads {
            reads: sender,
            patience: Patience::default(),
        };
        (thread, asking)
    }

    /// Reads until no shard can ask any more.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        give_way(NICENESS);
        while let Some(read) = self.reads.recv().await {
            self.giving_way.begin();
            match read {
                Read::Part {
                    question,
                    after,
                    updates,
                    answer,
                } => self.answer(answer, |thread| thread.part(&question, after, updates)),
                Read::Window {
                    from,
                    until,
                    answer,
                } => self.answer(answer, |thread| thread.window(from, until)),
                Read::HasAll {
                    from,
                    until,
                    answer,
                } => self.answer(answer, |thread| Ok(thread.reader()?.has_all(from, until))),
                Read::Candles {
                    topic,
                    excerpt,
                    after,
                    answer,
                } => self.answer(answer, |thread| Ok(thread.candles(topic, excerpt, after))),
            }
        }
        Ok(())
    }

    /// Answers, unless the client is gone.
    fn answer<T>(
        &mut self,
        answer: oneshot::Sender<Result<T, String>>,
        read: impl FnOnce(&mut Self) -> Result<T, String>,
    ) {
        if answer.is_closed() {
            return;
        }
        let result = read(self);
        if let Err(reason) = &result {
            tracing::error!(path = %self.path.display(), reason, "cannot read the log");
        }
        // The client may have gone meanwhile.
        let _ = answer.send(result);
    }

    /// The reader, which knows what is in the log now.
    fn reader(&mut self) -> Result<&mut Reader<Folder>, String> {
        match &mut self.reader {
            Some(reader) => {
                reader.refresh().map_err(failed)?;
                Ok(reader)
            }
            none => {
                let giving_way = Arc::clone(&self.giving_way);
                let folder = Folder::read_only(&self.path).with_pause(move || giving_way.pause());
                Ok(none.insert(Reader::open(folder).map_err(failed)?))
            }
        }
    }

    fn window(&mut self, from: Position, until: Position) -> Result<LogPart, String> {
        let begin = cpu_time::of_this_thread();
        // What was written last is looked up only if it is needed: it is much with each part.
        let mut strips = match &mut self.reader {
            Some(reader) if from < reader.end() => usable(reader, from, until)?,
            _ => Vec::new(),
        };
        let mut goes_on = None;
        if strips.is_empty() {
            let reader = self.reader()?;
            strips = usable(reader, from, until)?;
            if strips.is_empty() {
                let found = reader.begin_between(from, until, BEGIN_MAX_TOPICS);
                goes_on = found.map_err(failed)?;
            }
        }
        let goes_on = goes_on.map(|begin| LogBegin {
            position: begin.first,
            seqs: begin.seqs,
        });
        Ok(LogPart {
            strips,
            begin: goes_on,
            elapsed: cpu_time::of_this_thread().saturating_sub(begin),
        })
    }

    /// Adds a part of the log to an answer. Without the log it ends with what it has.
    fn candles(
        &mut self,
        topic: Topic,
        mut excerpt: Box<Excerpt>,
        after: Option<Position>,
    ) -> OlderPart {
        let result = self.reader().and_then(|reader| {
            let result = older::read(reader, topic, &mut excerpt, after, PART_BYTES);
            result.map_err(failed)
        });
        let next = result.unwrap_or_else(|reason| {
            tracing::error!(path = %self.path.display(), reason, "cannot read the log");
            excerpt.miss_older();
            excerpt.end_older(Some(TimeNs::MAX));
            None
        });
        OlderPart { excerpt, next }
    }

    fn part(
        &mut self,
        question: &Question,
        after: Option<Position>,
        updates: usize,
    ) -> Result<Part, String> {
        let path = self.path.clone();
        let path = path.display();
        let reader = self.reader()?;
        let limits = Limits {
            updates,
            read_bytes: PART_BYTES,
        };
        let mut told = Vec::new();
        let next = reader.page(question, after, limits, |entry| match entry {
            Entry::Update { head, bytes, .. } => {
                told.push(Told::Update(head.position, bytes.into()));
            }
            Entry::Missing { first, end } => told.push(Told::Missing(first, end - 1)),
            Entry::Flaw { name, offset, flaw } => {
                tracing::warn!(%path, name, offset, %flaw, "the log is damaged");
            }
            Entry::Status { .. } | Entry::Publish(_) => {}
        });
        let next = next.map_err(failed)?;
        let end = reader.end();
        // A server that went on without its log has delivered more than is in it.
        let first = end.max(question.range.from);
        let may_be_later = reader.end_ns().is_none_or(|ns| ns < question.range.to_ns);
        if first <= question.range.to && may_be_later {
            let missing = Told::Missing(first, question.range.to);
            match question.order {
                Order::OldestFirst if next.is_none() => told.push(missing),
                Order::NewestFirst if after.is_none() => told.insert(0, missing),
                Order::OldestFirst | Order::NewestFirst => {}
            }
        }
        Ok(Part {
            next,
            told,
            first: reader.first(),
        })
    }
}

/// About [`LOG_WINDOW_BYTES`] of strips, up to the first hole, of which none begins after `until`.
fn usable(
    reader: &mut Reader<Folder>,
    from: Position,
    until: Position,
) -> Result<Vec<Arc<Strip>>, String> {
    let found = reader.strips(from, LOG_WINDOW_BYTES).map_err(failed)?;
    let hole = found.missing.first().map_or(Position::MAX, |hole| hole.0);
    let end = hole.min(until.saturating_add(1));
    let strips = found.strips.into_iter();
    let usable = strips.take_while(|strip| strip.first() < end);
    Ok(usable.map(Arc::new).collect())
}

fn failed(error: tickcast_log::OpenError) -> String {
    format!("the log cannot be read: {error}")
}

#[cfg(test)]
mod tests;
