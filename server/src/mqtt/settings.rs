//! What a client is made with.

use std::time::Duration;

use rand::RngExt;

use super::{
    publishing::MakeWill,
    url::{MqttUrl, Secret},
    version::MqttVersion,
};
use crate::tls::ClientTls;

/// What a client is made with. The owner has checked it.
pub(crate) struct ClientSettings {
    pub(crate) url: MqttUrl,
    pub(crate) version: MqttVersion,
    /// They have precedence over those of the URL.
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    /// Random if there is none.
    pub(crate) client_id: Option<String>,
    /// How long the broker keeps the session; zero for no session.
    pub(crate) session_expiry: Duration,
    /// Whether messages that the broker has not acknowledged are published again on the next
    /// connection. If there is a session, it begins and ends with the client.
    pub(crate) keeps_outgoing: bool,
    /// Longest packet that is read.
    pub(crate) packet_max_bytes: usize,
    /// Highest quality of service of subscriptions.
    pub(crate) qos: u8,
    pub(crate) tls: ClientTls,
    /// Makes the will of each connection.
    pub(crate) make_will: Option<MakeWill>,
}

impl ClientSettings {
    /// User name and password.
    pub(super) fn login(&self) -> Option<(String, String)> {
        let user = self.user.as_ref().or(self.url.user.as_ref())?;
        let password = self.password.as_ref().or(self.url.password.as_ref());
        let password = password.map(|secret| secret.0.clone());
        Some((user.clone(), password.unwrap_or_default()))
    }

    /// A random id. MQTT 3.1.1, section 3.1.3.1: every broker accepts up to 23 letters and digits.
    pub(super) fn random_id() -> String {
        format!("tickcast{:012x}", rand::rng().random::<u64>() >> 16)
    }
}
