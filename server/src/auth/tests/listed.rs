//! Tokens of the file, and the file itself.

use std::{fs, path::Path};

use tickcast_core::identity::{Denied, Review, Revoked};

use crate::auth::{secret::make_token, state::State};

/// The token and the table that `--make-token` prints.
pub(super) fn made(subject: &str, role: &str) -> (String, String) {
    let text = make_token(subject, role);
    let (token, table) = text.split_once("\n\n").unwrap();
    (token.to_owned(), table.to_owned())
}

fn load(folder: &Path, text: &str) -> Result<State, Vec<String>> {
    let path = folder.join("identities.toml");
    fs::write(&path, text).unwrap();
    State::load(&path)
}

const ROLES: &str =
    "[roles.reader]\nsubscribe = [\"eu/#\"]\n[roles.own]\npublish = [\"{sub}/#\"]\n";

#[test]
fn a_made_token_is_known_and_no_other_is() {
    let folder = tempfile::tempdir().unwrap();
    let (token, table) = made("alice", "reader");
    let (other, _) = made("alice", "reader");
    assert!(token.starts_with("tct_") && token.len() == 47, "{token}");
    assert!(!table.contains(&token), "the file has only the hash");
    let state = load(folder.path(), &format!("{ROLES}{table}")).unwrap();
    let claims = state.claims(&token).unwrap();
    assert_eq!((&*claims.subject, &*claims.role), ("alice", "reader"));
    let identity = state.authority.admit(claims, 0).unwrap();
    assert_eq!(identity.rights.subscribe[0].as_str(), "eu/#");
    let (_, hash) = table.split_once("sha256 = \"").unwrap();
    let (hash, _) = hash.split_once('"').unwrap();
    for wrong in [
        other.as_str(),
        hash,
        "",
        "tct_",
        &token[1..],
        &format!("{token}x"),
    ] {
        assert_eq!(state.claims(wrong).unwrap_err(), "the token is unknown");
    }
    let longest = state.claims(&"x".repeat(4_096)).unwrap_err();
    assert_eq!(longest, "the token is unknown");
    let refused = state.claims(&"x".repeat(4_097)).unwrap_err();
    assert_eq!(refused, "the token has 4097 bytes (limit 4096)");
}

#[test]
fn the_limits_of_a_role_are_above_0_and_its_rate_is_one_that_can_be_granted() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, limit: &str| {
        let text = format!("[roles.reader]\n{name} = {limit}\n");
        load(folder.path(), &text).map(|_| ())
    };
    let rate = "max_rate_hz";
    for (name, wrong) in [
        (rate, "0.0"),
        (rate, "-1.0"),
        (rate, "inf"),
        (rate, "nan"),
        (rate, "0.009"),
        ("requests_per_s", "0"),
        ("publish_updates_per_s", "0"),
        ("publish_bytes_per_s", "0"),
    ] {
        let problems = load(name, wrong).unwrap_err().concat();
        let expected = format!("{name} is ");
        assert!(problems.contains(&expected), "{wrong}: {problems}");
    }
    for (name, right) in [
        (rate, "0.01"),
        ("requests_per_s", "1"),
        ("publish_updates_per_s", "1"),
        ("publish_bytes_per_s", "1"),
        ("connections", "0"),
    ] {
        assert_eq!(load(name, right), Ok(()), "{name}");
    }
}

#[test]
fn a_token_expires_at_its_time_and_narrows_its_role() {
    let folder = tempfile::tempdir().unwrap();
    let (token, table) = made("alice", "reader");
    let table = format!(
        "{ROLES}{table}expires = 2030-01-01T00:00:00Z\nsubscribe = [\"eu/de/#\", \"us/#\"]\n"
    );
    let state = load(folder.path(), &table).unwrap();
    let claims = state.claims(&token).unwrap();
    let end = 1_893_456_000_000_000_000;
    assert_eq!(claims.expires_ns, Some(end));
    let identity = state.authority.admit(claims.clone(), end - 1).unwrap();
    let allowed: Vec<_> = identity
        .rights
        .subscribe
        .iter()
        .map(|f| f.as_str())
        .collect();
    assert_eq!(allowed, ["eu/de/#"]);
    assert_eq!(state.authority.admit(claims, end), Err(Denied::Expired));
}

#[test]
fn everything_that_is_wrong_with_the_file_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_, table) = made("a/b", "own");
    let text = format!(
        "[roles.bad]\nsubscribe = [\"a+\"]\n[roles.user]\nsubscribe = [\"{{user}}/#\"]\n\
         [roles.own]\npublish = [\"{{sub}}/#\"]\n\
         [anonymous]\nrole = \"none\"\n{table}\
         [[tokens]]\nid = \"x\"\nsubject = \"x\"\nrole = \"own\"\nsha256 = \"12\"\n"
    );
    let problems = load(folder.path(), &text).unwrap_err();
    for (problem, part) in problems.iter().zip([
        "role \"bad\": filter \"a+\"",
        "role \"user\": filter \"{user}/#\": there is no placeholder {user}: use {sub}",
        "anonymous: the server has no role \"none\"",
        "the token's subject cannot stand in the filter \"{sub}/#\"",
        "token \"x\": sha256 is not the hash of a token",
    ]) {
        assert!(problem.contains(part), "{problem:?} has no {part:?}");
    }
    assert_eq!(problems.len(), 5, "{problems:?}");
    let problems = load(folder.path(), "[roles.a]\nsubscribe = 5\n").unwrap_err();
    assert!(problems[0].contains("identities.toml:2:"), "{problems:?}");
}

#[test]
fn a_key_of_the_file_that_is_wrong_is_told_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (
            "[rolls]\n",
            "toml:1: rolls: there is no such key; use roles, ",
        ),
        (
            "[roles.a]\nsubscribed = []\n",
            "toml:2: subscribed: there is no such key; use subscribe, ",
        ),
        (
            "[roles.a]\nsubscribe = \"#\"\n",
            "toml:2: subscribe: it is \"#\": it must be a list",
        ),
        ("roles = 1\n", "toml:1: roles: it is 1: it must be a table"),
        (
            "[roles.a]\nconnections = -1\n",
            "toml:2: connections: it is -1: it must be a whole number, 0 or more",
        ),
        ("[jwt]\n", "toml:1: audience is missing"),
    ] {
        let problems = load(folder.path(), text).unwrap_err();
        assert!(problems[0].contains(expected), "{problems:?}");
    }
}

#[test]
fn a_file_without_roles_such_as_an_empty_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "# roles\n", "[admin]\nalways_token = true\n"] {
        let problems = load(folder.path(), text).unwrap_err().concat();
        assert!(problems.contains("there are no roles"), "{problems}");
    }
    // One that has roles and no token ends all connections, as its author wants.
    load(folder.path(), ROLES).unwrap();
}

#[test]
fn a_hash_has_64_digits_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_, table) = made("alice", "reader");
    let (front, hash) = table.split_once("sha256 = \"").unwrap();
    let (hash, _) = hash.split_once('"').unwrap();
    let load = |hash: &str| {
        load(
            folder.path(),
            &format!("{ROLES}{front}sha256 = \"{hash}\"\n"),
        )
    };
    load(hash).unwrap();
    for wrong in [
        &hash[1..],
        &format!("{hash}0"),
        &format!("{hash}-"),
        &format!("-{}", &hash[1..]),
    ] {
        let problems = load(wrong).unwrap_err().concat();
        assert!(problems.contains("64 hexadecimal digits"), "{problems}");
    }
}

#[test]
fn an_id_or_a_hash_that_is_there_twice_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (_, table) = made("alice", "reader");
    let (_, other) = made("bob", "reader");
    let renamed = |table: &str, id: &str| {
        let (front, rest) = table.split_once("id = \"").unwrap();
        let (_, rest) = rest.split_once('"').unwrap();
        format!("{front}id = \"{id}\"{rest}")
    };
    let load = |second: &str| {
        let first = renamed(&table, "first");
        load(folder.path(), &format!("{ROLES}{first}{second}"))
    };
    load(&renamed(&other, "second")).unwrap();
    for twice in [renamed(&other, "first"), renamed(&table, "second")] {
        let problems = load(&twice).unwrap_err().concat();
        assert!(problems.contains("is there twice"), "{problems}");
    }
}

#[test]
fn a_change_of_the_file_changes_keeps_or_ends_an_identity() {
    let folder = tempfile::tempdir().unwrap();
    let (token, table) = made("alice", "reader");
    let state = load(folder.path(), &format!("{ROLES}{table}")).unwrap();
    let claims = state.claims(&token).unwrap();
    let identity = state.authority.admit(claims, 0).unwrap();
    assert_eq!(state.review(&identity, 0), Review::Keep);
    let narrower = format!("{}{table}", ROLES.replace("eu/#", "eu/de/#"));
    match load(folder.path(), &narrower).unwrap().review(&identity, 0) {
        Review::Change(now) => assert_eq!(now.rights.subscribe[0].as_str(), "eu/de/#"),
        other => panic!("{other:?}"),
    }
    let without = load(folder.path(), ROLES).unwrap();
    assert_eq!(without.review(&identity, 0), Review::End(Denied::Revoked));
    let mut revoked = state.authority.revocations.clone();
    revoked.add(Revoked::Subject("alice".into()));
    let state = state.with_revocations(revoked);
    assert_eq!(state.review(&identity, 0), Review::End(Denied::Revoked));
}
