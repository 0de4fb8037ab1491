//! The server under test, seen from outside: its process and its counters.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use crate::{
    plan::Plan,
    process::{self, Usage},
    scrape::{self, Counters},
};

/// Counters settle within this after the last update has arrived.
const SETTLE_MAX: Duration = Duration::from_secs(3);

/// Pause between two looks.
const SETTLE_PAUSE: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) pid: Option<u32>,
    /// Before the first subscriber.
    pub(super) before: Option<Usage>,
    address: SocketAddr,
    host: String,
    path: Option<String>,
    counters_before: Result<Counters, String>,
}

impl Server {
    pub(super) fn find(plan: &Plan) -> Self {
        let address = plan.target.address;
        let is_local = address.ip().is_loopback();
        let found = || {
            is_local
                .then(|| process::listening_on(address.port()))
                .flatten()
        };
        let pid = plan.server_pid.or_else(found);
        let mut server = Self {
            pid,
            before: pid.and_then(process::usage),
            address,
            host: plan.target.host.clone(),
            path: plan.metrics_path.clone(),
            counters_before: Err(String::new()),
        };
        server.counters_before = server.fetch();
        server
    }

    /// What its process has used, if it can be watched.
    pub(super) fn usage(&self) -> Option<Usage> {
        process::usage(self.pid?)
    }

    fn fetch(&self) -> Result<Counters, String> {
        let Some(path) = &self.path else {
            return Err("not looked at, as asked".to_owned());
        };
        scrape::fetch(self.address, &self.host, path).map_err(|error| error.to_string())
    }

    /// Its counters before and after; waits for a moment until `agrees` with them.
    pub(super) fn counters(
        &self,
        agrees: impl Fn(&Counters, &Counters) -> bool,
    ) -> Result<(&Counters, Counters), String> {
        let before = self.counters_before.as_ref().map_err(String::clone)?;
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            let after = self.fetch()?;
            if agrees(before, &after) || Instant::now() > deadline {
                return Ok((before, after));
            }
            #[allow(clippy::disallowed_methods)] // The main thread, between phases.
            thread::sleep(SETTLE_PAUSE);
        }
    }
}
