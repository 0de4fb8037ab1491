//! What goes wrong on a connection.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The random numbers of a test.
pub(crate) type Rng = StdRng;

/// What goes wrong in one direction of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    /// Bytes that are on their way at most: what the sender's kernel takes.
    pub(crate) capacity: usize,
    /// Bytes that the receiver's kernel holds at most.
    pub(crate) window: usize,
    /// Most bytes that arrive together.
    pub(crate) piece_max: usize,
    /// Longest time on the way.
    pub(crate) delay_max: Duration,
    /// One piece of this many is held up for a part of `stall_max`; 0 for none.
    pub(crate) stall_one_in: u32,
    /// Longest time for which nothing arrives.
    pub(crate) stall_max: Duration,
    /// The connection is reset after this byte.
    pub(crate) reset_after: Option<u64>,
    /// After this byte nothing arrives any more, and no end is told.
    pub(crate) silent_after: Option<u64>,
}

impl Faults {
    /// Nothing goes wrong.
    pub(crate) const NONE: Self = Self {
        capacity: 64 * 1024,
        window: 64 * 1024,
        piece_max: 64 * 1024,
        delay_max: Duration::from_millis(1),
        stall_one_in: 0,
        stall_max: Duration::ZERO,
        reset_after: None,
        silent_after: None,
    };

    /// Something goes wrong, but the connection lasts.
    pub(crate) fn lasting(rng: &mut Rng) -> Self {
        Self {
            capacity: 1 << rng.random_range(8..=16),
            window: 1 << rng.random_range(8..=16),
            piece_max: 1 << rng.random_range(0..=12),
            delay_max: Duration::from_millis(rng.random_range(0..=20)),
            stall_one_in: [0, 0, 50, 500][rng.random_range(0..4)],
            stall_max: Duration::from_millis(rng.random_range(1..=3_000)),
            ..Self::NONE
        }
    }

    /// Anything may go wrong, within the first `bytes`.
    pub(crate) fn any(rng: &mut Rng, bytes: u64) -> Self {
        let (ends, at) = (rng.random_range(0..4), rng.random_range(0..bytes));
        Self {
            reset_after: (ends <= 1).then_some(at),
            silent_after: (ends == 2).then_some(at),
            ..Self::lasting(rng)
        }
    }

    /// How long the next piece is on its way.
    pub(super) fn pause(&self, rng: &mut Rng) -> Duration {
        if self.stall_one_in > 0 && rng.random_range(0..self.stall_one_in) == 0 {
            return self.stall_max.mul_f64(rng.random());
        }
        self.delay_max.mul_f64(rng.random())
    }
}

/// Random numbers of a seed.
pub(super) fn rng(seed: u64) -> Rng {
    StdRng::seed_from_u64(seed)
}
