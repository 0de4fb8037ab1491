//! The server under test, as seen from outside: its process and its counters.

use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tickcast_protocol::tls::TlsClient;

use crate::{
    observe::{
        process::{self, Usage},
        scrape::{self, Counters},
    },
    plan::Plan,
};

/// After the last update has arrived, counters settle within this time.
const SETTLE_MAX: Duration = Duration::from_secs(3);

/// Pause between two requests.
const SETTLE_PAUSE: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct ServerUnderTest {
    pub(super) pid: Option<u32>,
    /// Usage before the first subscriber.
    pub(super) before: Option<Usage>,
    address: SocketAddr,
    host: String,
    path: Option<String>,
    tls: Option<Arc<TlsClient>>,
    counters_before: Result<Counters, String>,
}

impl ServerUnderTest {
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
            tls: plan.target.tls.clone(),
            counters_before: Err(String::new()),
        };
        server.counters_before = server.fetch();
        server
    }

    /// What its process has used, if it can be observed.
    pub(super) fn usage(&self) -> Option<Usage> {
        process::usage(self.pid?)
    }

    fn fetch(&self) -> Result<Counters, String> {
        let Some(path) = &self.path else {
            return Err("--no-metrics was given".to_owned());
        };
        let fetched = scrape::fetch(self.address, self.tls.as_deref(), &self.host, path);
        fetched.map_err(|error| error.to_string())
    }

    /// Its counters before the run and now. Waits a while for `agrees` to become true.
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
