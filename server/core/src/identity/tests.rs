//! Claims become identities, and later changes end them or change them.

use std::{sync::Arc, time::Duration};

use tickcast_protocol::{message::TimeNs, topic::Filter};

use super::{rights::FILTERS_MAX, *};
use crate::now::Now;

const END: TimeNs = 1_000_000_000_000;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    let new = |text: &&str| Pattern::new(text).expect("a pattern");
    texts.iter().map(new).collect()
}

fn role(name: &str, subscribe: Vec<Pattern>) -> Role {
    Role {
        name: name.into(),
        subscribe,
        history: None,
        publish: Vec::new(),
        limits: Limits::default(),
    }
}

fn claims(role: &str, subject: &str) -> Claims {
    Claims {
        source: Source::Listed,
        subject: subject.into(),
        token_id: Some("t1".into()),
        role: role.into(),
        narrowing: Narrowing::default(),
        expires_ns: Some(END),
    }
}

fn authority() -> Authority {
    let roles = [
        role("all", patterns(&["#"])),
        role("own", patterns(&["plant/{sub}/#"])),
    ];
    let by_name = roles.map(|role| (Arc::clone(&role.name), role));
    Authority {
        roles: by_name.into(),
        revocations: Revocations::default(),
    }
}

fn at(wall_ns: TimeNs) -> Now {
    Now {
        uptime: Duration::ZERO,
        wall_ns,
    }
}

fn many(count: usize) -> Vec<Filter> {
    let filter = |number: usize| Filter::new(&format!("a{number}/#")).expect("a filter");
    (0..count).map(filter).collect()
}

#[test]
fn a_subject_has_a_length_and_only_a_client_without_a_token_has_none() {
    let authority = authority();
    let admitted = |claims| authority.admit(claims, 0).map(|it| it.rights.subscribe);
    let everything = Ok(vec![Filter::all()]);
    let longest = "s".repeat(SUBJECT_MAX_BYTES);
    assert_eq!(admitted(claims("all", "a")), everything);
    assert_eq!(admitted(claims("all", &longest)), everything);
    let too_long = Err(Denied::Subject(SUBJECT_MAX_BYTES + 1));
    assert_eq!(admitted(claims("all", &format!("{longest}s"))), too_long);
    assert_eq!(admitted(claims("all", "")), Err(Denied::Subject(0)));
    assert_eq!(admitted(Claims::anonymous("all".into())), everything);
    assert!(Claims::anonymous("all".into()).is_anonymous());
    assert!(!claims("all", "a").is_anonymous());
}

#[test]
fn a_full_list_of_revocations_takes_no_other_and_keeps_those_it_has() {
    let mut revocations = Revocations::default();
    let token = |number: usize| Revoked::Token(number.to_string().into());
    for number in 0..REVOCATIONS_MAX {
        assert_eq!(revocations.add(token(number)), Some(true));
    }
    assert_eq!(revocations.add(token(7)), Some(false));
    assert_eq!(revocations.add(token(REVOCATIONS_MAX)), None);
    assert!(revocations.lift(&token(7)));
    assert!(!revocations.lift(&token(7)));
    assert_eq!(revocations.add(token(REVOCATIONS_MAX)), Some(true));
    assert_eq!(revocations.iter().count(), REVOCATIONS_MAX);
}

#[test]
fn a_review_keeps_changes_or_ends_an_identity() {
    let mut authority = authority();
    let own = || claims("own", "line-1");
    let identity = authority.admit(own(), 0).expect("an identity");
    assert_eq!(
        authority.review(&identity, Some(own()), 5),
        Review::Keep,
        "nothing has changed"
    );
    let ends = |review: Review| match review {
        Review::End(denied) => denied.to_string(),
        other => panic!("{other:?}"),
    };
    let reviewed = |authority: &Authority, claims| authority.review(&identity, claims, 5);
    assert!(ends(reviewed(&authority, None)).contains("revoked"));
    let expired = authority.review(&identity, Some(own()), END);
    assert!(ends(expired).contains("expired"));
    let no_role = ends(reviewed(&authority, Some(claims("boss", "line-1"))));
    assert!(no_role.contains("no role \"boss\""), "{no_role}");
    let unfit = ends(reviewed(&authority, Some(claims("own", "a/b"))));
    assert!(unfit.contains("\"plant/{sub}/#\""), "{unfit}");
    let empty = ends(reviewed(&authority, Some(claims("own", ""))));
    assert!(empty.contains("0 bytes"), "{empty}");
    let narrowed = Claims {
        narrowing: Narrowing {
            subscribe: Some(vec![Filter::new("plant/line-1/a").expect("a filter")]),
            ..Narrowing::default()
        },
        ..own()
    };
    match reviewed(&authority, Some(narrowed)) {
        Review::Change(now) => assert_eq!(now.rights.subscribe[0].as_str(), "plant/line-1/a"),
        other => panic!("{other:?}"),
    }
    authority.revocations.add(Revoked::Subject("line-1".into()));
    assert!(ends(reviewed(&authority, Some(own()))).contains("revoked"));
}

#[test]
fn lists_of_filters_are_bounded_in_roles_and_in_what_tokens_leave_of_them() {
    let numbered = |count: usize| {
        let texts: Vec<_> = many(count).iter().map(|f| f.as_str().to_owned()).collect();
        patterns(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let full = || numbered(FILTERS_MAX);
    let more = || numbered(FILTERS_MAX + 1);
    assert!(role("a", full()).is_bounded());
    assert!(!role("a", more()).is_bounded());
    let others = |history, publish| Role {
        history,
        publish,
        ..role("a", full())
    };
    assert!(others(Some(full()), full()).is_bounded());
    assert!(!others(Some(more()), full()).is_bounded());
    assert!(!others(None, more()).is_bounded());

    let rights = |count| Rights {
        subscribe: many(count),
        ..Rights::default()
    };
    let all = Narrowing {
        subscribe: Some(vec![Filter::all()]),
        ..Narrowing::default()
    };
    for by in [Narrowing::default(), all] {
        let left = rights(FILTERS_MAX).narrowed(&by).expect("few enough");
        assert_eq!(left.subscribe.len(), FILTERS_MAX);
        assert_eq!(rights(FILTERS_MAX + 1).narrowed(&by), None);
    }
    let denied = Denied::TooManyFilters.to_string();
    assert!(denied.contains(&format!("limit {FILTERS_MAX}")), "{denied}");
}

#[test]
fn a_warning_is_given_again_only_if_the_token_ends_at_another_time() {
    let authority = authority();
    let identity = |end| {
        let claims = Claims {
            expires_ns: Some(end),
            ..claims("all", "a")
        };
        Arc::new(authority.admit(claims, 0).expect("an identity"))
    };
    let admitted = Admitted {
        identity: identity(END),
        seat: Seat::default(),
    };
    let mut standing = Standing::known(admitted, at(0));
    let late = END - 1;
    assert_eq!(standing.due(at(late)), Some(Due::Warn { expires_ns: END }));
    standing.replace(identity(END), at(late));
    assert_eq!(standing.due(at(late)), None, "the client knows");
    standing.replace(identity(END + 1), at(late));
    let again = Due::Warn {
        expires_ns: END + 1,
    };
    assert_eq!(standing.due(at(late)), Some(again));
    assert_eq!(standing.due(at(END + 1)), Some(Due::Expired));
}

#[test]
fn a_seat_says_whether_it_holds_something_and_not_what() {
    assert_eq!(format!("{:?}", Seat::default()), "Seat(\"none\")");
    assert_eq!(
        format!("{:?}", Seat::new("secret", Arc::default())),
        "Seat(\"held\")"
    );
}
