//! The audit of a server, for all its threads.

use std::{
    fmt::Display,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use tickcast_core::identity::{Identity, Standing};
use tickcast_protocol::message::Epoch;

use super::{
    line::{Command, Line, Subject, bounded, name},
    waiting::{AuditStats, Item, encode},
    writer::Writer,
};

/// Most lines that wait for the thread: some megabytes.
const WAITING_MAX: usize = 10_000;

/// The audit of a server.
#[derive(Debug)]
pub(crate) struct AuditLog {
    sender: SyncSender<Item>,
    stats: Arc<AuditStats>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl AuditLog {
    /// Starts, and notes that an epoch goes on from here.
    pub(crate) fn begin(
        path: &Path,
        max_bytes: usize,
        epoch: Epoch,
        stats: Arc<AuditStats>,
    ) -> io::Result<Arc<Self>> {
        let audit = Self::start(path, max_bytes as u64, stats)?;
        let epoch = epoch.to_string();
        audit.note(&Line::Started { epoch: &epoch });
        Ok(audit)
    }

    /// Opens the file and starts the thread.
    pub(crate) fn start(
        path: &Path,
        max_bytes: u64,
        stats: Arc<AuditStats>,
    ) -> io::Result<Arc<Self>> {
        let writer = Writer::open(path, max_bytes, Arc::clone(&stats))?;
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new()
            .name("tickcast-audit".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Arc::new(Self {
            sender,
            stats,
            thread: Mutex::new(Some(thread)),
        }))
    }

    /// An audit whose thread the caller runs.
    #[cfg(test)]
    pub(super) fn of_channel(sender: SyncSender<Item>, stats: Arc<AuditStats>) -> Self {
        Self {
            sender,
            stats,
            thread: Mutex::default(),
        }
    }

    /// A ticket was given to a client.
    pub(crate) fn ticket(&self, client: impl Display, identity: &Identity) {
        self.note(&Line::Ticket {
            client: &client.to_string(),
            who: Subject::of(identity),
        });
    }

    /// Takes note of a line. It never waits.
    pub(crate) fn note(&self, line: &Line<'_>) {
        if self.sender.try_send(Item::Line(encode(line))).is_err() {
            self.stats.dropped.add(1);
        }
    }

    /// A client was let in.
    pub(crate) fn connected(
        &self,
        (shard, connection): (usize, u64),
        client: impl Display,
        identity: Option<&Identity>,
    ) {
        self.note(&Line::Connected {
            connection: &name(shard, connection),
            client: &client.to_string(),
            who: identity.map(Subject::of).unwrap_or_default(),
        });
    }

    /// A request was refused before its client had a connection in a shard.
    pub(crate) fn refused(&self, client: impl Display, why: &str, reason: &str) {
        self.note(&Line::Refused {
            connection: None,
            client: Some(&client.to_string()),
            who: Subject::default(),
            why,
            reason: bounded(reason),
        });
    }

    /// Newest values or candles were read over HTTP.
    pub(crate) fn read(
        &self,
        client: impl Display,
        standing: Option<&Standing>,
        (what, filter): (&'static str, &str),
        to: u64,
        number: usize,
    ) {
        let identity = standing.and_then(Standing::identity);
        self.note(&Line::Read {
            connection: None,
            client: Some(&client.to_string()),
            who: identity
                .map(|identity| Subject::of(identity))
                .unwrap_or_default(),
            what,
            filter,
            from: None,
            to,
            number,
        });
    }

    /// An operator's command was carried out, or has failed.
    pub(crate) fn command(
        &self,
        client: impl Display,
        operator: Option<&str>,
        (command, query): (&str, &str),
        affected: Option<usize>,
    ) {
        let query = bounded(query);
        self.note(&Line::Command {
            client: &client.to_string(),
            operator,
            command: Command { command, query },
            affected,
        });
    }

    /// Ends the thread after all lines that wait.
    pub(crate) fn end(&self) {
        // The thread may have failed, which its dropped lines show.
        let _ = self.sender.send(Item::End);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _ = thread.join();
        }
    }
}
