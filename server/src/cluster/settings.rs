//! The settings of a node.

use std::{fmt, fs::File, path::PathBuf, time::Duration};

use clap::Args;
use url::Url;

use crate::settings::values::{defaults, number, size, time};

/// Least and most bytes of the stream: it must hold what is written while a node is away for a
/// while, and more than a disk has is a mistake.
const BYTES: std::ops::RangeInclusive<usize> = (64 << 20)..=(1 << 50);

/// The cluster that this server is a node of. In the file, they may also be in a table `[cluster]`,
/// without `cluster_` at their front.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterSettings {
    /// Servers of NATS with JetStream that keep the stream which several nodes share, as in
    /// `nats://10.0.0.5:4222`, or `tls://` with TLS. Then this server is one of the nodes.
    #[arg(id = "cluster_servers", value_name = "URL", value_parser = nats_url)]
    pub servers: Vec<NatsUrl>,
    /// Name of this node, for people [default: the machine's name].
    #[arg(id = "cluster_node", value_name = "NAME", value_parser = name)]
    pub node: Option<String>,
    /// Name of the stream: all nodes with the same name are one cluster.
    #[arg(id = "cluster_stream", value_name = "NAME", default_value = "tickcast", value_parser = name)]
    pub stream: String,
    /// Bytes that the stream keeps, if this node makes it. A node that was away for longer begins
    /// with a checkpoint of the others, and its clients' old positions are gaps.
    #[arg(id = "cluster_bytes", value_name = "SIZE", default_value = "1GiB", value_parser = size(BYTES))]
    pub bytes: usize,
    /// On how many servers of NATS the stream is kept, if this node makes it: with 3, one of them
    /// may be lost.
    #[arg(id = "cluster_replicas", value_name = "NUMBER", default_value = "1")]
    #[arg(value_parser = number(1..=5_usize))]
    pub replicas: usize,
    /// Credentials file of NATS (`.creds`), if its servers ask for one.
    #[arg(id = "cluster_credentials", value_name = "FILE", value_parser = file)]
    pub credentials: Option<PathBuf>,
    /// Certificates of authorities that are trusted besides those of the system, for `tls://`.
    #[arg(id = "cluster_ca", value_name = "FILE", value_parser = file)]
    pub ca: Option<PathBuf>,
    /// How long the start may stand still before it fails: no server of NATS answers, or the other
    /// nodes do not.
    #[arg(id = "cluster_timeout", value_name = "TIME", default_value = "30s")]
    #[arg(value_parser = time(Duration::from_secs(10)..=Duration::from_hours(1)))]
    pub timeout: Duration,
}

impl ClusterSettings {
    /// The first setting that has no effect, because this server is no node.
    pub(crate) fn unused(&self) -> Option<&'static str> {
        let none = Self::default();
        let of_a_node = [
            ("cluster_node", self.node.is_some()),
            ("cluster_stream", self.stream != none.stream),
            ("cluster_bytes", self.bytes != none.bytes),
            ("cluster_replicas", self.replicas != none.replicas),
            ("cluster_credentials", self.credentials.is_some()),
            ("cluster_ca", self.ca.is_some()),
            ("cluster_timeout", self.timeout != none.timeout),
        ];
        let unused = of_a_node.into_iter().find(|(_, is_set)| *is_set);
        unused
            .map(|(key, _)| key)
            .filter(|_| self.servers.is_empty())
    }

    /// The node's name.
    pub(super) fn node(&self) -> String {
        let machine = || rustix::system::uname().nodename().to_string_lossy().into();
        self.node.clone().unwrap_or_else(machine)
    }
}

impl Default for ClusterSettings {
    fn default() -> Self {
        defaults()
    }
}

/// The URL of a server of NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsUrl(Url);

impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `nats://HOST:PORT`, `tls://HOST:PORT` or `HOST:PORT`.
fn nats_url(text: &str) -> Result<NatsUrl, String> {
    const FORM: &str = "expected nats://HOST:PORT or tls://HOST:PORT, such as nats://10.0.0.5:4222";
    let whole = match text.contains("://") {
        true => text.to_owned(),
        false => format!("nats://{text}"),
    };
    let url = Url::parse(&whole).map_err(|error| format!("{FORM}: {error}"))?;
    if !["nats", "tls"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(FORM.into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "a URL has no login here: put it into a file, and set cluster_credentials; {FORM}"
        ));
    }
    Ok(NatsUrl(url))
}

/// A file that can be read.
fn file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    File::open(&path).map_err(|error| error.to_string())?;
    Ok(path)
}

/// What NATS takes as the name of a stream.
fn name(text: &str) -> Result<String, String> {
    const MAX_BYTES: usize = 64;
    let is_right = |c: char| c.is_ascii_alphanumeric() || ['-', '_'].contains(&c);
    match text.chars().all(is_right) && (1..=MAX_BYTES).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "expected letters, digits, - and _ (at most {MAX_BYTES}), such as node-1"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_nats_are_read_and_others_are_refused_with_the_reason() {
        for (text, read) in [
            ("10.0.0.5", "nats://10.0.0.5"),
            ("a:4222", "nats://a:4222"),
            ("tls://a.example:4222", "tls://a.example:4222"),
        ] {
            let url = nats_url(text).map(|url| url.to_string());
            assert_eq!(url.as_deref(), Ok(read));
        }
        for (text, reason) in [
            ("http://a", "expected nats://"),
            ("nats://", "expected nats://"),
            ("", "expected nats://"),
            ("nats://me:secret@a", "no login here"),
        ] {
            let error = nats_url(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"));
        }
    }

    #[test]
    fn names_are_those_that_nats_takes() {
        assert!(name("prices-2_a").is_ok());
        for wrong in ["", "a.b", "a b", "a*", &"a".repeat(65)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
