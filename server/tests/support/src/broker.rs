//! A real broker, and the recordings that a test publishes to it.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::daemon;

/// A Mosquitto on a free port, which is killed when the test drops it.
#[derive(Debug)]
pub struct Broker {
    /// The port on 127.0.0.1 where it listens.
    pub port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl Broker {
    /// Starts it with more lines of configuration.
    ///
    /// # Panics
    ///
    /// If Mosquitto is not installed.
    pub fn start(configuration: &str) -> Self {
        // Another process may take the port before the broker does.
        for _ in 0..5 {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let port = socket.local_addr().expect("an address").port();
            drop(socket);
            let folder = tempfile::tempdir().expect("a folder");
            let mut broker = Self {
                port,
                folder,
                process: None,
            };
            broker.configure(configuration);
            if broker.try_start_again() {
                return broker;
            }
        }
        panic!("mosquitto does not start; is it installed?");
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "listener {} 127.0.0.1\nset_tcp_nodelay true\n{more}\n",
            self.port
        );
        fs::write(self.path("mosquitto.conf"), text).expect("a file");
    }

    /// A path in the broker's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it on the same port after [`Self::stop`].
    pub fn start_again(&mut self) {
        assert!(self.try_start_again(), "mosquitto does not start again");
    }

    fn try_start_again(&mut self) -> bool {
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(self.path("mosquitto.conf"));
        self.process = daemon::start(&mut command, (Ipv4Addr::LOCALHOST, self.port).into());
        self.process.is_some()
    }

    /// Kills it.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            daemon::kill(process);
        }
    }

    /// Publishes each line of `payloads` with the broker's own client.
    pub fn publish(&self, topic: &str, payloads: &str, options: &[&str]) {
        let mut client = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-t", topic, "-l"])
            .args(options)
            .stdin(Stdio::piped())
            .spawn()
            .expect("mosquitto_pub is installed");
        let mut input = client.stdin.take().expect("a pipe");
        input
            .write_all(payloads.as_bytes())
            .expect("the client reads");
        drop(input);
        assert!(client.wait().expect("a child").success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The path of a recording that comes with the server.
pub fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../data")
        .join(name)
}
