//! The certificate that a listener shows now. It can be replaced while connections are open: they
//! keep their sessions, and the next handshake has the new one.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::ServerConfig;

use super::{
    server::{self, ListenerTls},
    settings::ServerTls,
    validity::shown,
};
use crate::metrics::CertificateStats;

/// The certificate of a listener is replaced before it has less than this left: with time for a
/// person to do it.
const WARN_DAYS: i64 = 14;

/// Seconds of a day.
const DAY_S: i64 = 24 * 3600;

/// What a listener shows; see the module.
#[derive(Debug)]
pub(crate) struct CurrentTls {
    settings: ServerTls,
    stats: Arc<CertificateStats>,
    current: RwLock<ListenerTls>,
}

impl CurrentTls {
    /// Reads the files of a listener. An error names the setting.
    pub(crate) fn new(settings: ServerTls, stats: Arc<CertificateStats>) -> Result<Self, String> {
        let current = load(&settings)?;
        stats.set_expires(current.validity.to);
        let current = RwLock::new(current);
        Ok(Self {
            settings,
            stats,
            current,
        })
    }

    /// The file of the certificate.
    pub(crate) fn cert(&self) -> &Path {
        &self.settings.cert
    }

    /// What the next handshake uses.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let current = self.current.read();
        // It is replaced whole.
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the files again. Nothing changes before [`replace`](Self::replace).
    pub(crate) fn reload(&self) -> Result<ListenerTls, String> {
        load(&self.settings).map_err(|reason| format!("listener {}: {reason}", self.stats.listener))
    }

    /// Shows something else from now on. The keys of tickets change with it, so that no client
    /// continues a session that the new files would refuse.
    pub(crate) fn replace(&self, new: ListenerTls) {
        self.stats.set_expires(new.validity.to);
        let current = self.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// A warning, if the certificate expires soon.
    pub(crate) fn warning(&self) -> Option<String> {
        let current = self.current.read();
        let validity = current.unwrap_or_else(PoisonError::into_inner).validity;
        let left_s = validity.left_s();
        let what = match left_s {
            ..0 => "has expired".to_owned(),
            _ if left_s > WARN_DAYS * DAY_S => return None,
            _ => format!("expires in {} days", left_s / DAY_S),
        };
        Some(format!(
            "the certificate in {} {what}, at {}: renew it, then send SIGHUP",
            self.settings.cert.display(),
            shown(validity.to)
        ))
    }
}

fn load(settings: &ServerTls) -> Result<ListenerTls, String> {
    server::load(settings).map_err(|(key, reason)| format!("{key}: {reason}"))
}
