//! The age of an update.

use tickcast_protocol::codec;

use crate::now::Now;

/// Time in ms since an update in bincode came to the server; 0 if the clock was set back.
pub(super) fn age_ms(bincode: &[u8], now: Now) -> u64 {
    let update = codec::decode_update_bincode(bincode).ok();
    let age_ns = update.map_or(0, |update| {
        // The clock may have been set since.
        now.wall_ns.saturating_sub(update.ingest_time_ns)
    });
    u64::try_from(age_ns / 1_000_000).unwrap_or(0)
}
