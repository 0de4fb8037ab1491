//! Settings of the MQTT feed, and their bounds.

use std::time::Duration;

use tickcast_protocol::topic::Filter;

use super::url::{MqttUrl, Secret};

/// Settings of the MQTT feed.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttSettings {
    /// The broker's address.
    pub url: MqttUrl,
    /// The topics to subscribe to.
    pub filters: Vec<Filter>,
    /// The protocol version.
    pub version: MqttVersion,
    /// The highest quality of service (0 to 2) that the broker may use.
    pub qos: u8,
    /// The client id; a random one if it is not set.
    pub client_id: Option<String>,
    /// The user name; takes precedence over the one in the URL.
    pub user: Option<String>,
    /// The password; takes precedence over the one in the URL.
    pub password: Option<Secret>,
    /// Maximum length of a received packet, in bytes. A longer one ends a 3.1.1 connection. A
    /// broker of version 5 knows the limit and does not send such a packet.
    pub max_packet_bytes: usize,
    /// Time for which the broker keeps messages (of quality of service 1 and 2) for the feed while
    /// it is not connected. With 3.1.1, any time except zero means without end. Needs a client id.
    pub session_expiry: Duration,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self {
            url: MqttUrl {
                host: "localhost".into(),
                port: MqttUrl::DEFAULT_PORT,
                user: None,
                password: None,
            },
            filters: vec![Filter::all()],
            version: MqttVersion::V3,
            qos: 1,
            client_id: None,
            user: None,
            password: None,
            max_packet_bytes: 256 * 1024,
            session_expiry: Duration::ZERO,
        }
    }
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttVersion {
    /// 3.1.1, which every broker speaks.
    V3,
    /// 5.0
    V5,
}

/// Maximum number of filters in one feed. They are sent in one packet, which no broker should
/// refuse.
const FILTERS_MAX: usize = 1_024;

/// MQTT 5.0, section 1.5.5: the longest possible packet.
pub(crate) const PACKET_MAX_BYTES: usize = 268_435_455;

impl MqttSettings {
    pub(in crate::feed) fn check(&self) -> Result<(), String> {
        if self.filters.is_empty() || self.filters.len() > FILTERS_MAX {
            return Err(format!(
                "{} filters: use 1 to {FILTERS_MAX}",
                self.filters.len()
            ));
        }
        if self.qos > 2 {
            return Err(format!("quality of service {} is not 0, 1 or 2", self.qos));
        }
        if self.max_packet_bytes == 0 || self.max_packet_bytes > PACKET_MAX_BYTES {
            return Err(format!(
                "a maximum packet of {} bytes is not between 1 and {PACKET_MAX_BYTES}",
                self.max_packet_bytes
            ));
        }
        if self.session_expiry.as_secs() > u64::from(u32::MAX) {
            return Err("the session expiry is longer than 136 years".into());
        }
        if !self.session_expiry.is_zero() && self.client_id.is_none() {
            return Err("a session that outlives its connection needs a client id".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outside_their_bounds_are_refused() {
        let check = |change: fn(&mut MqttSettings), part: &str| {
            let mut settings = MqttSettings::default();
            settings.check().unwrap();
            change(&mut settings);
            let error = settings.check().unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check(|s| s.filters.clear(), "0 filters");
        check(|s| s.qos = 3, "quality of service 3");
        check(|s| s.max_packet_bytes = 0, "0 bytes");
        check(
            |s| s.session_expiry = Duration::from_secs(60),
            "needs a client id",
        );
    }
}
