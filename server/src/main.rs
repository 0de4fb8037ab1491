//! The program `tickcast-server`.

use std::{
    io::{ErrorKind, IsTerminal, Write},
    process::ExitCode,
};

use tickcast_server::{
    Server,
    config::{self, Command, LogSettings, Settings},
};
use tracing_subscriber::EnvFilter;

/// Uses less memory per connection and less time per batch than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Command::Print(text)) => print(&text),
        Ok(Command::Run(settings)) => run(*settings),
        Err(error) => {
            // Each line begins with its place, which editors and CI systems find there. If this
            // write fails, there is no other way to report the error.
            let _ = writeln!(std::io::stderr(), "{error}");
            return ExitCode::FAILURE;
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If this write fails, there is no other way to report the error.
            let _ = writeln!(std::io::stderr(), "tickcast-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        // The reader has closed the pipe because it needs no more, as `head` does.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn run(settings: Settings) -> anyhow::Result<()> {
    start_log(&settings.log)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let feeds: Vec<String> = settings
        .feeds
        .iter()
        .map(|feed| feed.name.clone())
        .collect();
    let shards = settings.server.shards;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::new()?
    };
    let server = Server::start(settings)?;
    let address = server.address();
    if let Some(admin) = server.admin_address() {
        tracing::info!("admin address for operators: http://{admin}/v1/slow");
    }
    tracing::info!(shards, ?feeds, "listening on ws://{address}/ws");
    let name = runtime.block_on(signals.next());
    tracing::info!("{name}: draining; send the signal again to exit now");
    let drained = std::thread::Builder::new()
        .name("tickcast-drain".to_owned())
        .spawn(move || server.shutdown())?;
    runtime.block_on(async {
        let drained = tokio::task::spawn_blocking(move || drained.join());
        tokio::select! {
            result = drained => match result {
                Ok(Ok(())) => tracing::info!("drained"),
                _ => tracing::error!("draining failed: a server thread panicked"),
            },
            name = signals.next() => {
                tracing::warn!("{name} again: exiting now");
                std::process::exit(130);
            }
        }
    });
    Ok(())
}

fn start_log(settings: &LogSettings) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&settings.filter)?)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
