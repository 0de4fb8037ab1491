//! What a role and a token allow, against a model that tries every topic.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, sample::select};
use tickcast_core::{
    identity::{Authority, Claims, Denied, Limits, Narrowing, Revocations, Revoked, Role, Who},
    permissions::{Access, Action, Permissions},
};
use tickcast_protocol::{
    error::ErrorCode,
    topic::{Filter, Topic},
};

use super::{authority, bench, claims, filters, generous, model, pattern};

fn level() -> impl Strategy<Value = &'static str> {
    select(&["a", "b", "al", "$x"][..])
}

pub(super) fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..4).prop_map(|levels| levels.join("/"))
}

pub(super) fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 2 => Just("+")];
    let levels = prop::collection::vec(level, 0..4);
    (levels, any::<bool>()).prop_map(|(mut levels, has_hash)| {
        if has_hash || levels.is_empty() {
            levels.push("#");
        }
        levels.join("/")
    })
}

fn role_pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        filter(),
        filter().prop_map(|filter| filter.replace("al", "{sub}"))
    ]
}

fn all_topics() -> Vec<String> {
    let levels = ["a", "b", "al", "$x", "other"];
    let mut topics: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
    for depth in 1..4 {
        let longer = topics
            .iter()
            .filter(|topic| topic.split('/').count() == depth);
        let longer: Vec<_> = longer
            .flat_map(|topic| levels.iter().map(move |level| format!("{topic}/{level}")))
            .collect();
        topics.extend(longer);
    }
    topics
}

proptest! {
    #[test]
    fn a_token_narrows_its_role_and_never_widens_it(
        role in prop::collection::vec(role_pattern(), 0..4),
        token in prop::option::of(prop::collection::vec(filter(), 0..4)),
        wanted in filter(),
        topic in topic(),
    ) {
        let authority = Authority {
            roles: BTreeMap::from([("r".into(), Role {
                name: "r".into(),
                subscribe: role.iter().map(|text| pattern(text)).collect(),
                history: None,
                publish: role.iter().map(|text| pattern(text)).collect(),
                limits: Limits::default(),
            })]),
            revocations: Revocations::default(),
        };
        let claims = Claims {
            narrowing: Narrowing {
                subscribe: token.as_deref().map(filters),
                history: None,
                publish: token.as_deref().map(filters),
                limits: Limits::default(),
            },
            ..claims("al", "r", None)
        };
        let identity = authority.admit(claims, 0).unwrap();
        // The settings allow everything, also what starts with `$`.
        let everything = filters(&["#".to_owned(), "$x/#".to_owned()]);
        let settings = Permissions { subscribe: everything.clone(), publish: everything };
        let check = |action| {
            settings.check(Access::READER, Who::Known(&identity), action).is_ok()
        };
        let expected = |topic: &str| model(&role, token.as_deref(), topic);
        let name = Topic::new(&topic).unwrap();
        prop_assert_eq!(check(Action::ReadHistory(&name)), expected(&topic));
        prop_assert_eq!(check(Action::PublishTo(&name)), expected(&topic));
        let exact = Filter::new(&topic).unwrap();
        prop_assert_eq!(check(Action::Subscribe(&exact)), expected(&topic));
        // The message to the client says the same.
        let told = identity.told(None);
        prop_assert_eq!(model(&told.subscribe, None, &topic), expected(&topic));
        let wanted = Filter::new(&wanted).unwrap();
        if check(Action::Subscribe(&wanted)) {
            for topic in all_topics().iter().filter(|topic| wanted.matches(topic)) {
                prop_assert!(expected(topic), "{wanted} would give {topic}");
            }
        }
    }
}

#[test]
fn a_refusal_names_what_is_allowed() {
    let bench = bench(generous());
    let identity = bench.identity("al", "own");
    let settings = Permissions::default();
    let check = |action| {
        let result = settings.check(Access::READER, Who::Known(&identity), action);
        result.map_err(|refusal| (refusal.code, refusal.reason))
    };
    let refused = check(Action::Subscribe(&Filter::all())).unwrap_err();
    let reason = "subscribing to \"#\" is not allowed for \"al\" (role \"own\"); allowed: \"a/1\", \
                  \"b/al/+\"";
    assert_eq!(refused, (ErrorCode::SubscribeForbidden, reason.to_owned()));
    let unknown = settings.check(Access::READER, Who::Unknown, Action::Publish);
    assert_eq!(unknown.unwrap_err().code, ErrorCode::NotAuthenticated);
}

#[test]
fn a_revoked_token_or_subject_is_denied_until_the_revocation_is_lifted() {
    let mut authority = authority();
    let admit = |authority: &Authority, subject| {
        let admitted = authority.admit(claims(subject, "all", None), 0);
        admitted.map(|_| ())
    };
    let token = Revoked::Token("al-all".into());
    assert_eq!(authority.revocations.add(token.clone()), Some(true));
    assert_eq!(authority.revocations.add(token.clone()), Some(false));
    assert_eq!(admit(&authority, "al"), Err(Denied::Revoked));
    assert_eq!(admit(&authority, "bo"), Ok(()));
    assert!(authority.revocations.lift(&token));
    assert_eq!(admit(&authority, "al"), Ok(()));
    authority.revocations.add(Revoked::Subject("bo".into()));
    assert_eq!(admit(&authority, "bo"), Err(Denied::Revoked));
    let left: BTreeSet<_> = authority.revocations.iter().cloned().collect();
    assert_eq!(left, BTreeSet::from([Revoked::Subject("bo".into())]));
}
