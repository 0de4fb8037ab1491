//! Which feed an update came from.

/// A feed's index in the settings.
pub type FeedId = u16;
