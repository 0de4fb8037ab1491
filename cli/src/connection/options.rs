//! What the command line says about the connection.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use tickcast_protocol::{
    client::{ClientOptions, ConnectOptions, TokenSource},
    codec::Encoding,
    message::BearerToken,
    tls::TlsOptions,
    token_file::check_token,
    websocket::ServerUrl,
};

use crate::exit::Failure;

/// The variable that may hold a token. There is no flag for it, because other users of a machine
/// can read command lines.
pub(crate) const TOKEN_VARIABLE: &str = "TICKCAST_TOKEN";

/// The variable that may name the authorities.
const CA_VARIABLE: &str = "TICKCAST_CA";

/// The longest time that a flag may name: a year.
const DURATION_MAX: Duration = Duration::from_secs(366 * 86_400);

/// Options of all commands that talk to a server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Address of the server: ws://HOST:PORT/ws, or wss:// with TLS. With several nodes of a
    /// cluster, separated by commas, the command goes on at another one when a node is lost
    #[arg(
        long = "url",
        value_name = "URL",
        env = "TICKCAST_URL",
        value_delimiter = ',',
        default_value = "ws://127.0.0.1:7400/ws"
    )]
    urls: Vec<String>,

    /// PEM file with the authorities that may sign the server's certificate [default: those that
    /// the system trusts]
    #[arg(long, value_name = "FILE", env = CA_VARIABLE)]
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

    /// File with a token that proves an identity. It is read again before the token expires, and
    /// after the server has refused it. The variable TICKCAST_TOKEN may hold the token itself
    #[arg(long, value_name = "FILE", env = "TICKCAST_TOKEN_FILE")]
    token_file: Option<PathBuf>,

    /// Encoding of messages
    #[arg(long, value_enum, default_value_t = EncodingArg::Bincode)]
    encoding: EncodingArg,

    /// How long to wait for a connection, and for each answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

/// See [`Encoding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EncodingArg {
    /// Binary, smaller and faster
    Bincode,
    /// Text, for people who watch the wire
    Json,
}

impl ConnectionArgs {
    /// The options of a client, or what is wrong with the arguments.
    pub(crate) fn client(&self) -> Result<ClientOptions, Failure> {
        let encoding = match self.encoding {
            EncodingArg::Bincode => Encoding::Bincode,
            EncodingArg::Json => Encoding::Json,
        };
        self.servers()?;
        let (first, others) = self.urls.split_first().ok_or_else(no_url)?;
        let mut connect = ConnectOptions::new(first.clone(), encoding);
        connect.timeout = self.timeout;
        connect.tls = self.tls();
        let mut options = ClientOptions::new(connect);
        options.others = others.to_vec();
        match &self.token_file {
            Some(path) => options.token = Some(TokenSource::file(path.clone())),
            None => options.connect.token = given_token()?,
        }
        Ok(options)
    }

    /// The newest token, if there is one.
    pub(crate) fn token(&self) -> Result<Option<BearerToken>, Failure> {
        match &self.token_file {
            Some(path) => {
                let newest = TokenSource::file(path.clone()).newest();
                newest.map(Some).map_err(Failure::NotConnected)
            }
            None => given_token(),
        }
    }

    /// The parts of the first URL.
    pub(crate) fn server(&self) -> Result<ServerUrl, Failure> {
        self.servers()?.into_iter().next().ok_or_else(no_url)
    }

    /// The parts of each URL.
    pub(crate) fn servers(&self) -> Result<Vec<ServerUrl>, Failure> {
        let servers = self.urls.iter().map(|url| ServerUrl::parse(url));
        let servers: Result<Vec<_>, _> = servers.collect();
        let servers = servers.map_err(|error| Failure::Usage(error.to_string()))?;
        match self.tls_option() {
            Some(option) if servers.iter().all(|server| !server.is_tls) => Err(Failure::Usage(
                format!("{option} is for a server with TLS: use wss://, or leave it out"),
            )),
            _ => Ok(servers),
        }
    }

    /// The same for each URL alone.
    pub(crate) fn each(&self) -> impl Iterator<Item = Self> {
        self.urls.iter().map(|url| Self {
            urls: vec![url.clone()],
            ..self.clone()
        })
    }

    /// The first option of TLS on the command line. One in a variable may be for other servers.
    fn tls_option(&self) -> Option<&'static str> {
        let in_variable = std::env::var_os(CA_VARIABLE).map(PathBuf::from);
        let given = [
            ("--ca", self.ca.is_some() && self.ca != in_variable),
            ("--cert", self.cert.is_some()),
            ("--server-name", self.server_name.is_some()),
        ];
        let given = given.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(option, _)| option)
    }

    /// Options of TLS, as the client has them.
    pub(crate) fn tls(&self) -> TlsOptions {
        TlsOptions {
            ca: self.ca.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            server_name: self.server_name.clone(),
            ..TlsOptions::named_as_flags()
        }
    }
}

/// There is at least the default, unless the URL is an empty text.
pub(super) fn no_url() -> Failure {
    Failure::Usage("no URL: use one such as ws://127.0.0.1:7400/ws".to_owned())
}

fn given_token() -> Result<Option<BearerToken>, Failure> {
    let given = std::env::var(TOKEN_VARIABLE).ok();
    let Some(text) = given.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let token = check_token(&text);
    let token = token.map_err(|what| Failure::Usage(format!("{TOKEN_VARIABLE} {what}")));
    token.map(Some)
}

/// A duration as people write it, such as `90s`, `1m30s` or `2h`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok();
    let parsed = parsed.and_then(|time| Duration::try_from(time).ok());
    let fits = |time: &Duration| !time.is_zero() && *time <= DURATION_MAX;
    parsed.filter(fits).ok_or_else(|| {
        "expected a time such as 90s, 1m30s or 2h, above 0 and at most a year".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "5", "0s", "-1s", "2 fortnights", "9000h1h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
