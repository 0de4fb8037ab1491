//! The login at a real server with identities.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

/// Two tokens of alice, and the hashes that the identities file has.
const TOKENS: [(&str, &str); 2] = [
    (
        "tct_loadtest",
        "b836cd7733aa512306b778ae8b46ca6d85a4871528e873be16465d3fe22e6df4",
    ),
    (
        "tct_other",
        "0c726a326fc31737a6446d557b23deccbc6d26d80256079f5c75ea3b89fe0b55",
    ),
];

/// Writes an identities file. The role may read two parts of the simulated feed.
fn identities(folder: &Path) -> String {
    let mut text =
        "[roles.reader]\nsubscribe = [\"market/BTC-USDT/#\", \"building/#\"]\n".to_owned();
    for (at, (_, sha256)) in TOKENS.iter().enumerate() {
        text += &format!(
            "[[tokens]]\nid = \"{at}\"\nsubject = \"alice\"\nrole = \"reader\"\nsha256 = \"{sha256}\"\n"
        );
    }
    let path = folder.join("identities.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn start(folder: &TempDir) -> Server {
    let path = identities(folder.path());
    let arguments = ["server", "--listen", "127.0.0.1:0", "--identities", &path];
    match config::load(arguments.map(Into::into), []).unwrap() {
        config::Command::Run(settings) => Server::start(*settings).unwrap(),
        config::Command::Print(text) => panic!("{text}"),
    }
}

fn problem(monitor: &Monitor) -> Option<String> {
    match monitor.connection() {
        ConnectionState::BackingOff { why, .. } => Some(why.clone()),
        _ => None,
    }
}

#[test]
fn a_token_of_a_file_shows_what_it_allows_and_another_one_in_the_file_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let file = folder.path().join("token");
    fs::write(&file, "tct_wrong\n").unwrap();
    let login = Login::of_file(file.clone());
    let url = url(&server);
    let mut listening = Listening::with_login(&url, TlsOptions::default(), login);
    listening.until("the refusal is told", |monitor| {
        let is_refused = matches!(
            monitor.connection(),
            ConnectionState::BackingOff { obstacle, .. } if *obstacle == Obstacle::Refused
        );
        is_refused && problem(monitor).is_some_and(|why| why.contains("the token is unknown"))
    });
    // The program waits, and does not show the same token again.
    listening.until("the program waits for another token", |monitor| {
        problem(monitor).is_some_and(|why| why.contains("no other token yet"))
    });
    assert!(!problem(&listening.monitor).unwrap().contains("tct_"));
    fs::write(&file, format!("{}\n", TOKENS[0].0)).unwrap();
    let has = |monitor: &Monitor, topic: &str| monitor.store().topic_named(topic).is_some();
    // Instead of everything, it watches all that is allowed.
    listening.until("values of both parts", |monitor| {
        has(monitor, "market/BTC-USDT/trade") && has(monitor, "building/floor-1/co2")
    });
    assert!(!has(&listening.monitor, "market/ETH-USDT/trade"));
    server.shutdown();
}

#[test]
fn a_server_that_wants_a_token_is_told_apart_from_one_that_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let mut listening = Listening::to(&server);
    listening.until("the dialog is open", |monitor| {
        monitor.login_problem() == Some("this server wants a token")
    });
    // The user logs in.
    let login = Login::typed(TOKENS[1].0, "X-Proxy-Key: anything").unwrap();
    listening.monitor.execute(UiCommand::Login(login));
    let url = listening.monitor.take_reconnect().unwrap();
    let login = listening.monitor.login_for(&url);
    let mut listening = Listening::with_login(&url, TlsOptions::default(), login);
    listening.until("values", |monitor| !monitor.store().is_empty());
    assert_eq!(listening.monitor.login_problem(), None);
    server.shutdown();
}
