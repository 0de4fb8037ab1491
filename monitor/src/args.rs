//! The command line.

use std::path::PathBuf;

use clap::Parser;
use tickcast_protocol::topic::{Filter, Topic};

use crate::theme::ThemeChoice;

/// Where the server listens if nothing else is said.
pub const URL_DEFAULT: &str = "ws://127.0.0.1:7400/ws";

/// Shows live data of a Tickcast server in lists and charts.
#[derive(Debug, Clone, Parser)]
#[command(name = "tickcast-monitor", version)]
pub struct Args {
    /// Address of the server [default: the last one, or ws://127.0.0.1:7400/ws]
    #[arg(long, env = "TICKCAST_MONITOR_URL")]
    pub url: Option<String>,

    /// Topics to watch, as an MQTT filter; several are possible
    #[arg(long = "filter", value_name = "FILTER", default_value = "#")]
    pub filters: Vec<Filter>,

    /// Topic to chart from the start, instead of the last layout; several are possible
    #[arg(long = "chart", value_name = "TOPIC")]
    pub charts: Vec<Topic>,

    /// Play this recording instead of listening to a server
    #[arg(long, value_name = "FILE")]
    pub play: Option<PathBuf>,

    /// How many times as fast as it was the recording is played
    #[arg(long, value_name = "TIMES", requires = "play", value_parser = parse_speed)]
    pub play_speed: Option<f64>,

    /// Colours [default: the last ones, or dark]
    #[arg(long)]
    pub theme: Option<ThemeChoice>,

    /// Size of the window in points, WIDTHxHEIGHT
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub size: Option<(f32, f32)>,

    /// File that keeps the settings; a missing one is made, an unreadable one is set aside
    #[arg(long, value_name = "FILE", env = "TICKCAST_MONITOR_SETTINGS")]
    pub settings: Option<PathBuf>,

    /// Write what the program costs and what it missed to this file every 10 seconds, one JSON
    /// object a line
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Save a picture of the window to this PNG file and end; several are taken one after the other
    #[arg(long = "screenshot", value_name = "FILE")]
    pub screenshots: Vec<PathBuf>,

    /// Seconds to wait before each picture is taken
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5.0,
        requires = "screenshots"
    )]
    pub screenshot_after: f64,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok();
    let speed = speed.filter(|speed: &f64| (0.01..=10_000.0).contains(speed));
    speed.ok_or_else(|| "it should be a number between 0.01 and 10000".to_owned())
}

fn parse_size(text: &str) -> Result<(f32, f32), String> {
    let parsed = text.split_once('x').and_then(|(width, height)| {
        let size = (width.parse().ok()?, height.parse().ok()?);
        ((200.0..=20_000.0).contains(&size.0) && (200.0..=20_000.0).contains(&size.1))
            .then_some(size)
    });
    parsed.ok_or_else(|| "it should look like 1440x900".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Args::command().debug_assert();
        let args = Args::parse_from(["tickcast-monitor"]);
        assert_eq!(args.filters, [Filter::all()]);
        assert_eq!(parse_size("1440x900"), Ok((1440.0, 900.0)));
        assert_eq!(parse_speed("60"), Ok(60.0));
        assert!(parse_speed("0").is_err());
        assert!(parse_size("big").is_err());
        assert!(parse_size("1x1").is_err());
    }
}
