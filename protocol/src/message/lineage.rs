//! The epochs that continue each other.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{epoch::Epoch, ids::Position};

/// An earlier epoch whose updates the current one still has, up to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct EndedEpoch {
    /// The epoch.
    pub epoch: Epoch,
    /// The position of its last update that is left. The epoch after it continues there.
    pub last: Position,
}

/// The current epoch, and the earlier ones that it continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The current epoch.
    pub epoch: Epoch,
    /// The earlier ones, oldest first. Each continues the one before it.
    pub continues: Vec<EndedEpoch>,
}

impl Lineage {
    /// An epoch that continues none.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            continues: Vec::new(),
        }
    }

    /// The position of the last update of an epoch that the current tape has as well; of the
    /// current epoch the greatest of all positions. Returns `None` for an epoch that the current
    /// one does not continue.
    pub fn kept(&self, epoch: Epoch) -> Option<Position> {
        if epoch == self.epoch {
            return Some(Position::MAX);
        }
        let of_epoch = self
            .continues
            .iter()
            .position(|ended| ended.epoch == epoch)?;
        // A later end may have been earlier on the tape.
        let ends = self.continues[of_epoch..].iter().map(|ended| ended.last);
        ends.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(epoch: u64, last: Position) -> EndedEpoch {
        let epoch = Epoch(epoch);
        EndedEpoch { epoch, last }
    }

    #[test]
    fn what_is_left_of_an_epoch_ends_where_it_or_a_later_one_has_ended() {
        let lineage = Lineage {
            epoch: Epoch(9),
            continues: vec![ended(1, 100), ended(2, 300), ended(3, 200)],
        };
        for (epoch, kept) in [
            (9, Some(Position::MAX)),
            (1, Some(100)),
            (2, Some(200)),
            (3, Some(200)),
            (4, None),
        ] {
            assert_eq!(lineage.kept(Epoch(epoch)), kept, "{epoch}");
        }
        assert_eq!(Lineage::new(Epoch(7)).kept(Epoch(1)), None);
    }
}
