//! What topic names and topic filters have in common, and why one is refused.

/// Longest topic name or filter, in bytes of UTF-8. MQTT allows 65,535. Every shard and every
/// client keeps each name once, so the limit bounds the memory that one client can make others use.
pub const TOPIC_MAX_BYTES: usize = 256;

/// Why a topic name or filter was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// MQTT 5.0, 4.7.3: at least one character.
    #[error("it is empty")]
    Empty,
    /// Longer than [`TOPIC_MAX_BYTES`].
    #[error("it has {0} bytes (limit {TOPIC_MAX_BYTES})")]
    TooLong(usize),
    /// MQTT 5.0, 4.7.3 forbids the null character. The other control characters are refused as
    /// well, because they garble terminals and logs.
    #[error("there is a control character at byte {0}")]
    ControlCharacter(usize),
    /// MQTT 5.0, 4.7.1: only filters may have wildcards.
    #[error("the wildcard at byte {0} is allowed in filters only")]
    WildcardInName(usize),
    /// MQTT 5.0, 4.7.1.3: `+` is alone in its level.
    #[error("the '+' at byte {0} shares its level with other characters")]
    PlusNotAlone(usize),
    /// MQTT 5.0, 4.7.1.2: `#` is alone in the last level.
    #[error("the '#' at byte {0} is not alone in the last level")]
    HashNotLast(usize),
}

/// Checks the rules that hold for names and filters alike.
pub(super) fn check_common(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > TOPIC_MAX_BYTES {
        return Err(TopicError::TooLong(text.len()));
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(TopicError::ControlCharacter(at)),
        None => Ok(()),
    }
}
