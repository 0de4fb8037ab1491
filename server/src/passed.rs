//! Listening sockets that the process was started with, as a socket unit of systemd does:
//! sd_listen_fds(3). They are open before the server starts and after it has ended, so no
//! connection is refused while it is started again.

use std::{env, io};

use listenfd::ListenFd;
use socket2::SockRef;

use crate::{
    net::acceptor::Bound,
    settings::{endpoint::Endpoint, listen::ListenSettings},
    start_error::StartError,
};

/// Sockets that are taken, at most. More are a mistake: each takes a descriptor, and one more for
/// every acceptor.
const SOCKETS_MAX: usize = 64;

/// The descriptor of the first one (SD_LISTEN_FDS_START).
const FIRST: usize = 3;

/// The name of a socket to which the manager has given none.
const UNNAMED: &str = "unknown";

/// Listening sockets that the process was started with.
#[derive(Debug, Default)]
pub struct PassedSockets(Vec<Passed>);

/// One of them.
#[derive(Debug)]
struct Passed {
    name: String,
    socket: Bound,
}

impl PassedSockets {
    /// Takes those that the environment names, if they are for this process. Call it once, before
    /// there are other threads: it changes the environment.
    ///
    /// # Errors
    ///
    /// If a descriptor is no listening socket of a kind that the server has, or there are too many.
    pub fn of_environment() -> Result<Self, StartError> {
        let is_own = |id: String| id == std::process::id().to_string();
        let number = env::var("LISTEN_FDS").unwrap_or_default();
        if number.is_empty() || !env::var("LISTEN_PID").is_ok_and(is_own) {
            return Ok(Self::default());
        }
        let is_right = |count: &usize| *count <= SOCKETS_MAX;
        if number.parse().ok().filter(is_right).is_none() {
            return Err(StartError::Passed(format!(
                "LISTEN_FDS is {number:?}: expected a number up to {SOCKETS_MAX}"
            )));
        }
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(ToOwned::to_owned);
        let mut descriptors = ListenFd::from_env();
        let taken = (0..descriptors.len()).map(|index| {
            let name = names.next().filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| UNNAMED.to_owned());
            let socket = take(&mut descriptors, index).map_err(|error| {
                let number = FIRST + index;
                StartError::Passed(format!(
                    "the passed socket {name:?} (descriptor {number}) cannot be used: {error}"
                ))
            })?;
            Ok(Passed { name, socket })
        });
        taken.collect::<Result<_, _>>().map(Self)
    }

    /// The same sockets for another start, if there may be one; else none.
    pub(crate) fn if_again(&self, may_start_again: bool) -> Result<Self, StartError> {
        let clones = self.0.iter().filter(|_| may_start_again).map(|passed| {
            let socket = passed.socket.try_clone();
            let socket = socket.map_err(|error| StartError::Passed(error.to_string()))?;
            let name = passed.name.clone();
            Ok(Passed { name, socket })
        });
        clones.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn len(&self) -> usize {
        let Self(all) = self;
        all.len()
    }

    /// Distributes them among listeners: for each one its sockets. Those of no name are for the
    /// listener that takes all.
    pub(crate) fn distribute(
        self,
        listeners: &[ListenSettings],
    ) -> Result<Vec<Vec<Bound>>, StartError> {
        let Self(all) = self;
        let is_for = |listener: &ListenSettings, socket: &Passed| match &listener.endpoint {
            Endpoint::Passed { name: Some(name) } => *name == socket.name,
            _ => false,
        };
        let takes_rest =
            |one: &ListenSettings| matches!(one.endpoint, Endpoint::Passed { name: None });
        let names = all.iter().map(|socket| &*socket.name).collect::<Vec<_>>();
        let names = names.join(", ");
        let mut distributed: Vec<_> = listeners.iter().map(|_| Vec::new()).collect();
        let mut unused = Vec::new();
        for socket in all {
            let mut by_name = listeners.iter();
            let index = by_name.position(|listener| is_for(listener, &socket));
            match index.or_else(|| listeners.iter().position(takes_rest)) {
                Some(index) => distributed[index].push(socket.socket),
                None => unused.push(socket.name),
            }
        }
        if !unused.is_empty() {
            let unused = unused.join(", ");
            return Err(StartError::Passed(format!(
                "no listener uses these passed sockets: {unused}. Listen on systemd:NAME, or on \
                 systemd for all of them"
            )));
        }
        for (listener, sockets) in listeners.iter().zip(&distributed) {
            if let (endpoint @ Endpoint::Passed { .. }, []) =
                (&listener.endpoint, sockets.as_slice())
            {
                let passed = match names.as_str() {
                    "" => "no socket was passed (LISTEN_FDS and LISTEN_PID)".to_owned(),
                    names => format!("the passed sockets are {names}"),
                };
                return Err(StartError::Passed(format!(
                    "cannot listen on {endpoint}: {passed}"
                )));
            }
        }
        Ok(distributed)
    }
}

fn take(descriptors: &mut ListenFd, index: usize) -> io::Result<Bound> {
    let failed = || {
        let reason = "expected a listening socket of TCP, or a listening stream socket of Unix";
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    };
    let socket = match descriptors.take_tcp_listener(index) {
        Ok(Some(socket)) => Bound::Tcp(socket),
        _ => match descriptors.take_unix_listener(index) {
            Ok(Some(socket)) => Bound::Unix(socket),
            _ => return Err(failed()),
        },
    };
    let options = match &socket {
        Bound::Tcp(socket) => SockRef::from(socket),
        Bound::Unix(socket) => SockRef::from(socket),
    };
    if !options.is_listener()? {
        return Err(failed());
    }
    options.set_nonblocking(true)?;
    Ok(socket)
}
