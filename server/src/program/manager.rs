//! Tells a service manager how the server is: sd_notify(3) of systemd, which others understand too.
//! Without `NOTIFY_SOCKET` nothing is told. Telling is best effort: an error is logged, once.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// How often the manager is told that the server is alive, in parts of the time after which it
/// would end it: as sd_watchdog_enabled(3) recommends.
const ALIVE_PARTS: u32 = 2;

/// The service manager, if there is one.
#[derive(Debug, Default)]
pub(super) struct Manager {
    socket: Option<UnixDatagram>,
    alive_every: Option<Duration>,
}

impl Manager {
    /// The manager that has started this process, as it says in the environment.
    pub(super) fn of_environment() -> Self {
        let Some(path) = env::var_os("NOTIFY_SOCKET") else {
            return Self::default();
        };
        let socket = connect(&path).inspect_err(|error| {
            tracing::warn!(?path, %error, "NOTIFY_SOCKET: the service manager cannot be told");
        });
        let text = |name| env::var(name).ok();
        let is_own = |id: String| id == std::process::id().to_string();
        let alive_every = text("WATCHDOG_USEC")
            .filter(|_| text("WATCHDOG_PID").is_none_or(is_own))
            .and_then(|us| us.parse().ok())
            .map(|us| Duration::from_micros(us) / ALIVE_PARTS);
        Self {
            socket: socket.ok(),
            alive_every: alive_every.filter(|every| !every.is_zero()),
        }
    }

    /// How often it wants to be told that the server is alive; `None` if it does not.
    pub(super) fn alive_every(&self) -> Option<Duration> {
        self.socket.as_ref().and(self.alive_every)
    }

    /// The server listens, and this is what it says of itself.
    pub(super) fn ready(&mut self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The server reads its settings again. [`ready`](Self::ready) must follow.
    pub(super) fn reloading(&mut self) {
        let now = clock_gettime(ClockId::Monotonic);
        let us = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={us}"));
    }

    /// The server drains.
    pub(super) fn stopping(&mut self) {
        self.tell("STOPPING=1\nSTATUS=Draining");
    }

    /// The server is alive.
    pub(super) fn alive(&mut self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&mut self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
            // It has not read what it was told before.
            && error.kind() != io::ErrorKind::WouldBlock
        {
            tracing::warn!(%error, "NOTIFY_SOCKET: the service manager cannot be told any more");
            self.socket = None;
        }
    }
}

fn connect(path: &OsStr) -> io::Result<UnixDatagram> {
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(path)?,
        _ => {
            let reason = "expected a path, or a name that begins with @";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
