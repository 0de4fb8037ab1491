//! How a shard asks the shell about a token.

use std::{any::Any, fmt, sync::Arc};

use super::known::Identity;
use crate::{now::Now, refusal::Refusal, totals::Totals};

/// Checks tokens. The core has no cryptography and no files.
pub trait Verify: fmt::Debug {
    /// The identity of a token, or why it has none. The reason never repeats the token.
    fn verify(&self, token: &str, now: Now) -> Result<Admitted, Refusal>;
}

/// An identity that may connect.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The identity.
    pub identity: Arc<Identity>,
    /// Its part in what is limited for all shards.
    pub seat: Seat,
}

/// Something that the shell counts while it exists, and what the identity uses.
#[derive(Clone, Default)]
pub struct Seat {
    held: Option<Arc<dyn Any + Send + Sync>>,
    totals: Option<Arc<Totals>>,
}

impl Seat {
    /// A seat that holds something until it is dropped. `totals` is what all connections of the
    /// identity use together.
    pub fn new(held: impl Any + Send + Sync, totals: Arc<Totals>) -> Self {
        Self {
            held: Some(Arc::new(held)),
            totals: Some(totals),
        }
    }

    /// What all connections of the identity use together, if it is counted.
    pub fn totals(&self) -> Option<&Arc<Totals>> {
        self.totals.as_ref()
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = if self.held.is_some() { "held" } else { "none" };
        f.debug_tuple("Seat").field(&held).finish()
    }
}
