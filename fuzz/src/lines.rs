//! Lines that a program writes.

use std::sync::Arc;

use tickcast_server::testing::{decode::Decoder, lines::walk};

use super::{delivery::check_delivery, payload::NOW_NS};

/// What a program writes.
pub fn lines(bytes: &[u8]) {
    let walk = |piece| walk(bytes, piece, &mut Decoder::new(Arc::new([])), NOW_NS);
    let lines = walk(bytes.len());
    let count = bytes.split(|byte| *byte == b'\n').count();
    assert!(lines.len() <= count);
    for line in &lines {
        match line {
            Ok(decoded) => {
                for update in &decoded.updates {
                    check_delivery(&update.value, update.source_time_ns);
                }
            }
            Err(reason) => assert!(!reason.is_empty() && reason.len() < 1000),
        }
    }
    // The result is the same for any division into reads.
    for piece in [1, 7] {
        assert_eq!(walk(piece).len(), lines.len());
    }
}
