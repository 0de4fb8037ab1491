//! What all threads share: the commands of roles, revocations that outlive the server, and the
//! connections of an identity.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use tempfile::TempDir;
use tickcast_core::{
    Now,
    identity::{Due, Revoked, Verify},
};
use tickcast_protocol::error::ErrorCode;

use super::listed::made;
use crate::{
    auth::{Auth, OperatorError, Verifier, check_file, read_revocations},
    clock::Clock,
};

const NOW: Now = Now {
    uptime: Duration::from_secs(7),
    wall_ns: 0,
};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The files of a server that knows alice.
struct Files {
    folder: TempDir,
    token: String,
    text: String,
}

impl Files {
    /// Alice has a role with these members.
    fn new(role: &str) -> Self {
        let (token, table) = made("alice", "own");
        Self {
            folder: tempfile::tempdir().unwrap(),
            token,
            text: format!("[roles.own]\n{role}\n{table}"),
        }
    }

    fn load(&self) -> Result<Arc<Auth>, Vec<String>> {
        Auth::load(self.write(), TIMEOUT, Clock::start())
    }

    fn write(&self) -> PathBuf {
        let path = self.path("identities.toml");
        fs::write(&path, &self.text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn revocations(&self) -> PathBuf {
        self.path("identities.toml.revoked")
    }

    /// What becomes of alice's token, at a server that starts now.
    fn admitted(&self) -> Result<(), ErrorCode> {
        let verifier = Verifier(self.load().unwrap());
        let admitted = verifier.verify(&self.token, NOW);
        admitted.map(|_| ()).map_err(|refusal| refusal.code)
    }
}

#[test]
fn a_role_has_the_commands_that_are_listed_and_no_others() {
    let files = Files::new("commands = [\"who\", \"kick\"]");
    let auth = files.load().unwrap();
    let may = |command| auth.operator(Some(&files.token), false, command, NOW);
    for command in ["who", "kick"] {
        assert_eq!(may(command), Ok(Some("alice".into())));
    }
    let forbidden = |has: &str| {
        let reason = "the role \"own\" does not have the command \"reload\"; it has: ";
        Err(OperatorError::Forbidden(format!("{reason}{has}")))
    };
    assert_eq!(may("reload"), forbidden("kick, who"));
    let files = Files::new("");
    let auth = files.load().unwrap();
    let refused = auth.operator(Some(&files.token), true, "reload", NOW);
    assert_eq!(refused, forbidden("none"));
}

#[test]
fn this_machine_needs_no_token_for_commands_unless_the_file_says_so() {
    let mut files = Files::new("");
    let auth = files.load().unwrap();
    let operator = |auth: &Auth, is_loopback| auth.operator(None, is_loopback, "who", NOW);
    let is_unknown = |refused| matches!(refused, Err(OperatorError::Unknown(_)));
    assert_eq!(operator(&auth, true), Ok(None));
    assert!(is_unknown(operator(&auth, false)));
    files.text += "[admin]\nalways_token = true\n";
    let auth = files.load().unwrap();
    for is_loopback in [false, true] {
        assert!(is_unknown(operator(&auth, is_loopback)));
    }
}

#[test]
fn a_client_without_a_token_has_a_role_or_has_to_authenticate_in_time() {
    let mut files = Files::new("");
    let mut standing = files.load().unwrap().begin(None, NOW).unwrap();
    assert!(standing.identity().is_none());
    let after = |time| Now {
        uptime: NOW.uptime + time,
        ..NOW
    };
    assert_eq!(standing.due(after(TIMEOUT - Duration::from_nanos(1))), None);
    assert_eq!(standing.due(after(TIMEOUT)), Some(Due::Late));
    files.text += "[anonymous]\nrole = \"own\"\n";
    let standing = files.load().unwrap().begin(None, NOW).unwrap();
    let identity = standing.identity().expect("it has the role");
    assert_eq!(&*identity.claims.role, "own");
}

#[test]
fn a_ticket_stands_for_the_identity_that_has_asked_for_it_once() {
    let files = Files::new("");
    let auth = files.load().unwrap();
    let standing = auth.begin(Some(&files.token), NOW).unwrap();
    let identity = standing.identity().expect("it has shown a token");
    let ticket = auth.ticket(identity, NOW).unwrap();
    let redeemed = auth.redeem(&ticket, NOW).unwrap();
    assert_eq!(redeemed.identity(), Some(identity));
    let again = auth.redeem(&ticket, NOW).unwrap_err();
    assert_eq!(again.code, ErrorCode::TokenRefused);
}

#[test]
fn a_file_that_is_read_again_counts_if_it_is_right() {
    let mut files = Files::new("commands = [\"who\"]");
    let auth = files.load().unwrap();
    let token = files.token.clone();
    let may = |command| auth.operator(Some(&token), false, command, NOW).is_ok();
    assert!(!may("kick"));
    let right = files.text.replace("who", "kick");
    files.text = right.replace("kick", "dance");
    let path = files.write();
    assert!(auth.reload().is_err() && check_file(&path).is_err());
    assert!(may("who"));
    files.text = right;
    files.write();
    assert_eq!((auth.reload(), check_file(&path)), (Ok(()), Ok(())));
    assert!(may("kick"));
}

#[test]
fn a_command_that_does_not_exist_is_told_with_those_that_do() {
    let problems = Files::new("commands = [\"who\", \"reboot\"]").load();
    let problems = problems.unwrap_err().concat();
    let expected = "there is no command \"reboot\": use who, kick, revoke, restore, reload, log";
    assert!(problems.ends_with(expected), "{problems}");
}

#[test]
fn what_is_revoked_stays_revoked_after_a_restart_until_it_is_lifted() {
    let files = Files::new("");
    assert_eq!(files.admitted(), Ok(()));
    let auth = files.load().unwrap();
    let (alice, token) = (
        Revoked::Subject("alice".into()),
        Revoked::Token("t-1".into()),
    );
    assert_eq!(auth.revoke(alice.clone()), Ok(true));
    assert_eq!(auth.revoke(token.clone()), Ok(true));
    assert_eq!(auth.revoke(token), Ok(false));
    assert_eq!(files.admitted(), Err(ErrorCode::TokenRefused));
    let written = fs::read_to_string(files.revocations()).unwrap();
    assert_eq!(written, "{\"subject\":\"alice\"}\n{\"token\":\"t-1\"}\n");
    assert_eq!(read_revocations(&files.revocations()), Ok((2, written)));
    assert_eq!(auth.lift(&alice), Ok(true));
    assert_eq!(files.admitted(), Ok(()));
}

#[test]
fn revocations_that_cannot_be_read_or_written_are_told() {
    let files = Files::new("");
    let auth = files.load().unwrap();
    // A folder in the place of the file.
    fs::create_dir(files.revocations()).unwrap();
    let problems = files.load().unwrap_err().concat();
    assert!(
        problems.contains("cannot read the revocations in "),
        "{problems}"
    );
    let problem = auth.revoke(Revoked::Subject("alice".into())).unwrap_err();
    assert!(
        problem.starts_with("cannot write the revocations to "),
        "{problem}"
    );
    assert_eq!(
        read_revocations(&files.path("none")),
        Ok((0, String::new()))
    );
}

#[test]
fn files_that_are_too_long_are_not_read() {
    let mut files = Files::new("");
    files.text += "[jwt]\naudience = \"tickcast\"\njwks = \"keys.json\"\n";
    for (path, max_bytes) in [
        (files.revocations(), 67_108_864),
        (files.path("keys.json"), 1_048_576),
    ] {
        // Without a content, which takes no place on the disk.
        let file = fs::File::create(path).unwrap();
        file.set_len(max_bytes + 1).unwrap();
        let problems = files.load().unwrap_err().concat();
        let expected = format!("it has more than {max_bytes} bytes");
        assert!(problems.contains(&expected), "{problems}");
    }
    let path = files.path("long.toml");
    let file = fs::File::create(&path).unwrap();
    file.set_len(67_108_865).unwrap();
    let problems = check_file(&path).unwrap_err().concat();
    let expected = "it has more than 67108864 bytes";
    assert!(problems.contains(expected), "{problems}");
}

#[test]
fn an_identity_has_as_many_connections_as_its_role_allows() {
    let files = Files::new("connections = 2");
    let verifier = Verifier(files.load().unwrap());
    let verify = || verifier.verify(&files.token, NOW);
    let first = verify().unwrap();
    let _second = verify().unwrap();
    let refused = verify().unwrap_err();
    assert_eq!(refused.code, ErrorCode::TooManyConnections);
    assert!(refused.reason.contains("(limit 2)"), "{}", refused.reason);
    drop(first);
    verify().unwrap();
}
