//! The thread that reads the log for clients, so that no shard waits for a disk.

use std::path::PathBuf;

use tickcast_log::{Entry, Folder, Limits, Order, Question, Reader};
use tickcast_protocol::message::Position;
use tokio::sync::{mpsc, oneshot};

/// Parts that wait to be read, at most. Each answer waits for one part at a time, and waits longer
/// when the queue is full.
const READS_MAX: usize = 64;

/// What is read at once: some milliseconds of work, after which other answers have their turn.
const PART_BYTES: u64 = 1024 * 1024;

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
pub(crate) struct LogReads(mpsc::Sender<Read>);

/// A part that is asked for.
#[derive(Debug)]
struct Read {
    question: Question,
    after: Option<Position>,
    updates: usize,
    answer: oneshot::Sender<Result<Part, String>>,
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
        let read = Read {
            question: question.clone(),
            after,
            updates,
            answer,
        };
        let ending = || "the server is ending".to_owned();
        self.0.send(read).await.map_err(|_| ending())?;
        part.await.unwrap_or_else(|_| Err(ending()))
    }
}

/// The thread; see the module.
#[derive(Debug)]
pub(crate) struct ReadingThread {
    path: PathBuf,
    reads: mpsc::Receiver<Read>,
    /// Opened when the first part is asked for.
    reader: Option<Reader<Folder>>,
}

impl ReadingThread {
    /// A thread that reads a log, and how it is asked.
    pub(crate) fn new(path: PathBuf) -> (Self, LogReads) {
        let (sender, reads) = mpsc::channel(READS_MAX);
        let thread = Self {
            path,
            reads,
            reader: None,
        };
        (thread, LogReads(sender))
    }

    /// Reads until no shard can ask any more.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        while let Some(read) = self.reads.recv().await {
            if read.answer.is_closed() {
                continue;
            }
            let part = self.read(&read);
            if let Err(reason) = &part {
                tracing::error!(path = %self.path.display(), reason, "cannot read the log");
            }
            // The client may be gone.
            let _ = read.answer.send(part);
        }
        Ok(())
    }

    fn read(&mut self, read: &Read) -> Result<Part, String> {
        let failed = |error: tickcast_log::OpenError| format!("the log cannot be read: {error}");
        let reader = match &mut self.reader {
            Some(reader) => {
                reader.refresh().map_err(failed)?;
                reader
            }
            None => {
                let folder = Folder::read_only(&self.path);
                self.reader.insert(Reader::open(folder).map_err(failed)?)
            }
        };
        let limits = Limits {
            updates: read.updates,
            read_bytes: PART_BYTES,
        };
        let mut told = Vec::new();
        let path = self.path.display();
        let next = reader.page(&read.question, read.after, limits, |entry| match entry {
            Entry::Update { head, bytes, .. } => {
                told.push(Told::Update(head.position, bytes.into()));
            }
            Entry::Missing { first, end } => told.push(Told::Missing(first, end - 1)),
            Entry::Flaw { name, offset, flaw } => {
                tracing::warn!(%path, name, offset, %flaw, "the log is damaged");
            }
            Entry::Status { .. } => {}
        });
        let next = next.map_err(failed)?;
        let (end, question) = (reader.end(), &read.question);
        // A server that went on without its log has delivered more than is in it.
        let first = end.max(question.range.from);
        let may_be_later = reader.end_ns().is_none_or(|ns| ns < question.range.to_ns);
        if first <= question.range.to && may_be_later {
            let missing = Told::Missing(first, question.range.to);
            match question.order {
                Order::OldestFirst if next.is_none() => told.push(missing),
                Order::NewestFirst if read.after.is_none() => told.insert(0, missing),
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

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use tickcast_core::tape::StripBuilder;
    use tickcast_log::{Log, LogSettings, Opening, Range, Wanted};
    use tickcast_protocol::{
        message::{Epoch, Quality, TopicInfo, Update},
        topic::{Filter, Topic},
        value::Value,
    };

    use super::*;

    /// Ten updates, each of a second.
    fn write_log(path: &Path) {
        let opening = Opening {
            boot_id: [1; 16],
            begins_epoch: false,
            new_epoch: Epoch(7),
            now_ns: 0,
        };
        let folder = Folder::lock(path).unwrap();
        let (mut log, _) = Log::open(folder, LogSettings::default(), opening).unwrap();
        let mut builder = StripBuilder::new(1);
        builder.introduce(TopicInfo::new(0, Topic::new("a").unwrap()));
        for position in 1..=10 {
            builder.push(&Update {
                topic: 0,
                position,
                seq: position,
                source_time_ns: None,
                ingest_time_ns: position as i64 * 1_000_000_000,
                quality: Quality::Live,
                value: Value::Reading(1.0),
            });
        }
        log.write(&[Arc::new(builder.build())], 0).unwrap();
    }

    #[tokio::test]
    async fn what_was_delivered_and_is_not_in_the_log_is_told_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        write_log(folder.path());
        let (thread, reads) = ReadingThread::new(folder.path().to_owned());
        let asking = async {
            let ask = async |order, to_ns, after| {
                let question = Question {
                    wanted: Wanted::Filters(vec![Filter::all()]),
                    range: Range {
                        to: 15,
                        to_ns,
                        ..Range::ALL
                    },
                    order,
                };
                let part = reads.part(&question, after, 100).await.unwrap();
                assert_eq!((part.next, part.first), (None, 1));
                let lines = part.told.iter().map(|told| match told {
                    Told::Update(position, _) => (*position, *position),
                    Told::Missing(first, last) => (*first, *last),
                });
                lines.collect::<Vec<_>>()
            };
            let oldest = ask(Order::OldestFirst, i64::MAX, Some(8)).await;
            assert_eq!(oldest, [(9, 9), (10, 10), (11, 15)]);
            let newest = ask(Order::NewestFirst, i64::MAX, None).await;
            assert_eq!(newest[..2], [(11, 15), (10, 10)]);
            assert_eq!(ask(Order::NewestFirst, i64::MAX, Some(2)).await, [(1, 1)]);
            // What is missing came later than was asked for.
            let early = ask(Order::OldestFirst, 3_000_000_000, None).await;
            assert_eq!(early, [(1, 1), (2, 2)]);
            drop(reads);
        };
        let (result, ()) = tokio::join!(thread.run(), asking);
        result.unwrap();
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_read_is_an_error_of_the_answer_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (thread, reads) = ReadingThread::new(path.clone());
        let question = Question {
            wanted: Wanted::Filters(vec![Filter::all()]),
            range: Range {
                to: 10,
                ..Range::ALL
            },
            order: Order::OldestFirst,
        };
        let asking = async {
            let error = reads.part(&question, None, 100).await.unwrap_err();
            assert!(error.contains("the log cannot be read"), "{error}");
            write_log(&path);
            let part = reads.part(&question, None, 100).await.unwrap();
            assert_eq!(part.told.len(), 10);
            drop(reads);
        };
        let (result, ()) = tokio::join!(thread.run(), asking);
        result.unwrap();
    }
}
