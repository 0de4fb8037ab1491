//! The body of a session: the start of a server, and the epochs before it.

use tickcast_protocol::message::{EndedEpoch, Epoch, TimeNs};

use super::{
    bytes::{Reader, append_varint},
    record::RECORD_HEADER_BYTES,
};

/// Most earlier epochs that a log remembers, and so from which clients can resume.
pub const LINEAGE_MAX: usize = 64;

/// The longest record of a session: header, boot id, start, number of epochs, epochs, last byte.
pub(crate) const SESSION_MAX_BYTES: usize = RECORD_HEADER_BYTES + 16 + 8 + 1 + 16 * LINEAGE_MAX + 1;

/// The start of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Identifies the start of the machine. Another one means that the machine was off meanwhile.
    pub(crate) boot_id: [u8; 16],
    /// When the server started.
    pub(crate) started_ns: TimeNs,
    /// The epochs before the current one, oldest first.
    pub(crate) continues: Vec<EndedEpoch>,
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
        let is_whole = reader.is_empty() && continues.len() <= LINEAGE_MAX;
        is_whole.then_some(Self {
            boot_id,
            started_ns,
            continues,
        })
    }
}
