//! Real servers of NATS with JetStream.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use tempfile::TempDir;

use crate::daemon;

/// A server of NATS on a free port, which is killed when the test drops it.
#[derive(Debug)]
pub struct Nats {
    /// The port on 127.0.0.1 where it listens.
    pub port: u16,
    /// Arguments that name the other servers of its cluster.
    routes: Vec<String>,
    folder: TempDir,
    process: Option<Child>,
}

impl Nats {
    /// Starts one alone, with nothing kept.
    ///
    /// # Panics
    ///
    /// If nats-server is not installed.
    pub fn start() -> Self {
        let [nats] = Self::try_until_ports_are_free(|| {
            let [port] = free_ports();
            Some([Self::try_new(port, Vec::new())?])
        });
        nats
    }

    /// Starts three that keep streams together.
    ///
    /// # Panics
    ///
    /// If nats-server is not installed.
    pub fn start_three() -> [Self; 3] {
        Self::try_until_ports_are_free(|| {
            let [a, b, c, d, e, f] = free_ports();
            let routes = [d, e, f].map(|port| format!("nats://127.0.0.1:{port}"));
            let one = |port: u16, route: &str| {
                let own = ["--cluster_name", "test", "--cluster", route];
                let others = ["--routes", &routes.join(",")];
                let name = ["--name", &format!("n{port}")];
                let all = own.iter().chain(&others).chain(&name);
                Self::try_new(port, all.map(|text| (*text).to_owned()).collect())
            };
            Some([
                one(a, &routes[0])?,
                one(b, &routes[1])?,
                one(c, &routes[2])?,
            ])
        })
    }

    /// Another process may take a port before a server does.
    fn try_until_ports_are_free<T>(mut start: impl FnMut() -> Option<T>) -> T {
        let started = (0..5).find_map(|_| start());
        started.expect("nats-server does not start; is it installed?")
    }

    fn try_new(port: u16, routes: Vec<String>) -> Option<Self> {
        let mut nats = Self {
            port,
            routes,
            folder: tempfile::tempdir().expect("a folder"),
            process: None,
        };
        nats.try_start_again().then_some(nats)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it on the same port after [`Self::stop`], with what it has kept.
    pub fn start_again(&mut self) {
        assert!(self.try_start_again(), "nats-server does not start again");
    }

    fn try_start_again(&mut self) -> bool {
        let mut command = Command::new("nats-server");
        command
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string()])
            .arg("--jetstream")
            .arg("--store_dir")
            .arg(self.store())
            .args(&self.routes);
        self.process = daemon::start(&mut command, self.port);
        self.process.is_some()
    }

    /// Kills it.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            daemon::kill(process);
        }
    }

    /// Copies what it keeps, while it does not run.
    pub fn save(&self, to: &Path) {
        copy(&self.store(), to);
    }

    /// Puts back what it kept, while it does not run.
    pub fn restore(&self, from: &Path) {
        fs::remove_dir_all(self.store()).expect("it has kept something");
        copy(from, &self.store());
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Different ports that are free now.
fn free_ports<const N: usize>() -> [u16; N] {
    let sockets =
        [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    sockets.map(|socket| socket.local_addr().expect("an address").port())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("it has a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => {
                fs::copy(&path, &target).expect("a file");
            }
        }
    }
}
