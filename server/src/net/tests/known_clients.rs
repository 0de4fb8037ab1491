use hyper::{
    Method, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use tickcast_core::identity::Who;
use tokio::time::{Duration, advance};

use super::{
    body, ends, header,
    identities::{ANONYMOUS, alice, request, subject},
    refused, routes, run,
};
use crate::settings::ServerSettings;

const PATH: &str = "/v1/latest";

#[test]
fn a_server_without_identities_asks_for_none() {
    run(async {
        let routes = routes(ServerSettings::default(), None);
        for token in [None, Some("tct_any")] {
            let request = request(Method::GET, PATH, token);
            assert!(matches!(routes.standing(&request, ends()), Ok(None)));
            assert!(matches!(routes.known(&request, ends()), Ok(None)));
        }
        assert_eq!(refused(&routes), []);
    });
}

#[test]
fn a_client_is_known_by_its_token_and_no_other_token_is_taken() {
    run(async {
        let (auth, token) = alice("", "");
        let routes = routes(ServerSettings::default(), Some(auth));
        let shown = request(Method::GET, PATH, Some(&token));
        for standing in [
            routes.standing(&shown, ends()),
            routes.known(&shown, ends()),
        ] {
            assert_eq!(subject(standing.unwrap().as_ref()), Some("alice"));
        }
        assert_eq!(refused(&routes), []);
        let wrong = request(Method::GET, PATH, Some("tct_wrong"));
        for refusal in [
            routes.standing(&wrong, ends()).unwrap_err(),
            routes.known(&wrong, ends()).unwrap_err(),
        ] {
            assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
            let challenge = header(&refusal, WWW_AUTHENTICATE);
            assert_eq!(
                challenge,
                "Bearer realm=\"tickcast\", error=\"invalid_token\""
            );
            assert!(body(*refusal).await.contains("the token is unknown"));
        }
        assert_eq!(refused(&routes), [("token", 2)]);
        let in_url = request(Method::GET, &format!("{PATH}?token={token}"), None);
        let refusal = routes.standing(&in_url, ends()).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        assert_eq!(header(&refusal, WWW_AUTHENTICATE), "");
        assert_eq!(refused(&routes), [("token", 3)]);
    });
}

#[test]
fn a_client_without_a_token_may_show_it_later_only_where_it_can() {
    run(async {
        let (auth, _) = alice("", "");
        let routes = routes(ServerSettings::default(), Some(auth));
        let request = request(Method::GET, PATH, None);
        let standing = routes.standing(&request, ends()).unwrap().unwrap();
        assert!(matches!(standing.who(), Who::Unknown));
        assert_eq!(refused(&routes), []);
        let refusal = routes.known(&request, ends()).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
        let challenge = header(&refusal, WWW_AUTHENTICATE);
        assert_eq!(challenge, "Bearer realm=\"tickcast\"");
        let told = body(*refusal).await;
        assert!(told.contains("this server needs a token"), "{told}");
        assert_eq!(refused(&routes), [("token", 1)]);
    });
}

#[test]
fn a_client_without_a_token_is_known_where_such_clients_have_a_role() {
    run(async {
        let (auth, _) = alice("", ANONYMOUS);
        let routes = routes(ServerSettings::default(), Some(auth));
        let standing = routes.known(&request(Method::GET, PATH, None), ends());
        assert_eq!(subject(standing.unwrap().as_ref()), Some(""));
        assert_eq!(refused(&routes), []);
    });
}

#[test]
fn an_identity_with_all_its_connections_is_told_to_come_later() {
    run(async {
        let (auth, token) = alice("connections = 1", "");
        let routes = routes(ServerSettings::default(), Some(auth));
        let request = request(Method::GET, PATH, Some(&token));
        let first = routes.known(&request, ends()).unwrap();
        let refusal = routes.known(&request, ends()).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&refusal, RETRY_AFTER), "5");
        assert_eq!(header(&refusal, WWW_AUTHENTICATE), "");
        assert_eq!(refused(&routes), [("identity_connections", 1)]);
        drop(first);
        assert!(routes.known(&request, ends()).is_ok());
    });
}

#[test]
fn each_request_that_shows_a_token_is_one_of_its_identity() {
    run(async {
        let (auth, token) = alice("requests_per_s = 1", "");
        let routes = routes(ServerSettings::default(), Some(auth));
        let request = request(Method::GET, PATH, Some(&token));
        assert!(routes.known(&request, ends()).is_ok());
        let refusal = routes.known(&request, ends()).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused(&routes), [("identity_requests", 1)]);
        advance(Duration::from_secs(1)).await;
        assert!(routes.known(&request, ends()).is_ok());
    });
}
