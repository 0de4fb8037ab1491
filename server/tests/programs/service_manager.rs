//! What a service manager such as systemd is told, as sd_notify(3) says.

use std::{
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    process::Stdio,
    time::Duration,
};

use tickcast_server_testkit::{DEADLINE, command, signal, soon};
use tokio::{process::Child, task::spawn_blocking};

/// A service manager with a socket for one service.
struct Manager {
    socket: UnixDatagram,
    service: Child,
}

impl Manager {
    fn start(socket: UnixDatagram, path: &str, watchdog: &[(&str, &str)]) -> Self {
        let mut command = command(&["--listen", "127.0.0.1:0", "--feed", "none"]);
        command.env("NOTIFY_SOCKET", path);
        command.envs(watchdog.iter().copied());
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let service = command.spawn().unwrap();
        Self { socket, service }
    }

    /// The next thing that it is told.
    async fn told(&self) -> String {
        let told = self.told_within(DEADLINE).await;
        told.expect("it is told in time")
    }

    /// The next thing that it is told, unless it is told nothing in this time.
    async fn told_within(&self, time: Duration) -> Option<String> {
        let socket = self.socket.try_clone().unwrap();
        socket.set_read_timeout(Some(time)).unwrap();
        let told = spawn_blocking(move || {
            let mut bytes = [0; 4096];
            let length = socket.recv(&mut bytes).ok()?;
            Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
        });
        told.await.unwrap()
    }
}

#[tokio::test]
async fn a_service_manager_is_told_of_start_reload_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut manager = Manager::start(socket, path.to_str().unwrap(), &[]);
    let ready = manager.told().await;
    assert!(
        ready.starts_with("READY=1\nSTATUS=Listening on 127.0.0.1:"),
        "{ready}"
    );
    signal(&manager.service, "HUP").await;
    let reloading = manager.told().await;
    let us = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .unwrap();
    assert!(us.parse::<u64>().unwrap() > 0);
    assert_eq!(manager.told().await, ready);
    signal(&manager.service, "TERM").await;
    assert_eq!(manager.told().await, "STOPPING=1\nSTATUS=Draining");
    let status = soon("it ends", manager.service.wait()).await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_watchdog_is_told_that_the_server_is_alive_and_may_have_an_abstract_socket() {
    let name = format!("tickcast-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let manager = Manager::start(socket, &format!("@{name}"), &[("WATCHDOG_USEC", "200000")]);
    assert!(manager.told().await.starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.told().await, "WATCHDOG=1");
    }
}

#[tokio::test]
async fn a_watchdog_of_another_process_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let watchdog = [("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let manager = Manager::start(socket, path.to_str().unwrap(), &watchdog);
    assert!(manager.told().await.starts_with("READY=1\n"));
    let more = manager.told_within(Duration::from_millis(200)).await;
    assert_eq!(more, None);
}
