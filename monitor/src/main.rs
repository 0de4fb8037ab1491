//! `tickcast-monitor`: reads the command line and opens the window.

use clap::Parser;
use tickcast_monitor::Args;
use tracing_subscriber::EnvFilter;

/// The history is allocated and freed in chunks all day. The system's allocator leaves holes
/// between them that add up to a third of the history and still grow after half an hour.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The window library warns of uncommon displays, and the font finder of systems without a
/// language.
const LOG_DEFAULT: &str = "warn,winit=error,egui_system_font_provider=error";

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    tickcast_monitor::run(args)
}
