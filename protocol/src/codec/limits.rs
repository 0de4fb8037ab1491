//! How long messages may be, and how much memory decoding one may take.

use super::error::CodecError;
use crate::message::{
    Candle, ChannelId, ChannelPosition, FilterRequest, Publication, Row, SubscribeResult,
    SubscriptionInfo, TopicId, TopicInfo, TopicStatus, Update,
};

/// Longest message of a client, in bytes of payload.
pub const CLIENT_MESSAGE_MAX_BYTES: usize = 64 * 1024;

/// Longest message of a server, in bytes of payload. The batch of one round may hold all updates of
/// a burst. A client should accept as much.
pub const SERVER_MESSAGE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// A decoded element takes at most this many times the bytes that it has on the wire.
pub(super) const DECODE_LIMIT_FACTOR: usize = 48;

/// Checks the factor for the elements of all lists. The argument is the fewest bytes that one
/// element can have on the wire.
const _: () = {
    const fn check<T>(wire_bytes: usize) {
        assert!(size_of::<T>() <= wire_bytes * DECODE_LIMIT_FACTOR);
    }
    check::<FilterRequest>(2);
    check::<Publication>(4);
    check::<ChannelId>(1);
    check::<SubscribeResult>(4);
    check::<TopicInfo>(6);
    check::<Update<TopicId>>(8);
    check::<ChannelPosition>(2);
    check::<SubscriptionInfo>(6);
    check::<TopicStatus<TopicId>>(3);
    check::<Candle>(12);
    check::<Row>(43);
};

/// Refuses a message of more than `limit` bytes.
pub(super) fn check_length(bytes: &[u8], limit: usize) -> Result<(), CodecError> {
    let actual = bytes.len();
    if actual > limit {
        return Err(CodecError::TooLong { actual, limit });
    }
    Ok(())
}
