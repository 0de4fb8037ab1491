//! The server of a scenario, and its identities.

use std::{fs, ops::Deref, path::Path};

use ring::digest::{SHA256, digest};
use tempfile::TempDir;
use tickcast_server_testkit::{Program, nats::Nats, raw::ask};

use super::scenarios::Scenario;

/// The token of a client that has an identity.
pub(super) const TOKEN: &str = "tct_token-of-alice";

/// A server, the folder of its identities file, and the server of NATS of its cluster.
pub(super) struct Stage {
    server: Program,
    folder: Option<TempDir>,
    _nats: Option<Nats>,
}

impl Stage {
    /// Starts the server of a scenario. With identities it has a role and a token.
    pub(super) async fn start(scenario: &Scenario) -> Self {
        let arguments = scenario.arguments();
        let nats = scenario.is_node.then(Nats::start);
        let url = nats.as_ref().map(Nats::url);
        let cluster = url.iter().flat_map(|url| ["--cluster-servers", url]);
        let arguments: Vec<_> = arguments.into_iter().chain(cluster).collect();
        if !scenario.has_identities {
            return Self {
                server: Program::start(&arguments).await,
                folder: None,
                _nats: nats,
            };
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identities.toml");
        write(&path, Some(""));
        let path = path.display().to_string();
        let own = ["--identities", &path, "--admin", "127.0.0.1:0"];
        Self {
            server: Program::start(&[&own, &arguments[..]].concat()).await,
            folder: Some(folder),
            _nats: nats,
        }
    }

    /// Has the server read another identities file: `more` stands in the table of the token, and
    /// without it there is no token.
    pub(super) async fn change(&self, more: Option<&str>) {
        let folder = self.folder.as_ref().expect("it has identities");
        write(&folder.path().join("identities.toml"), more);
        self.operate("/v1/reload").await;
    }

    /// Sends a command to the admin address.
    pub(super) async fn operate(&self, path: &str) {
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n");
        let answer = ask(self.server.metrics_address(), &head).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

impl Deref for Stage {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.server
    }
}

fn write(path: &Path, token: Option<&str>) {
    let mut text = "[roles.reader]\nsubscribe = [\"#\"]\n".to_owned();
    if let Some(more) = token {
        let digits = digest(&SHA256, TOKEN.as_bytes());
        let digits = digits.as_ref().iter().map(|byte| format!("{byte:02x}"));
        let digits: String = digits.collect();
        text.push_str(&format!(
            "[[tokens]]\nid = \"a\"\nsubject = \"alice\"\nrole = \"reader\"\n\
             sha256 = \"{digits}\"\n{more}\n"
        ));
    }
    fs::write(path, text).unwrap();
}
