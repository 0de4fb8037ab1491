//! Real servers of NATS with JetStream.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use tempfile::TempDir;

use crate::{
    copy_folder, daemon,
    network::{Lan, Machine},
};

/// The ports of a server that has a machine of its own: for clients, and for the other servers.
const PORTS: [u16; 2] = [4222, 6222];

/// A server of NATS, which is killed when the test drops it.
#[derive(Debug)]
pub struct Nats {
    /// Where it listens.
    address: SocketAddr,
    /// Arguments that name the other servers of its cluster.
    routes: Vec<String>,
    folder: TempDir,
    process: Option<Child>,
    machine: Option<Machine>,
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
            let address = (Ipv4Addr::LOCALHOST, port).into();
            Some([Self::try_new(address, Vec::new(), None)?])
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
            let routes = [d, e, f].map(|port| (Ipv4Addr::LOCALHOST, port).into());
            let one = |port: u16, index: usize| {
                let address = (Ipv4Addr::LOCALHOST, port).into();
                Self::try_new(address, cluster(index, &routes), None)
            };
            Some([one(a, 0)?, one(b, 1)?, one(c, 2)?])
        })
    }

    /// Starts one alone on a machine of its own.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_on(machine: Machine) -> Self {
        let address = machine.listen(Lan::Engine, PORTS[0]);
        let started = Self::try_new(address, Vec::new(), Some(machine));
        started.expect("nats-server does not start on a machine of its own")
    }

    /// Starts three that keep streams together, each on a machine of its own.
    ///
    /// # Panics
    ///
    /// If one does not start.
    pub fn start_three_on(machines: [Machine; 3]) -> [Self; 3] {
        let [port, route] = PORTS;
        let routes = machines
            .each_ref()
            .map(|one| one.listen(Lan::Routes, route));
        let mut index = 0;
        machines.map(|machine| {
            let (address, more) = (machine.listen(Lan::Engine, port), cluster(index, &routes));
            index += 1;
            let started = Self::try_new(address, more, Some(machine));
            started.expect("nats-server does not start on a machine of its own")
        })
    }

    /// Another process may take a port before a server does.
    fn try_until_ports_are_free<T>(mut start: impl FnMut() -> Option<T>) -> T {
        let started = (0..5).find_map(|_| start());
        started.expect("nats-server does not start; is it installed?")
    }

    fn try_new(address: SocketAddr, routes: Vec<String>, machine: Option<Machine>) -> Option<Self> {
        let mut nats = Self {
            address,
            routes,
            folder: tempfile::tempdir().expect("a folder"),
            process: None,
            machine,
        };
        nats.try_start_again().then_some(nats)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Its machine.
    ///
    /// # Panics
    ///
    /// If it has none of its own.
    pub fn machine(&self) -> &Machine {
        self.machine.as_ref().expect("a machine of its own")
    }

    /// Starts it on the same port after [`Self::stop`], with what it has kept.
    pub fn start_again(&mut self) {
        assert!(self.try_start_again(), "nats-server does not start again");
    }

    fn try_start_again(&mut self) -> bool {
        const PROGRAM: &str = "nats-server";
        let mut command = match &self.machine {
            Some(machine) => machine.within(Path::new(PROGRAM)),
            None => Command::new(PROGRAM),
        };
        let (host, port) = (
            self.address.ip().to_string(),
            self.address.port().to_string(),
        );
        command
            .args(["--addr", &host, "--port", &port])
            .arg("--jetstream")
            .arg("--store_dir")
            .arg(self.store())
            .args(&self.routes);
        self.process = daemon::start(&mut command, self.address);
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
        copy_folder(&self.store(), to);
    }

    /// Puts back what it kept, while it does not run.
    pub fn restore(&self, from: &Path) {
        fs::remove_dir_all(self.store()).expect("it has kept something");
        copy_folder(from, &self.store());
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

/// The name of a server among three that keep streams together, by its index.
pub fn name(index: usize) -> String {
    format!("s{index}")
}

/// Arguments of one of the servers that have these addresses for each other.
fn cluster(index: usize, routes: &[SocketAddr; 3]) -> Vec<String> {
    let urls = routes.map(|address| format!("nats://{address}"));
    let (name, own, all) = (name(index), urls[index].clone(), urls.join(","));
    let arguments = [
        "--cluster_name",
        "test",
        "--name",
        &name,
        "--cluster",
        &own,
        "--routes",
        &all,
    ];
    arguments.map(str::to_owned).to_vec()
}

/// Different ports that are free now.
fn free_ports<const N: usize>() -> [u16; N] {
    let sockets =
        [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    sockets.map(|socket| socket.local_addr().expect("an address").port())
}
