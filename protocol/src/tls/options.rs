//! What a client with TLS trusts, and who it is.

use std::path::PathBuf;

/// What a client with TLS trusts, and who it is. By default it trusts the authorities that the
/// system trusts, and has no certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file with the authorities that may sign the server's certificate, instead of those that
    /// the system trusts.
    pub ca: Option<PathBuf>,
    /// PEM file with a client certificate, followed by the certificates between it and its
    /// authority.
    pub cert: Option<PathBuf>,
    /// PEM file with the private key of the client certificate. By default it is in the file of the
    /// certificate.
    pub key: Option<PathBuf>,
    /// Name that the server's certificate must have, and that the server is asked for. By default
    /// it is the host in the URL.
    pub server_name: Option<String>,
    /// Protocol that the server is asked for (ALPN).
    pub alpn: Option<String>,
    /// Accept any certificate. Any machine between may then read and change everything.
    pub insecure: bool,
    /// What errors write before the name of an option, such as `--`.
    pub prefix: &'static str,
}

/// An option that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsOption {
    /// The authorities.
    Ca,
    /// The client certificate.
    Cert,
    /// Its private key.
    Key,
    /// The server's name.
    ServerName,
    /// The host in the URL, which is no option of TLS.
    Url,
}

/// An option, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadOption {
    /// The option.
    pub option: TlsOption,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl TlsOptions {
    /// The default, of a program whose flags have the names of the fields, such as `--server-name`.
    pub fn named_as_flags() -> Self {
        Self {
            prefix: "--",
            ..Self::default()
        }
    }

    /// An option as its user knows it.
    pub(super) fn named(&self, option: &str) -> String {
        let prefix = self.prefix;
        match prefix {
            "--" => format!("{prefix}{}", option.replace('_', "-")),
            prefix => format!("{prefix}{option}"),
        }
    }
}

impl TlsOption {
    /// Makes an error of a reason.
    pub(super) fn bad(self) -> impl Fn(String) -> BadOption {
        move |reason| BadOption {
            option: self,
            reason,
        }
    }
}

impl BadOption {
    /// The option and what is wrong with it, as one sentence.
    pub fn said(&self, options: &TlsOptions) -> String {
        format!("{}: {}", self.name(options), self.reason)
    }

    /// The option as its user knows it.
    fn name(&self, options: &TlsOptions) -> String {
        match self.option {
            TlsOption::Ca => options.named("ca"),
            TlsOption::Cert => options.named("cert"),
            TlsOption::Key => options.named("key"),
            TlsOption::ServerName => options.named("server_name"),
            TlsOption::Url => "the URL".to_owned(),
        }
    }
}
