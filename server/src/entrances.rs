//! Binds all listeners, and distributes them among shards and acceptors.

use std::{io, sync::Arc};

use crate::{
    metrics::CertificateStats,
    net::{
        acceptor::{Bound, Door, bind_unix},
        arrival::ListenerInfo,
        listener,
        shard_thread::ShardListener,
    },
    settings::{
        ServerSettings,
        listen::{Endpoint, ListenSettings},
    },
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
}

/// All listeners, bound.
#[derive(Debug, Default)]
pub(crate) struct Entrances {
    /// Those that begin with HTTP: one socket for each shard.
    pub(crate) of_shards: Vec<Vec<ShardListener>>,
    /// The others: one socket for each acceptor. Without such listeners there are no acceptors.
    pub(crate) of_acceptors: Vec<(Task, Vec<Door>)>,
    pub(crate) listening: Vec<Listening>,
    pub(crate) certificates: Vec<Arc<CurrentTls>>,
    pub(crate) certificate_stats: Vec<Arc<CertificateStats>>,
}

impl Entrances {
    /// Binds listeners. `task` names the task of each socket.
    pub(crate) fn bind(
        listeners: &[ListenSettings],
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
        for (number, settings) in listeners.iter().enumerate() {
            let failed = |error| StartError::Listen {
                endpoint: settings.endpoint.clone(),
                error,
            };
            // The only listener of most servers has no number.
            let number = match number {
                0 => String::new(),
                number => format!("-{}", number + 1),
            };
            let endpoint = if settings.has_preamble() {
                all.add_doors(settings, &number, &mut task)?
            } else {
                all.add_to_shards(settings, &number, &mut task)
                    .map_err(failed)?
            };
            let is_tls = settings.tls.is_some();
            all.listening.push(Listening { endpoint, is_tls });
        }
        Ok(all)
    }

    /// Number of sockets besides one for each shard.
    pub(crate) fn further_sockets(listeners: &[ListenSettings], server: &ServerSettings) -> usize {
        let sockets = listeners
            .iter()
            .map(|settings| match settings.has_preamble() {
                true => server.acceptors,
                false => server.shards,
            });
        let all: usize = sockets.sum();
        all.saturating_sub(server.shards)
    }

    fn add_to_shards(
        &mut self,
        settings: &ListenSettings,
        number: &str,
        task: &mut impl FnMut(String) -> Task,
    ) -> io::Result<Endpoint> {
        let address = settings.address().ok_or(io::ErrorKind::InvalidInput)?;
        let sockets = listener::bind(address, self.of_shards.len())?;
        let bound = sockets[0].local_addr()?;
        let info = ListenerInfo::new(settings);
        for (index, socket) in sockets.into_iter().enumerate() {
            self.of_shards[index].push(ShardListener {
                socket,
                info: Arc::clone(&info),
                task: task(format!("listener-{index}{number}")),
            });
        }
        Ok(Endpoint::Tcp(bound))
    }

    fn add_doors(
        &mut self,
        settings: &ListenSettings,
        number: &str,
        task: &mut impl FnMut(String) -> Task,
    ) -> Result<Endpoint, StartError> {
        let failed = |error| StartError::Listen {
            endpoint: settings.endpoint.clone(),
            error,
        };
        let (endpoint, sockets) =
            bind_for_acceptors(&settings.endpoint, self.of_acceptors.len()).map_err(failed)?;
        let tls = match &settings.tls {
            None => None,
            Some(files) => {
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
        let info = ListenerInfo::new(settings);
        for (index, (bound, (_, doors))) in
            sockets.into_iter().zip(&mut self.of_acceptors).enumerate()
        {
            doors.push(Door {
                bound,
                info: Arc::clone(&info),
                tls: tls.clone(),
                has_header: settings.proxy_protocol,
                task: task(format!("door-{index}{number}")),
            });
        }
        Ok(endpoint)
    }
}

/// Binds one socket for each acceptor. Those of a Unix socket are the same one.
fn bind_for_acceptors(endpoint: &Endpoint, acceptors: usize) -> io::Result<(Endpoint, Vec<Bound>)> {
    match endpoint {
        Endpoint::Tcp(address) => {
            let sockets = listener::bind(*address, acceptors)?;
            let bound = Endpoint::Tcp(sockets[0].local_addr()?);
            Ok((bound, sockets.into_iter().map(Bound::Tcp).collect()))
        }
        Endpoint::Unix { path, mode } => {
            let socket = bind_unix(path, *mode)?;
            let copies = (1..acceptors).map(|_| socket.try_clone());
            let mut sockets = copies.collect::<io::Result<Vec<_>>>()?;
            sockets.push(socket);
            Ok((
                endpoint.clone(),
                sockets.into_iter().map(Bound::Unix).collect(),
            ))
        }
    }
}
