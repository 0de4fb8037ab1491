//! The ids of server-sent events, which a client sends to continue.

use tickcast_core::wire;

/// The header `Last-Event-ID`.
pub fn event_id(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(resume) = wire::parse_event_id(&text) {
        assert_eq!(wire::event_id(&resume), text);
    }
}
