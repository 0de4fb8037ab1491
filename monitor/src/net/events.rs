//! From the client's events to items for the window.

use std::time::Instant;

use tickcast_protocol::{
    client::{Disconnected, Event, NoAnswer, Unpublished, Why},
    error::{CloseCode, ErrorCode},
    message::{Mode, Start},
    topic::Topic,
};

use super::clock::clock_ns;
use crate::data::{
    connection_state::{ConnectionState, Obstacle},
    incoming::IncomingItem,
};

/// The item for an event, if the window needs one.
pub(super) fn incoming(event: Event, attempt: u32) -> Option<IncomingItem> {
    Some(match event {
        Event::Connecting { attempt } => {
            IncomingItem::Connection(ConnectionState::Connecting { attempt })
        }
        Event::Connected(welcome) => IncomingItem::Connection(ConnectionState::Connected {
            lineage: welcome.lineage(),
            server: welcome.server,
        }),
        Event::Disconnected(end) => IncomingItem::Connection(match end.retry_in {
            Some(wait) => ConnectionState::BackingOff {
                attempt: attempt + 1,
                until: Instant::now() + wait,
                obstacle: obstacle(&end.why),
                why: end.why.to_string(),
            },
            None => ConnectionState::Ended {
                obstacle: obstacle(&end.why),
                why: end.why.to_string(),
            },
        }),
        Event::Batch(batch) => IncomingItem::Batch {
            batch,
            received_ns: clock_ns(),
        },
        // A new epoch is part of the new connection.
        Event::Reset {
            start: Start::PositionAhead,
            ..
        } => IncomingItem::EpochChanged,
        Event::Truncated {
            filter, kept, lost, ..
        } => IncomingItem::Truncated { filter, kept, lost },
        Event::Clock(estimate) => IncomingItem::Clock(estimate),
        Event::Refused { filter, reason, .. } => IncomingItem::Refused { filter, reason },
        Event::ChainBroken { filter, error } => {
            IncomingItem::Notice(format!("Updates of {filter} were lost: {error}"))
        }
        Event::Error(error) => {
            IncomingItem::Notice(format!("The server reports: {}", error.reason))
        }
        Event::Ended {
            filter,
            position,
            reason,
        } => IncomingItem::Ended {
            filter,
            position,
            reason,
        },
        Event::Authenticated(told) => IncomingItem::Identity(told),
        Event::Draining(_) => IncomingItem::Notice(
            "The server is draining: it will close the connection soon.".to_owned(),
        ),
        Event::Accepted { filter, accepted } => {
            // A resumed subscription has its past, unless another one has told of a loss.
            let begins = !matches!(accepted.start, Start::Resumed | Start::Existing);
            let topic = Topic::new(filter.as_str()).ok();
            match topic.filter(|_| begins && accepted.mode == Mode::Every) {
                Some(topic) => IncomingItem::Accepted {
                    topic,
                    position: accepted.position,
                },
                None => IncomingItem::Granted {
                    filter,
                    mode: accepted.mode,
                    position: Some(accepted.position),
                },
            }
        }
        Event::Changed { filter, mode, .. } => IncomingItem::Granted {
            filter,
            mode,
            position: None,
        },
        Event::Status {
            topics, statuses, ..
        } => IncomingItem::Statuses { topics, statuses },
        Event::History(history) => IncomingItem::History {
            id: history.id,
            updates: history.updates,
            more: history.more,
        },
        Event::NoHistory { id, why } => IncomingItem::NoHistory {
            id,
            is_final: matches!(why, NoAnswer::Refused(error) if !error.temporary),
        },
        Event::Candles(candles) => IncomingItem::Candles(candles),
        Event::Published(published) => IncomingItem::Published {
            id: published.id,
            answer: Ok(published.position),
        },
        Event::Unpublished { id, why } => IncomingItem::Published {
            id,
            answer: Err(unpublished(why)),
        },
        // The seqs of the next updates show the loss of each topic in a gap.
        Event::Gap { .. }
        | Event::Reset { .. }
        | Event::Unsubscribed { .. }
        | Event::Expiring(_)
        | Event::Heartbeat(_)
        | Event::Subscriptions(_) => return None,
    })
}

/// The words of a server's answer to a handshake that it does not accept.
const NOT_SWITCHED: &str = "expected 101 Switching Protocols";

/// What stands in the way of a connection that has ended for this reason.
fn obstacle(why: &Why) -> Obstacle {
    match why {
        Why::Connect(problem) if problem.contains(NOT_SWITCHED) => Obstacle::Refused,
        Why::Connect(_) => Obstacle::Unreachable,
        Why::NoToken(_) | Why::Closed(_) => Obstacle::Refused,
        Why::ByCaller | Why::Draining | Why::Silent(_) | Why::Lost(_) | Why::Protocol(_) => {
            Obstacle::Lost
        }
    }
}

/// The words for a server that has got no token, or none that it accepts.
const WANTS_TOKEN: &str = "this server wants a token";

/// What is wrong with the login, if an event tells something about it. `is_told`: the connection
/// has told it already, more exactly than its end does.
pub(super) fn login_problem(event: &Event, is_told: bool) -> Option<String> {
    match event {
        Event::Refused { code, .. } if *code == ErrorCode::NotAuthenticated => {
            Some(WANTS_TOKEN.to_owned())
        }
        Event::Error(error) if error.code == ErrorCode::TokenRefused => Some(error.reason.clone()),
        Event::Disconnected(Disconnected { why, .. }) => match why {
            Why::NoToken(problem) => Some(problem.clone()),
            Why::Closed(reason) if reason.code == CloseCode::NotAuthenticated.number() => {
                (!is_told).then(|| WANTS_TOKEN.to_owned())
            }
            Why::Closed(reason) if CloseCode::is_about_token(reason.code) => {
                Some(reason.to_string())
            }
            Why::Connect(problem) if problem.contains("401 Unauthorized") => Some(problem.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Why a value was not published, in words.
fn unpublished(why: Unpublished) -> String {
    match why {
        Unpublished::NotConnected => "there is no connection: nothing was sent".to_owned(),
        Unpublished::TooLong { bytes, limit } => {
            format!("the request has {bytes} bytes (limit {limit}): nothing was sent")
        }
        Unpublished::Unknown => {
            "the connection was lost before the answer: the server may have it".to_owned()
        }
        Unpublished::Refused(error) => format!("refused: {}", error.reason),
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{client::CloseReason, topic::Filter};

    use super::*;

    fn closed(code: CloseCode, reason: &str) -> Event {
        Event::Disconnected(Disconnected {
            why: Why::Closed(CloseReason {
                code: code.number(),
                reason: reason.to_owned(),
            }),
            retry_in: None,
        })
    }

    #[test]
    fn the_end_of_a_connection_does_not_hide_what_was_told_about_the_login() {
        let refused = Event::Refused {
            filter: Filter::all(),
            code: ErrorCode::NotAuthenticated,
            reason: "not authenticated".to_owned(),
        };
        let told = login_problem(&refused, false);
        assert_eq!(told.as_deref(), Some("this server wants a token"));
        let end = closed(CloseCode::NotAuthenticated, "not authenticated");
        assert_eq!(login_problem(&end, true), None);
        assert_eq!(login_problem(&end, false), told, "it says the same alone");
        // Other ends say what has changed since.
        let expired = closed(CloseCode::TokenExpired, "token expired");
        let told = login_problem(&expired, true).unwrap();
        assert!(told.contains("4002"), "{told}");
    }
}
