//! SIGHUP: reads the settings again, and applies what can be changed while the server runs. That is
//! the log's filter, and what is in the files of certificates.

use tickcast_server::{
    Server,
    config::{self, Command, Settings},
    log::Log,
};

/// Reads flags, environment and file again. If something is wrong, nothing changes.
pub(super) fn reload(settings: &mut Settings, log: &Log, server: &Server) {
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
        settings.log = new.log.clone();
    } else if new == *settings && !has_tls {
        tracing::info!("SIGHUP: ignored, as no setting has changed");
    }
    if new != *settings {
        tracing::warn!("SIGHUP: other settings have changed; they need a restart");
    }
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
