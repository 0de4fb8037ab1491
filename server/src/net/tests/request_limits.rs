use std::{sync::Arc, time::Duration};

use hyper::{StatusCode, header::RETRY_AFTER};
use tickcast_core::{
    Now,
    identity::{Admitted, Seat, Standing},
    totals::Totals,
};
use tokio::time::advance;

use super::{body, ends, header, refused, routes, run};
use crate::{settings::ServerSettings, testing::identities::identity};

/// Requests per second, and as many at once.
const LIMIT: u32 = 4;

/// The time that one request lasts.
const PART: Duration = Duration::from_millis(250);

fn limited() -> ServerSettings {
    ServerSettings {
        requests_per_address_per_s: LIMIT,
        ..ServerSettings::default()
    }
}

#[test]
fn the_connections_of_an_address_send_as_many_requests_as_they_may_together() {
    run(async {
        let routes = routes(limited(), None);
        let totals = [(); 2].map(|()| Arc::<Totals>::default());
        let take = |totals| routes.take_of_address(totals, ends());
        for _ in 0..LIMIT {
            assert!(take(Some(&totals[0])).is_ok());
        }
        let answer = *take(Some(&totals[0])).unwrap_err();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&answer, RETRY_AFTER), "1");
        let told = body(answer).await;
        assert!(told.contains("all connections of your address"), "{told}");
        assert!(told.contains("(limit 4 per second)"), "{told}");
        assert_eq!(refused(&routes), [("address_requests", 1)]);
        assert!(take(Some(&totals[1])).is_ok(), "that is another address");
        advance(PART).await;
        assert!(take(Some(&totals[0])).is_ok());
        assert!(take(Some(&totals[0])).is_err());
        assert_eq!(refused(&routes), [("address_requests", 2)]);
    });
}

#[test]
fn an_address_that_is_not_counted_or_not_limited_sends_what_it_likes() {
    run(async {
        let totals = Arc::<Totals>::default();
        let (limited, free) = (
            routes(limited(), None),
            routes(ServerSettings::default(), None),
        );
        for _ in 0..=LIMIT {
            assert!(limited.take_of_address(None, ends()).is_ok());
            assert!(free.take_of_address(Some(&totals), ends()).is_ok());
        }
    });
}

#[test]
fn the_connections_of_an_identity_send_as_many_requests_as_it_may() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        let mut alice = Arc::unwrap_or_clone(identity("alice"));
        alice.limits.requests_per_s = Some(LIMIT);
        let now = Now {
            uptime: Duration::ZERO,
            wall_ns: 0,
        };
        let of_alice = |seat| {
            let identity = Arc::new(alice.clone());
            Standing::known(Admitted { identity, seat }, now)
        };
        let totals = Arc::<Totals>::default();
        let connections = [(); 2].map(|()| of_alice(Seat::new((), Arc::clone(&totals))));
        for number in 0..LIMIT as usize {
            let connection = &connections[number % 2];
            assert!(routes.take_of_identity(connection, ends()).is_ok());
        }
        let answer = *routes
            .take_of_identity(&connections[0], ends())
            .unwrap_err();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&answer, RETRY_AFTER), "1");
        let told = body(answer).await;
        assert!(
            told.contains("\"alice\" (role \"reader\") together"),
            "{told}"
        );
        assert_eq!(refused(&routes), [("identity_requests", 1)]);
        // These are not counted.
        for standing in [Standing::unknown(PART), of_alice(Seat::default())] {
            for _ in 0..=LIMIT {
                assert!(routes.take_of_identity(&standing, ends()).is_ok());
            }
        }
        advance(PART).await;
        assert!(routes.take_of_identity(&connections[1], ends()).is_ok());
    });
}
