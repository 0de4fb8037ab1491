//! SIGHUP: reads the settings again, and applies what can be changed while the server runs. That is
//! the identities file, the log's filter, and what is in the files of certificates.

use tickcast_server::{
    Server,
    config::{self, Command, Settings},
    log::Log,
};

/// Reads flags, environment and file again. If something is wrong, nothing changes.
pub(super) async fn reload(settings: &mut Settings, log: &Log, server: &Server) {
    let has_identities = reload_identities(server).await;
    let new = match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Command::Run(new)) => *new,
        Ok(Command::Print(_)) => return,
        Err(error) => {
            let problems = error.problems.join("; ");
            tracing::error!("SIGHUP: the settings remain, because they are wrong now: {problems}");
            return;
        }
    };
    let has_tls = reload_certificates(server);
    if new.log.filter != settings.log.filter {
        let filter = &new.log.filter;
        match log.set_filter(filter) {
            Ok(()) => tracing::info!("SIGHUP: the log filter is {filter} now"),
            Err(error) => tracing::error!("SIGHUP: {error}"),
        }
        settings.log.filter.clone_from(filter);
    } else if new == *settings && !has_identities && !has_tls {
        tracing::info!("SIGHUP: ignored, as no setting has changed");
    }
    if new != *settings {
        tracing::warn!("SIGHUP: other settings have changed; they need a restart");
    }
}

/// Reads the identities again. Returns whether there are any.
async fn reload_identities(server: &Server) -> bool {
    match server.reload_identities().await {
        Ok(None) => return false,
        Ok(Some(clients)) => tracing::info!(clients, "SIGHUP: the identities file is applied"),
        Err(error) => tracing::error!("SIGHUP: the identities remain as they were: {error}"),
    }
    true
}

/// Reads all certificates and keys again. Returns whether there are any.
fn reload_certificates(server: &Server) -> bool {
    let files = match server.reload_certificates() {
        Ok(files) => files,
        Err(reason) => {
            tracing::error!("SIGHUP: all certificates remain as they are: {reason}");
            return true;
        }
    };
    for file in &files {
        let file = file.display();
        tracing::info!("SIGHUP: the certificate in {file} is used for new connections");
    }
    !files.is_empty()
}
