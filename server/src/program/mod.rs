//! The program's life: starts the log and the server, obeys signals, and ends in order.
//!
//! * this file: from the start to the end
//! * `signals`: which signals mean what
//! * `manager`: what a service manager such as systemd is told
//! * `reload`: SIGHUP
//! * `log_tools`: `tickcast-server log`

pub(crate) mod log_tools;
mod manager;
mod reload;
mod signals;

use std::{
    io::IsTerminal,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    thread::{self, JoinHandle},
    time::Duration,
};

use manager::Manager;
use signals::{Signal, Signals};
use tickcast_server::{
    Endpoint, Listening, PassedSockets, Server, StartError,
    config::{LogSettings, OnFailure, Settings},
    log::Log,
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// The exit code after a second signal, as of a program that SIGINT has ended.
const NOW: i32 = 130;

/// The exit code after a failure inside the server (EX_SOFTWARE in sysexits.h). It differs from 1,
/// after which starting again does not help.
const FAILED: u8 = 70;

/// Runs the server until a signal or a failure ends it.
pub(crate) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    // It changes the environment, so there is no other thread yet.
    let passed = PassedSockets::of_environment();
    let LogSettings { filter, format } = &settings.log;
    let log = Log::start(filter, *format, std::io::stderr().is_terminal())?;
    // A panic outside of the server's tasks is a failure as well.
    let result = catch_unwind(AssertUnwindSafe(|| live(settings, passed, &log)));
    let result = result.unwrap_or_else(|_| Ok(ExitCode::from(FAILED)));
    let is_logged = |error: &anyhow::Error| log.fails(&format!("{error:#}"));
    let result = match result {
        Err(error) if is_logged(&error) => Ok(ExitCode::FAILURE),
        result => result,
    };
    log.flush();
    result
}

fn live(
    settings: Settings,
    passed: Result<PassedSockets, StartError>,
    log: &Log,
) -> anyhow::Result<ExitCode> {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _context = runtime.enter();
    let mut signals = Signals::new()?;
    let mut settings = settings;
    let mut server = Server::start_with(settings.clone(), passed?)?;
    let mut manager = Manager::of_environment();
    let code = loop {
        // Only this log has dropped lines, so the number is not set yet.
        let _ = server.metrics().log_dropped.set(log.dropped());
        server.log_filter_by(log.filter_by());
        greet(&server, &settings);
        let end = until_the_end(&server, &mut settings, &mut signals, log, &mut manager);
        match runtime.block_on(end) {
            End::Exit(code) => break code,
            End::Restart(reason) => {
                tracing::warn!("the server starts again, with its clients: {reason}");
                manager.reloading();
                server = server.restart()?;
            }
        }
    };
    manager.stopping();
    // A failure while it drains is one as well.
    let failed = server.failed();
    let drained = drain(server)?;
    runtime.block_on(async {
        tokio::select! {
            result = spawn_blocking(move || drained.join()) => match result {
                Ok(Ok(())) => tracing::info!("drained"),
                _ => tracing::error!("draining failed"),
            },
            name = signals.again() => {
                tracing::warn!("{name} again: exiting now");
                log.flush();
                std::process::exit(NOW);
            }
        }
    });
    let has_failed = runtime.block_on(async { timeout(Duration::ZERO, failed).await.is_ok() });
    Ok(if has_failed { FAILED } else { code }.into())
}

fn greet(server: &Server, settings: &Settings) {
    if let Some(admin) = server.admin_address() {
        tracing::info!("admin address for operators: http://{admin}/v1/slow");
    }
    let feeds = settings.feeds.iter().map(|feed| &feed.name);
    let (feeds, shards) = (feeds.collect::<Vec<_>>(), settings.server.shards);
    for Listening {
        endpoint, is_tls, ..
    } in server.listeners()
    {
        let scheme = if *is_tls { "wss" } else { "ws" };
        match endpoint {
            Endpoint::Tcp(address) => {
                tracing::info!(shards, ?feeds, "listening on {scheme}://{address}/ws");
            }
            Endpoint::Name { .. } | Endpoint::Unix { .. } | Endpoint::Passed { .. } => {
                tracing::info!(shards, ?feeds, "listening on {endpoint} for {scheme}");
            }
        }
    }
}

/// How a life of the server ends.
enum End {
    /// With this exit code.
    Exit(u8),
    /// It is to start again, for this reason.
    Restart(String),
}

/// Waits until the server is to end.
async fn until_the_end(
    server: &Server,
    settings: &mut Settings,
    signals: &mut Signals,
    log: &Log,
    manager: &mut Manager,
) -> End {
    let status = status(server);
    manager.ready(&status);
    let mut failed = Box::pin(server.failed());
    let mut outdated = Box::pin(server.outdated());
    let mut has_failed = false;
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Reload => {
                    manager.reloading();
                    reload::reload(settings, log, server).await;
                    manager.ready(&status);
                }
                Signal::End(name) => {
                    tracing::info!("{name}: draining; send the signal again to exit now");
                    return End::Exit(if has_failed { FAILED } else { 0 });
                }
            },
            failure = &mut failed, if !has_failed => {
                has_failed = true;
                if settings.server.on_failure == OnFailure::Exit {
                    tracing::error!("{failure}: draining, then exiting");
                    return End::Exit(FAILED);
                }
                tracing::error!("{failure}: the server stays, see /healthz");
            }
            reason = &mut outdated => return End::Restart(reason),
            // A server that has lost a task for good is not alive, as /healthz says.
            () = until_due(manager.alive_every()), if !has_failed => manager.alive(),
        }
    }
}

/// What the service manager shows of it.
fn status(server: &Server) -> String {
    let endpoints = server
        .listeners()
        .iter()
        .map(|one| one.endpoint.to_string());
    format!("Listening on {}", endpoints.collect::<Vec<_>>().join(", "))
}

/// Completes after this time; never without one.
async fn until_due(every: Option<Duration>) {
    match every {
        Some(every) => sleep(every).await,
        None => std::future::pending().await,
    }
}

fn drain(server: Server) -> anyhow::Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name("tickcast-drain".to_owned());
    Ok(thread.spawn(move || server.shutdown())?)
}

#[cfg(test)]
mod tests;
