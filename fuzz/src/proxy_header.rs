//! The header of the PROXY protocol.

use tickcast_server::testing::proxy_protocol::{
    FIXED_BYTES, Parsed, REST_MAX_BYTES, SIGNATURE, parse,
};

/// The first bytes of a connection.
pub fn proxy_header(bytes: &[u8]) {
    let whole = parse(bytes);
    match whole {
        Ok(Parsed::Complete(_, len)) => {
            assert!(bytes.starts_with(&SIGNATURE));
            assert!((FIXED_BYTES..=FIXED_BYTES + REST_MAX_BYTES).contains(&len));
            assert!(len <= bytes.len());
            // What follows the header changes nothing, and no byte of it is needed.
            assert_eq!(parse(&bytes[..len]), whole);
            assert!(
                matches!(parse(&bytes[..len - 1]), Ok(Parsed::Incomplete(needed)) if needed == len)
            );
        }
        Ok(Parsed::Incomplete(needed)) => {
            assert!(bytes.len() < needed && needed <= FIXED_BYTES + REST_MAX_BYTES);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // What was waited for stays possible: no beginning of a good header is refused.
    if whole.is_ok() {
        for len in 0..bytes.len().min(FIXED_BYTES) {
            assert!(matches!(parse(&bytes[..len]), Ok(Parsed::Incomplete(_))));
        }
    }
}
