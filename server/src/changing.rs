//! What can be changed while the server runs.

use std::path::PathBuf;

use crate::{
    net::{identity_commands::ask, operator_questions::Command},
    server::Server,
};

impl Server {
    /// Reads the identities file again, and applies it to all connections. If something is wrong,
    /// nothing changes. Returns the number of clients that are affected; `None` if the server has
    /// no identities.
    pub async fn reload_identities(&self) -> Result<Option<usize>, String> {
        let Some(auth) = &self.auth else {
            return Ok(None);
        };
        auth.reload().map_err(|problems| problems.join("; "))?;
        let reviewed = ask(&self.questioned, &Command::Review).await?;
        Ok(Some(reviewed.count))
    }

    /// Says how operators change the filter of the program's log.
    pub fn log_filter_by(
        &self,
        change: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.log_filter.set(Box::new(change));
    }

    /// Reads the certificates, keys and client authorities of all listeners again. If one of them
    /// is wrong, nothing changes. Connections that are open stay as they are. Returns the files of
    /// the certificates. Reading may wait for a disk.
    pub fn reload_certificates(&self) -> Result<Vec<PathBuf>, String> {
        let new = self.certificates.iter().map(|tls| tls.reload());
        let new = new.collect::<Result<Vec<_>, _>>()?;
        for (tls, new) in self.certificates.iter().zip(new) {
            tls.replace(new);
            if let Some(warning) = tls.warning() {
                tracing::warn!("{warning}");
            }
        }
        let files = self.certificates.iter().map(|tls| tls.cert().to_owned());
        Ok(files.collect())
    }
}
