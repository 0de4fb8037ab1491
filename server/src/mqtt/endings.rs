//! Why a connection has ended, by how those before it did.

use std::time::Duration;

use super::client::ClientError;

/// A connection that the broker ends earlier has not worked: it is about the longest wait before a
/// client that was thrown out is back.
const SHORT: Duration = Duration::from_secs(30);

/// Short connections in a row that are no accident.
const SHORT_IN_A_ROW: u32 = 3;

/// The connections that were short.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    short_in_a_row: u32,
}

impl Endings {
    /// The reason in words. `lasted` is how long the connection worked, if the broker had accepted
    /// it.
    pub(crate) fn reason(
        &mut self,
        error: ClientError,
        lasted: Option<Duration>,
        client_id: &str,
    ) -> String {
        let is_short = lasted.is_some_and(|lasted| lasted < SHORT);
        let ClientError {
            reason,
            is_taken_over,
            is_unexplained,
            ..
        } = error;
        self.short_in_a_row = match is_short && is_unexplained {
            true => self.short_in_a_row + 1,
            false => 0,
        };
        let remedy = "give each client a client_id of its own";
        if is_taken_over {
            format!("{reason}: another client has connected with the id {client_id:?}; {remedy}")
        } else if self.short_in_a_row >= SHORT_IN_A_ROW {
            let times = self.short_in_a_row;
            format!(
                "{reason} {times} times in a row soon after it had accepted it: another client may \
                 use the id {client_id:?} ({remedy}), or the broker may not allow a filter"
            )
        } else {
            reason
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(is_taken_over: bool, is_unexplained: bool) -> ClientError {
        ClientError {
            is_taken_over,
            is_unexplained,
            ..String::from("it ended").into()
        }
    }

    #[test]
    fn a_client_id_in_use_twice_is_named_as_the_reason() {
        let mut endings = Endings::default();
        let second = Some(Duration::from_secs(1));
        let reason = endings.reason(ended(true, false), second, "me");
        assert!(
            reason.contains("has connected with the id \"me\""),
            "{reason}"
        );
        for _ in 1..SHORT_IN_A_ROW {
            assert_eq!(endings.reason(ended(false, true), second, "me"), "it ended");
        }
        let reason = endings.reason(ended(false, true), second, "me");
        assert!(reason.contains("3 times in a row"), "{reason}");
        assert!(reason.contains("may use the id \"me\""), "{reason}");
    }

    #[test]
    fn other_ends_are_not_blamed_on_another_client() {
        let mut endings = Endings::default();
        for _ in 0..2 * SHORT_IN_A_ROW {
            let long = Some(SHORT);
            assert_eq!(endings.reason(ended(false, true), long, "me"), "it ended");
            assert_eq!(endings.reason(ended(false, true), None, "me"), "it ended");
            let second = Some(Duration::from_secs(1));
            assert_eq!(
                endings.reason(ended(false, false), second, "me"),
                "it ended"
            );
        }
    }
}
