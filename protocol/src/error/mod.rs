//! The registry of error codes and of close codes. A number never gets a second meaning.

mod registry;

mod close_code;
mod error_code;

pub use close_code::CloseCode;
pub use error_code::ErrorCode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_meaning_and_each_meaning_one_number() {
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(code));
        }
        for &code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
        }
    }

    #[test]
    fn close_codes_tell_whether_to_reconnect() {
        for (code, expected) in [
            (CloseCode::Normal, false),
            (CloseCode::GoingAway, true),
            (CloseCode::ServiceRestart, true),
            (CloseCode::ProtocolError, false),
            (CloseCode::WriteTimeout, true),
            (CloseCode::RateLimit, false),
        ] {
            assert_eq!(
                CloseCode::should_reconnect(code.number()),
                expected,
                "{code}"
            );
        }
    }
}
