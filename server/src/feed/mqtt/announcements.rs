//! What an operator should know of a feed's settings at its start.

use super::{settings::MqttSettings, subscriptions::Subscriptions};
use crate::{feed::handover::Handover, mqtt::MqttVersion};

/// Logs it, and sets the metrics that say the same for as long as the feed runs.
pub(super) fn announce(settings: &MqttSettings, handover: &Handover) {
    let feed = handover.name();
    if settings.url.scheme.has_tls() && settings.tls.insecure {
        handover.metrics().tls_unverified.set(1);
        tracing::warn!(
            feed, broker = %settings.url,
            "the broker's certificate is not verified (tls_insecure): any machine between may read \
             and change messages"
        );
    }
    let has_session = !settings.session_expiry.is_zero();
    if !has_session {
        handover.metrics().unkept.set(1);
        tracing::info!(
            feed,
            "the broker keeps no messages while the feed is not connected: --mqtt-session-expiry 1h \
             with --mqtt-client-id and --mqtt-qos 1 makes it keep them"
        );
    } else if settings.qos == 0 {
        handover.metrics().unkept.set(1);
        tracing::warn!(
            feed,
            "the broker may keep no messages of quality of service 0 while the feed is not \
             connected: use --mqtt-qos 1"
        );
    }
    let subscriptions = Subscriptions::new(&settings.subscriptions());
    if settings.version == MqttVersion::V3
        && let Some((one, other)) = subscriptions.overlapping()
    {
        tracing::warn!(
            feed, %one, %other,
            "two filters match the same topics, and a broker may send those messages twice with \
             MQTT 3.1.1: use --mqtt-version 5, or filters that do not overlap"
        );
    }
}
