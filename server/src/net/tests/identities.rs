use std::{fs, sync::Arc, time::Duration};

use hyper::{Method, Request, header::AUTHORIZATION};
use tickcast_core::identity::Standing;

use crate::{
    auth::{Auth, make_token},
    clock::Clock,
};

/// The identities of a server that knows alice. Her role has these members, and there is more in
/// the file. Also returns her token.
pub(super) fn alice(members: &str, more: &str) -> (Arc<Auth>, String) {
    let made = make_token("alice", "own");
    let (token, table) = made.split_once("\n\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identities.toml");
    fs::write(&path, format!("[roles.own]\n{members}\n{table}\n{more}")).unwrap();
    let auth = Auth::load(path, Duration::from_secs(5), Clock::start());
    (auth.unwrap(), token.to_owned())
}

/// Lets clients without a token in.
pub(super) const ANONYMOUS: &str = "[anonymous]\nrole = \"own\"\n";

/// A request of a client that shows a token, or none.
pub(super) fn request(method: Method, uri: &str, token: Option<&str>) -> Request<()> {
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(()).unwrap()
}

/// The subject of a standing, if it has an identity.
pub(super) fn subject(standing: Option<&Standing>) -> Option<&str> {
    Some(&standing?.identity()?.claims.subject)
}
