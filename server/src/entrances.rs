//! Binds all listeners, and distributes them among shards and acceptors.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use crate::{
    metrics::CertificateStats,
    net::{
        acceptor::{Bound, Door, bind_unix},
        arrival::ListenerInfo,
        binding::bind_all,
        shard_thread::ShardListener,
    },
    passed::PassedSockets,
    settings::{ServerSettings, endpoint::Endpoint, listen::ListenSettings},
    start_error::StartError,
    tasks::Task,
    tls::CurrentTls,
};

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// The address, with the port that the kernel has chosen for port 0, or the Unix socket.
    pub endpoint: Endpoint,
    /// Whether clients use TLS.
    pub is_tls: bool,
    /// Whether the process was started with its socket.
    pub is_passed: bool,
}

impl Listening {
    /// Removes the file of a Unix socket that the server has made.
    pub(crate) fn remove_file(&self) {
        if let Endpoint::Unix { path, .. } = &self.endpoint
            && !self.is_passed
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!(path = %path.display(), %error, "cannot remove the socket");
        }
    }
}

/// All listeners, bound.
#[derive(Debug, Default)]
pub(crate) struct Entrances {
    /// Those that begin with HTTP: one socket for each shard.
    pub(crate) of_shards: Vec<Vec<ShardListener>>,
    /// The others: one socket for each acceptor. Without such listeners there are no acceptors.
    pub(crate) of_acceptors: Vec<(Task, Vec<Door>)>,
    pub(crate) listening: Vec<Listening>,
    /// The setting of each listener, with the port that it got.
    pub(crate) bound: Vec<Endpoint>,
    pub(crate) certificates: Vec<Arc<CurrentTls>>,
    pub(crate) certificate_stats: Vec<Arc<CertificateStats>>,
}

impl Entrances {
    /// Binds listeners, or takes their sockets of those that were passed. `task` names the task of
    /// each socket.
    pub(crate) fn bind(
        listeners: &[ListenSettings],
        passed: PassedSockets,
        server: &ServerSettings,
        mut task: impl FnMut(String) -> Task,
    ) -> Result<Self, StartError> {
        let mut all = Self {
            of_shards: (0..server.shards).map(|_| Vec::new()).collect(),
            ..Self::default()
        };
        if listeners.iter().any(ListenSettings::has_preamble) {
            let names = (0..server.acceptors).map(|index| format!("acceptor-{index}"));
            all.of_acceptors = names.map(|name| (task(name), Vec::new())).collect();
        }
        let passed = passed.distribute(listeners)?;
        for (settings, passed) in listeners.iter().zip(passed) {
            let endpoints = if settings.has_preamble() {
                all.add_doors(settings, passed, &mut task)?
            } else {
                all.add_to_shards(settings, &mut task)?
            };
            let port = endpoints.iter().flat_map(Endpoint::addresses).next();
            let port = port.map_or(0, SocketAddr::port);
            all.bound.push(settings.endpoint.clone().at_port(port));
            let listening = endpoints.into_iter().map(|endpoint| Listening {
                endpoint,
                is_tls: settings.tls.is_some(),
                is_passed: matches!(settings.endpoint, Endpoint::Passed { .. }),
            });
            all.listening.extend(listening);
        }
        Ok(all)
    }

    /// Number of sockets besides one for each shard.
    pub(crate) fn further_sockets(
        listeners: &[ListenSettings],
        passed: &PassedSockets,
        server: &ServerSettings,
    ) -> usize {
        let sockets = listeners.iter().map(|settings| {
            let each = match settings.has_preamble() {
                true => server.acceptors,
                false => server.shards,
            };
            each * settings.endpoint.addresses().len().max(1)
        });
        let all = sockets.sum::<usize>() + passed.len() * server.acceptors;
        all.saturating_sub(server.shards)
    }

    /// The number of a socket's place in the names of its tasks. The only place of most servers has
    /// no number.
    fn number(&self, index: usize) -> String {
        match self.listening.len() + index {
            0 => String::new(),
            number => format!("-{}", number + 1),
        }
    }

    fn add_to_shards(
        &mut self,
        settings: &ListenSettings,
        task: &mut impl FnMut(String) -> Task,
    ) -> Result<Vec<Endpoint>, StartError> {
        let bound = bind_tcp(&settings.endpoint, self.of_shards.len())?;
        let info = ListenerInfo::new(settings, false);
        let mut endpoints = Vec::new();
        for (place, (endpoint, sockets)) in bound.into_iter().enumerate() {
            let number = self.number(place);
            for (index, socket) in sockets.into_iter().enumerate() {
                self.of_shards[index].push(ShardListener {
                    socket,
                    info: Arc::clone(&info),
                    task: task(format!("listener-{index}{number}")),
                });
            }
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }

    fn add_doors(
        &mut self,
        settings: &ListenSettings,
        passed: Vec<Bound>,
        task: &mut impl FnMut(String) -> Task,
    ) -> Result<Vec<Endpoint>, StartError> {
        let bound = bind_for_acceptors(&settings.endpoint, passed, self.of_acceptors.len())?;
        let tls = match &settings.tls {
            None => None,
            Some(files) => {
                let endpoint = match bound.as_slice() {
                    [(endpoint, _)] => endpoint,
                    _ => &settings.endpoint,
                };
                let stats = Arc::new(CertificateStats::new(endpoint.to_string()));
                let tls = CurrentTls::new(files.clone(), Arc::clone(&stats));
                let tls = tls.map_err(|reason| StartError::Tls {
                    endpoint: settings.endpoint.clone(),
                    reason,
                })?;
                let tls = Arc::new(tls);
                self.certificate_stats.push(stats);
                self.certificates.push(Arc::clone(&tls));
                Some(tls)
            }
        };
        let mut endpoints = Vec::new();
        for (place, (endpoint, sockets)) in bound.into_iter().enumerate() {
            let is_unix = matches!(endpoint, Endpoint::Unix { .. });
            let info = ListenerInfo::new(settings, is_unix);
            let number = self.number(place);
            let acceptors = self.of_acceptors.iter_mut();
            for (index, (bound, (_, doors))) in sockets.into_iter().zip(acceptors).enumerate() {
                doors.push(Door {
                    bound,
                    info: Arc::clone(&info),
                    tls: tls.clone(),
                    has_header: settings.proxy_protocol,
                    task: task(format!("door-{index}{number}")),
                });
            }
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }
}

/// What a listener is bound to, with a copy of its socket for each thread.
type Copies<T> = Vec<(Endpoint, Vec<T>)>;

/// Binds every address of an endpoint: one socket for each thread.
fn bind_tcp(endpoint: &Endpoint, threads: usize) -> Result<Copies<TcpListener>, StartError> {
    let failed = |error| StartError::Listen {
        endpoint: endpoint.clone(),
        error,
    };
    let all = bind_all(endpoint.addresses(), threads).map_err(|(address, error)| {
        failed(match endpoint {
            // It does not tell which of its addresses.
            Endpoint::Name { .. } => io::Error::new(error.kind(), format!("{address}: {error}")),
            _ => error,
        })
    })?;
    let copies = all.into_iter().map(|sockets| {
        let address = sockets[0].local_addr()?;
        Ok((Endpoint::Tcp(address), sockets))
    });
    copies.collect::<io::Result<_>>().map_err(failed)
}

/// One socket for each acceptor. Those of a Unix socket, and those that were passed, are the same
/// one.
fn bind_for_acceptors(
    endpoint: &Endpoint,
    passed: Vec<Bound>,
    acceptors: usize,
) -> Result<Copies<Bound>, StartError> {
    let failed = |error| StartError::Listen {
        endpoint: endpoint.clone(),
        error,
    };
    let shared = match endpoint {
        Endpoint::Tcp(_) | Endpoint::Name { .. } => {
            let all = bind_tcp(endpoint, acceptors)?;
            let all = all.into_iter().map(|(endpoint, sockets)| {
                let sockets = sockets.into_iter().map(Bound::Tcp);
                (endpoint, sockets.collect())
            });
            return Ok(all.collect());
        }
        Endpoint::Unix { path, mode } => {
            let socket = bind_unix(path, *mode).map_err(failed)?;
            vec![(endpoint.clone(), Bound::Unix(socket))]
        }
        Endpoint::Passed { .. } => {
            let all = passed
                .into_iter()
                .map(|socket| Ok((socket.endpoint()?, socket)));
            all.collect::<io::Result<_>>().map_err(failed)?
        }
    };
    let copies = shared.into_iter().map(|(endpoint, socket)| {
        let copies = (1..acceptors).map(|_| socket.try_clone());
        let mut sockets = copies.collect::<io::Result<Vec<_>>>()?;
        sockets.push(socket);
        Ok((endpoint, sockets))
    });
    copies.collect::<io::Result<_>>().map_err(failed)
}
