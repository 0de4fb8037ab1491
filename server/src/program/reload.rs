//! SIGHUP: reads the settings again, and applies what can be changed while the server runs. That is
//! the identities file and the log's filter.

use tickcast_server::{
    Server,
    config::{self, Command, Settings},
    log::Log,
};

/// Reads flags, environment and file again. If something is wrong, nothing changes.
pub(super) async fn reload(settings: &mut Settings, server: &Server, log: &Log) {
    let has_identities = match server.reload_identities().await {
        Ok(None) => false,
        Ok(Some(clients)) => {
            tracing::info!(clients, "SIGHUP: the identities file is applied");
            true
        }
        Err(error) => {
            tracing::error!("SIGHUP: the identities remain as they were: {error}");
            true
        }
    };
    let new = match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Command::Run(new)) => *new,
        Ok(Command::Print(_)) => return,
        Err(error) => {
            let problems = error.problems.join("; ");
            tracing::error!("SIGHUP: the settings remain, because they are wrong now: {problems}");
            return;
        }
    };
    if new.log.filter != settings.log.filter {
        let filter = &new.log.filter;
        match log.set_filter(filter) {
            Ok(()) => tracing::info!("SIGHUP: the log filter is {filter} now"),
            Err(error) => tracing::error!("SIGHUP: {error}"),
        }
        settings.log = new.log.clone();
    } else if new == *settings && !has_identities {
        tracing::info!("SIGHUP: ignored, as no setting has changed");
    }
    if new != *settings {
        tracing::warn!("SIGHUP: other settings have changed; they need a restart");
    }
}
