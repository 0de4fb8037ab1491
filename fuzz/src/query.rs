//! The parameters of `/v1/...`.

use tickcast_protocol::topic::Filter;
use tickcast_server::testing::request::query;

/// A query, as in a URL.
pub fn query(bytes: &[u8]) {
    let query = String::from_utf8_lossy(bytes);
    let names = ["filter", "mode", "last_event_id"];
    let values = match query::split(&query, names) {
        Ok(values) => values,
        Err(reason) => return assert!(reason.len() < 1_000, "{reason}"),
    };
    for value in values.into_iter().flatten() {
        assert!(query.contains(value));
        if let Ok(text) = query::text(value) {
            assert!(text.len() <= value.len());
        }
        match query::filter(value) {
            Ok(filter) => {
                assert_eq!(Filter::new(filter.as_str()), Ok(filter.clone()));
                // Written with every byte as a code, it is read as the same filter.
                let codes = filter.as_str().bytes().map(|byte| format!("%{byte:02X}"));
                assert_eq!(query::filter(&codes.collect::<String>()), Ok(filter));
            }
            Err(reason) => assert!(!reason.is_empty() && reason.len() < 1_000, "{reason}"),
        }
    }
}
