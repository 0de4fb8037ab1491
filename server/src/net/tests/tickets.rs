use std::rc::Rc;

use hyper::{
    Method, StatusCode,
    header::{ALLOW, CACHE_CONTROL, RETRY_AFTER},
};
use serde_json::Value;

use super::{
    body, ends, header,
    identities::{ANONYMOUS, alice, request, subject},
    refused, routes, run,
};
use crate::{net::routes::Routes, settings::ServerSettings};

const TICKET: &str = "/v1/ticket";

/// A server that knows alice, and her token.
fn server(members: &str, more: &str) -> (Rc<Routes>, String) {
    let (auth, token) = alice(members, more);
    (routes(ServerSettings::default(), Some(auth)), token)
}

/// The path of an event stream with a ticket for alice.
async fn stream(routes: &Routes, token: &str) -> String {
    let answer = routes.ticket(&request(Method::POST, TICKET, Some(token)), ends());
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, CACHE_CONTROL), "no-store");
    let told: Value = serde_json::from_str(&body(answer).await).unwrap();
    assert_eq!(told["expires_in_ms"], 30_000);
    format!("/v1/stream?ticket={}", told["ticket"].as_str().unwrap())
}

#[test]
fn a_ticket_stands_for_its_identity_once() {
    run(async {
        let (routes, token) = server("", "");
        let uri = stream(&routes, &token).await;
        let request = request(Method::GET, &uri, None);
        let standing = routes.known_for_stream(&request, ends()).unwrap();
        assert_eq!(subject(standing.as_ref()), Some("alice"));
        assert_eq!(refused(&routes), []);
        let refusal = routes.known_for_stream(&request, ends()).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
        assert!(body(*refusal).await.contains("was used before"));
        assert_eq!(refused(&routes), [("ticket", 1)]);
    });
}

#[test]
fn a_ticket_is_posted_for() {
    run(async {
        let (routes, token) = server("", "");
        let ask = |method| routes.ticket(&request(method, TICKET, Some(&token)), ends());
        let options = ask(Method::OPTIONS);
        assert_eq!(options.status(), StatusCode::NO_CONTENT);
        assert_eq!(header(&options, ALLOW), "POST, OPTIONS");
        assert_eq!(refused(&routes), []);
        let other = ask(Method::GET);
        assert_eq!(other.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&other, ALLOW), "POST, OPTIONS");
        assert_eq!(refused(&routes), [("method", 1)]);
    });
}

#[test]
fn only_a_client_that_shows_a_token_gets_a_ticket() {
    run(async {
        let (routes, _) = server("", "");
        let ask = |token| routes.ticket(&request(Method::POST, TICKET, token), ends());
        for token in [None, Some("tct_wrong")] {
            assert_eq!(ask(token).status(), StatusCode::UNAUTHORIZED, "{token:?}");
        }
        assert_eq!(refused(&routes), [("token", 2)]);
        let (routes, _) = server("", ANONYMOUS);
        let answer = routes.ticket(&request(Method::POST, TICKET, None), ends());
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(body(answer).await.contains("needs no ticket"));
        assert_eq!(refused(&routes), [("ticket", 1)]);
    });
}

#[test]
fn a_server_without_identities_has_no_tickets_and_ignores_them() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        let answer = routes.ticket(&request(Method::POST, TICKET, None), ends());
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let stream = request(Method::GET, "/v1/stream?ticket=tck_any", None);
        assert!(matches!(routes.known_for_stream(&stream, ends()), Ok(None)));
    });
}

#[test]
fn an_identity_gets_a_hundred_tickets_and_is_then_told_to_come_later() {
    run(async {
        let (routes, token) = server("", "");
        for _ in 0..100 {
            stream(&routes, &token).await;
        }
        let answer = routes.ticket(&request(Method::POST, TICKET, Some(&token)), ends());
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&answer, RETRY_AFTER), "5");
        assert_eq!(refused(&routes), [("ticket", 1)]);
    });
}

#[test]
fn an_event_stream_without_a_ticket_needs_a_token() {
    run(async {
        let (routes, token) = server("", "");
        // The value of another parameter is no ticket.
        let uri = "/v1/stream?filter=ticket";
        let shown = request(Method::GET, uri, Some(&token));
        let standing = routes.known_for_stream(&shown, ends()).unwrap();
        assert_eq!(subject(standing.as_ref()), Some("alice"));
        let refusal = routes.known_for_stream(&request(Method::GET, uri, None), ends());
        assert_eq!(refusal.unwrap_err().status(), StatusCode::UNAUTHORIZED);
        assert_eq!(refused(&routes), [("token", 1)]);
    });
}

#[test]
fn a_ticket_and_a_token_are_one_too_many_and_cost_the_client_neither() {
    run(async {
        let (routes, token) = server("", "");
        let uri = stream(&routes, &token).await;
        for (number, (uri, token)) in (1..).zip([
            (uri.clone(), Some(&*token)),
            (format!("{uri}&token={token}"), None),
        ]) {
            let refusal = routes.known_for_stream(&request(Method::GET, &uri, token), ends());
            assert_eq!(refusal.unwrap_err().status(), StatusCode::BAD_REQUEST);
            assert_eq!(refused(&routes), [("ticket", number)]);
        }
        let alone = request(Method::GET, &uri, None);
        assert!(routes.known_for_stream(&alone, ends()).is_ok());
    });
}

#[test]
fn a_ticket_counts_among_the_connections_and_the_requests_of_its_identity() {
    run(async {
        let (routes, token) = server("connections = 1", "");
        let uri = stream(&routes, &token).await;
        let held = routes.known(&request(Method::GET, "/", Some(&token)), ends());
        let refusal = routes.known_for_stream(&request(Method::GET, &uri, None), ends());
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&refusal, RETRY_AFTER), "5");
        assert_eq!(refused(&routes), [("identity_connections", 1)]);
        drop(held);

        let (routes, token) = server("requests_per_s = 1", "");
        let uri = stream(&routes, &token).await;
        let refusal = routes.known_for_stream(&request(Method::GET, &uri, None), ends());
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused(&routes), [("identity_requests", 1)]);
    });
}
