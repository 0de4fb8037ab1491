//! Tests of tokens in requests.

use super::{
    super::bearer::{BearerError, is_in_query, token},
    headers,
};

fn found(fields: &[(&'static str, &str)]) -> Result<Option<String>, BearerError> {
    token(&headers(fields), None).map(|token| token.map(str::to_owned))
}

#[test]
fn a_token_comes_in_the_header_or_in_a_subprotocol() {
    let some = |token: &str| Ok(Some(token.to_owned()));
    assert_eq!(found(&[]), Ok(None));
    for value in ["Bearer abc.d-e_f", "bearer abc.d-e_f", "BEARER  abc.d-e_f "] {
        assert_eq!(
            found(&[("authorization", value)]),
            some("abc.d-e_f"),
            "{value}"
        );
    }
    let offers = "tickcast.v1.json, tickcast.bearer.abc";
    assert_eq!(found(&[("sec-websocket-protocol", offers)]), some("abc"));
    // A proxy's own login.
    assert_eq!(found(&[("authorization", "Basic YTpi")]), Ok(None));
}

#[test]
fn two_tokens_and_a_header_without_one_are_refused() {
    for value in ["Bearer", "Bearer ", "Bearer a b"] {
        assert_eq!(
            found(&[("authorization", value)]),
            Err(BearerError::Malformed),
            "{value}"
        );
    }
    for offers in [
        "tickcast.bearer.",
        "tickcast.v1.json, tickcast.bearer.a b",
        "tickcast.bearer.\u{e9}",
    ] {
        let fields = [("sec-websocket-protocol", offers)];
        assert_eq!(found(&fields), Err(BearerError::Malformed), "{offers}");
    }
    // A subprotocol of others may be any text.
    let other = [("sec-websocket-protocol", "other-\u{e9}-tickcast.bearer")];
    assert_eq!(found(&other), Ok(None));
    let header = ("authorization", "Bearer a");
    let offer = ("sec-websocket-protocol", "tickcast.bearer.b");
    for fields in [[header, header], [header, offer], [offer, offer]] {
        assert_eq!(found(&fields), Err(BearerError::Several), "{fields:?}");
    }
}

#[test]
fn a_token_in_the_url_is_refused_and_not_repeated() {
    for query in ["token=secret", "a=b&access_token=secret", "%74oken=secret"] {
        let error = token(&headers(&[]), Some(query)).unwrap_err();
        assert!(matches!(error, BearerError::InUrl(_)), "{query}");
        assert!(!error.to_string().contains("secret"));
        assert_eq!(error.status(), hyper::StatusCode::BAD_REQUEST);
    }
    assert_eq!(token(&headers(&[]), Some("filter=token")), Ok(None));
}

#[test]
fn a_token_in_a_query_is_known_wherever_it_stands() {
    let token = "tct_0123456789abcdef0123456789abcdef";
    for query in [
        format!("token={token}"),
        format!("subject=a&{token}"),
        "subject=%74ct_0123456789abcdef0123".to_owned(),
        "token=tck_0123456789abcdef0123".to_owned(),
        "a=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl".to_owned(),
    ] {
        assert!(is_in_query(&query), "{query}");
    }
    for query in ["", "token=9f86d081884c", "subject=tct_a", "subject=eyJ"] {
        assert!(!is_in_query(query), "{query}");
    }
}
