//! What a token says, after the shell has checked that it is genuine.

use std::sync::Arc;

use tickcast_protocol::message::TimeNs;

use super::rights::Narrowing;

/// Where claims come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The client has shown no token.
    Anonymous,
    /// A token of the settings.
    Listed,
    /// A token that was signed with the key of this id.
    Signed(Arc<str>),
}

/// What a token says; see the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// Where they come from.
    pub source: Source,
    /// The identity; empty for a client without a token.
    pub subject: Arc<str>,
    /// The token's own id.
    pub token_id: Option<Arc<str>>,
    /// The name of the role.
    pub role: Arc<str>,
    /// What the token leaves of the role.
    pub narrowing: Narrowing,
    /// When the token expires, in ns since the Unix epoch.
    pub expires_ns: Option<TimeNs>,
}

impl Claims {
    /// The claims of a client without a token.
    pub fn anonymous(role: Arc<str>) -> Self {
        Self {
            source: Source::Anonymous,
            subject: "".into(),
            token_id: None,
            role,
            narrowing: Narrowing::default(),
            expires_ns: None,
        }
    }

    /// Whether the client has shown no token.
    pub fn is_anonymous(&self) -> bool {
        self.source == Source::Anonymous
    }
}
