//! What `--try-decode` prints: the rule for a payload, and what the payload becomes.

use std::{fmt::Write, sync::Arc};

use crate::{
    clock::wall_ns,
    feed::decode::{DecodeRule, Decoder},
};

/// The text for a payload of a topic.
pub(super) fn text(rules: &Arc<[DecodeRule]>, topic: &str, payload: &[u8]) -> String {
    let mut decoder = Decoder::new(Arc::clone(rules));
    let mut text = match decoder.rule(topic, payload) {
        Ok(Some(index)) => {
            let (number, filter) = (index + 1, &rules[index].filter);
            format!("rule {number} of {}, for {filter}\n", rules.len())
        }
        Ok(None) => "no rule matches: auto\n".to_owned(),
        Err(_) => "no rule applies\n".to_owned(),
    };
    // Writing to a String cannot fail.
    let _ = match decoder.decode(topic, payload, wall_ns()) {
        Ok(decoded) => write!(text, "{decoded}"),
        Err(error) => writeln!(text, "cannot be read: {error}"),
    };
    text
}
