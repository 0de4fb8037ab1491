//! The body of a session: the start of a server, and the epochs before it.

use tickcast_protocol::message::{EndedEpoch, Epoch, TimeNs};

use super::{
    bytes::{Reader, append_varint},
    record::RECORD_HEADER_BYTES,
};

/// Most earlier epochs that a log remembers, and so from which clients can resume.
pub const LINEAGE_MAX: usize = 64;

/// Most times without a server that a log remembers: as many as candles do. The two oldest become
/// one where there are more, so that no other time counts as served.
const OUTAGES_MAX: usize = 128;

/// The longest record of a session: header, boot id, start, number of epochs, epochs, number of
/// outages, outages, last byte.
pub(crate) const SESSION_MAX_BYTES: usize =
    RECORD_HEADER_BYTES + 16 + 8 + 1 + 16 * LINEAGE_MAX + 2 + 16 * OUTAGES_MAX + 1;

/// A time without a server: that of the last update before it, and that of the next start.
pub type Outage = (TimeNs, TimeNs);

/// The start of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Identifies the start of the machine. Another one means that the machine was off meanwhile.
    pub(crate) boot_id: [u8; 16],
    /// When the server started.
    pub(crate) started_ns: TimeNs,
    /// The epochs before the current one, oldest first.
    pub(crate) continues: Vec<EndedEpoch>,
    /// The times without a server up to this start, oldest first.
    pub(crate) outages: Vec<Outage>,
}

impl Session {
    /// Appends the body.
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.boot_id);
        out.extend_from_slice(&self.started_ns.to_le_bytes());
        append_varint(self.continues.len() as u64, out);
        for ended in &self.continues {
            out.extend_from_slice(&ended.epoch.0.to_le_bytes());
            out.extend_from_slice(&ended.last.to_le_bytes());
        }
        append_varint(self.outages.len() as u64, out);
        for (from, to) in &self.outages {
            out.extend_from_slice(&from.to_le_bytes());
            out.extend_from_slice(&to.to_le_bytes());
        }
    }

    /// Sets the epochs before the current one. The oldest of too many are forgotten.
    pub(crate) fn set_continues(&mut self, continues: &[EndedEpoch]) {
        let from = continues.len().saturating_sub(LINEAGE_MAX);
        self.continues = continues[from..].to_vec();
    }

    /// Adds the last time without a server.
    pub(crate) fn note_outage(&mut self, (from, to): Outage) {
        self.outages.push((from.min(to), to));
        if self.outages.len() > OUTAGES_MAX {
            let (from, _) = self.outages.remove(0);
            self.outages[0].0 = from;
        }
    }

    /// Reads the body.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let boot_id = reader.array()?;
        let started_ns = reader.i64()?;
        let count = reader.count(16)?;
        let continues = (0..count).map(|_| {
            Some(EndedEpoch {
                epoch: Epoch(reader.u64()?),
                last: reader.u64()?,
            })
        });
        let continues = continues.collect::<Option<Vec<_>>>()?;
        // Sessions of before have no outages.
        let count = match reader.is_empty() {
            true => 0,
            false => reader.count(16)?,
        };
        let outages = (0..count).map(|_| Some((reader.i64()?, reader.i64()?)));
        let outages = outages.collect::<Option<Vec<_>>>()?;
        let is_whole =
            reader.is_empty() && continues.len() <= LINEAGE_MAX && outages.len() <= OUTAGES_MAX;
        is_whole.then_some(Self {
            boot_id,
            started_ns,
            continues,
            outages,
        })
    }
}
