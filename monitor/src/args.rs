//! The command line.

use std::path::PathBuf;

use clap::{Args as Group, Parser};
use tickcast_log::Point;
use tickcast_protocol::{
    tls::TlsOptions,
    token_file::check_token,
    topic::{Filter, Topic},
};

use crate::{
    data::login::{Login, TokenOrigin},
    files::{header_file::read_header, saved_state::ThemeChoice},
};

/// The address that the server listens on by default.
pub(crate) const URL_DEFAULT: &str = "ws://127.0.0.1:7400/ws";

/// Shows live data of a Tickcast server in lists and charts.
#[derive(Debug, Clone, Parser)]
#[command(name = "tickcast-monitor", version)]
pub struct Args {
    /// Address of the server, or of several nodes of a cluster with commas between them [default:
    /// the last one, or ws://127.0.0.1:7400/ws]
    #[arg(long, env = "TICKCAST_MONITOR_URL")]
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    #[command(flatten)]
    pub(crate) login: LoginArgs,

    /// Topics to watch, as an MQTT filter; may be repeated
    #[arg(long = "filter", value_name = "FILTER", default_value = "#")]
    pub(crate) filters: Vec<Filter>,

    /// Topic to chart at the start instead of the last layout; may be repeated
    #[arg(long = "chart", value_name = "TOPIC")]
    pub(crate) charts: Vec<Topic>,

    /// Play this recording instead of listening to a server, or the log in the folder of a
    /// server's --data
    #[arg(long, value_name = "PATH")]
    pub(crate) play: Option<PathBuf>,

    /// Play a log from this position or time on, such as 2026-11-27T08:00:00Z
    #[arg(long, value_name = "PLACE", requires = "play")]
    pub(crate) play_from: Option<Point>,

    /// Play a log up to this position, or before this time
    #[arg(long, value_name = "PLACE", requires = "play")]
    pub(crate) play_to: Option<Point>,

    /// Speed of the recording, as a multiple of the original
    #[arg(long, value_name = "TIMES", requires = "play", value_parser = parse_speed)]
    pub(crate) play_speed: Option<f64>,

    /// Colours [default: the last ones, or dark]
    #[arg(long)]
    pub(crate) theme: Option<ThemeChoice>,

    /// Size of the window in points, WIDTHxHEIGHT
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) size: Option<(f32, f32)>,

    /// File for the settings; a missing one is created, an unreadable one is set aside
    #[arg(long, value_name = "FILE", env = "TICKCAST_MONITOR_SETTINGS")]
    pub(crate) settings: Option<PathBuf>,

    /// Write memory, repaints and losses to this file every 10 seconds, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Save a picture of the window to this PNG file, then exit; repeat it for several pictures
    #[arg(long = "screenshot", value_name = "FILE")]
    pub(crate) screenshots: Vec<PathBuf>,

    /// Seconds to wait before each picture is taken
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5.0,
        requires = "screenshots"
    )]
    pub(crate) screenshot_after: f64,
}

/// Options of all connections with TLS.
#[derive(Debug, Clone, Group)]
pub(crate) struct TlsArgs {
    /// PEM file with the authorities that may sign the certificate of a server with wss://
    /// [default: those that the system trusts]
    #[arg(long, value_name = "FILE", env = "TICKCAST_MONITOR_CA")]
    ca: Option<PathBuf>,

    /// PEM file with a client certificate, for servers that ask for one
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// PEM file with its private key [default: the file of the certificate]
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Name that the server's certificate must have [default: the host in the URL]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
}

/// The login at the server that is shown first. It is sent to no other server.
#[derive(Debug, Clone, Group)]
pub(crate) struct LoginArgs {
    /// File with a token that proves an identity. It is read again before the token expires, and
    /// after the server has refused it. The variable TICKCAST_MONITOR_TOKEN may hold the token
    /// itself
    #[arg(long, value_name = "FILE", env = "TICKCAST_MONITOR_TOKEN_FILE")]
    token_file: Option<PathBuf>,

    /// File with a header `Name: value` for a proxy in front of the server
    #[arg(long, value_name = "FILE", env = "TICKCAST_MONITOR_HEADER_FILE")]
    header_file: Option<PathBuf>,
}

/// The variable that may hold a token. There is no flag for it, because other users of a machine
/// can read command lines.
const TOKEN_VARIABLE: &str = "TICKCAST_MONITOR_TOKEN";

impl LoginArgs {
    /// The login, or what is wrong with it.
    pub(crate) fn login(&self) -> Result<Login, String> {
        let given = std::env::var(TOKEN_VARIABLE)
            .ok()
            .filter(|text| !text.is_empty());
        let origin = match (&self.token_file, given) {
            // It may come later.
            (Some(path), _) => Some(TokenOrigin::File(path.clone())),
            (None, Some(text)) => {
                let token =
                    check_token(&text).map_err(|what| format!("{TOKEN_VARIABLE} {what}"))?;
                Some(TokenOrigin::Given(token))
            }
            (None, None) => None,
        };
        let header = self.header_file.as_deref().map(read_header).transpose()?;
        Login::new(origin, header).checked()
    }
}

impl TlsArgs {
    /// As the client has them.
    pub(crate) fn options(&self) -> TlsOptions {
        TlsOptions {
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            server_name: self.server_name.clone(),
            ..TlsOptions::named_as_flags()
        }
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok();
    let speed = speed.filter(|speed: &f64| (0.01..=10_000.0).contains(speed));
    speed.ok_or_else(|| "expected a number between 0.01 and 10000".to_owned())
}

fn parse_size(text: &str) -> Result<(f32, f32), String> {
    let parsed = text.split_once('x').and_then(|(width, height)| {
        let size = (width.parse().ok()?, height.parse().ok()?);
        ((200.0..=20_000.0).contains(&size.0) && (200.0..=20_000.0).contains(&size.1))
            .then_some(size)
    });
    parsed.ok_or_else(|| {
        "expected WIDTHxHEIGHT such as 1440x900, each between 200 and 20000".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        use clap::CommandFactory;
        Args::command().debug_assert();
        let args = Args::parse_from(["tickcast-monitor"]);
        assert_eq!(args.tls.options(), TlsOptions::named_as_flags());
        let with_ca = Args::parse_from(["tickcast-monitor", "--ca", "ca.pem"]);
        assert_eq!(with_ca.tls.options().ca, Some("ca.pem".into()));
        assert_eq!(args.filters, [Filter::all()]);
        assert_eq!(parse_size("1440x900"), Ok((1440.0, 900.0)));
        assert_eq!(parse_speed("60"), Ok(60.0));
        assert!(parse_speed("0").is_err());
        assert!(parse_size("big").is_err());
        assert!(parse_size("1x1").is_err());
    }
}
