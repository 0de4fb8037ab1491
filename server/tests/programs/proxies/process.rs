//! A proxy as a process, on a free port and with a folder of its own.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tickcast_server_testkit::{DEADLINE, STEP};
use tokio::time::sleep;

/// Time for a proxy to end before it is killed.
const END_MAX: Duration = Duration::from_secs(5);

/// Another process may take the port before the proxy does.
const TRIES: usize = 5;

/// A running proxy, which ends when the test drops it.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Its program.
    pub(super) name: &'static str,
    /// Where it listens.
    pub(super) address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Proxy {
    /// Starts a proxy. For a port and a folder `configure` returns the program, the text of its
    /// configuration, and the arguments before the name of the configuration's file.
    pub(super) async fn start(
        configure: impl Fn(u16, &Path) -> (&'static str, String, Vec<&'static str>),
    ) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = socket.local_addr().unwrap();
            drop(socket);
            let folder = tempfile::tempdir().unwrap();
            // nginx gives up its rights, and then needs files in the folder.
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            let (name, text, arguments) = configure(address.port(), folder.path());
            let file = folder.path().join("configuration");
            fs::write(&file, text).unwrap();
            let output = fs::File::create(folder.path().join("output")).unwrap();
            // Debian installs proxies in a folder that is not on every user's path.
            let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
            let child = Command::new(name)
                .env("PATH", path)
                // Caddy keeps files in these two.
                .env("HOME", folder.path())
                .env("XDG_DATA_HOME", folder.path())
                .current_dir(folder.path())
                .args(arguments)
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(output.try_clone().unwrap())
                .stderr(output)
                .spawn()
                .unwrap_or_else(|error| panic!("{name} is not installed: {error}"));
            let mut proxy = Self {
                name,
                address,
                child,
                folder,
            };
            if proxy.listens().await {
                return proxy;
            }
            for file in ["output", "log"] {
                let file = fs::read_to_string(proxy.folder.path().join(file));
                said.push_str(&file.unwrap_or_default());
            }
        }
        panic!("the proxy does not start:\n{said}");
    }

    /// What it has printed.
    pub(super) fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap()
    }

    async fn listens(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < DEADLINE && self.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            sleep(STEP).await;
        }
        false
    }

    /// Sends a signal to the first process, which is the workers' parent.
    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The processes that it has started.
    pub(super) fn workers(&self) -> Vec<u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let ids = children.split_whitespace();
        ids.map(|id| id.parse().unwrap()).collect()
    }
}

impl Drop for Proxy {
    /// Ends the workers as well, which a kill of their parent would leave behind.
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < END_MAX && matches!(self.child.try_wait(), Ok(None)) {
            #[allow(
                clippy::disallowed_methods,
                reason = "a drop cannot wait in another way"
            )]
            std::thread::sleep(STEP);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
