//! The two encodings and their names.

/// The WebSocket subprotocol of bincode in binary frames.
pub const SUBPROTOCOL_BINCODE: &str = "tickcast.v1.bincode";

/// The WebSocket subprotocol of JSON in text frames.
pub const SUBPROTOCOL_JSON: &str = "tickcast.v1.json";

/// How messages are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// bincode 2, standard configuration, in binary frames.
    Bincode,
    /// JSON in text frames.
    Json,
}

impl Encoding {
    /// The name for the negotiation of the subprotocol.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Bincode => SUBPROTOCOL_BINCODE,
            Self::Json => SUBPROTOCOL_JSON,
        }
    }

    /// The encoding of a subprotocol, if there is one of this name.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        [Self::Bincode, Self::Json]
            .into_iter()
            .find(|encoding| encoding.subprotocol() == name)
    }
}
