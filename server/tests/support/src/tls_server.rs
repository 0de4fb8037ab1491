//! A server that speaks TLS with any certificate, also with one that the project's own server does
//! not use: `openssl s_server`.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::certificates::Certificate;

/// A running one, which is killed when it is dropped.
#[derive(Debug)]
pub struct TlsServer {
    child: Child,
    /// Open, so that it can write.
    _output: BufReader<ChildStdout>,
    /// Where it listens, at 127.0.0.1.
    pub port: u16,
}

impl TlsServer {
    /// Starts it at a free port. Its files go to the folder.
    ///
    /// # Panics
    ///
    /// If openssl is not installed.
    pub fn start(folder: &Path, certificate: &Certificate) -> Self {
        let (cert, key) = certificate.write(folder, "other-server");
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .arg(cert)
            .arg("-key")
            .arg(key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let mut output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let port = output.by_ref().lines().find_map(|line| {
            let line = line.ok()?;
            line.strip_prefix("ACCEPT ")?
                .rsplit_once(':')?
                .1
                .parse()
                .ok()
        });
        let port = port.expect("it says where it listens");
        Self {
            child,
            _output: output,
            port,
        }
    }

    /// Its address for clients of WebSocket, with the name `localhost`.
    pub fn url(&self) -> String {
        format!("wss://localhost:{}/ws", self.port)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
