//! Clients with TLS.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;
use tickcast_server_testkit::{
    Program,
    certificates::{Authority, Certificate, Validity},
    raw::{TEXT, masked, read_frame},
    soon, until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A server with TLS at its second listener.
pub(crate) struct SecureServer {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
}

impl SecureServer {
    /// Starts it with a certificate for `localhost`. `keys` are further keys of the listener.
    pub(crate) async fn start(keys: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("ours");
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let certificate = authority.issue(&["localhost", "127.0.0.1"], Validity::Now);
        certificate.write(folder.path(), "server");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\ntls_cert = \"{}\"\ntls_key = \"{}\"\n{}\n",
            path("server.pem"),
            path("server.key"),
            keys.replace("FOLDER", &folder.path().display().to_string()),
        );
        std::fs::write(folder.path().join("tickcast.toml"), text).unwrap();
        let config = path("tickcast.toml");
        let first = ["--config", &config, "--feed", "none", "--shards", "2"];
        let program = Program::start(&[&first, arguments].concat()).await;
        let find = || {
            let log = program.log();
            let (_, rest) = log.split_once("wss://")?;
            rest.split_once("/ws")?.0.parse().ok()
        };
        until("the listener is logged", async || find().is_some()).await;
        let address = find().unwrap();
        Self {
            program,
            address,
            folder,
            authority,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a client needs that trusts the server's authority.
    pub(crate) fn config(&self) -> ClientConfig {
        config(&self.authority, None)
    }

    pub(crate) async fn connect(&self, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
        let connected = connect(self.address, config).await;
        connected.expect("the handshake succeeds")
    }

    /// Asks whether it is ready, in a connection of its own.
    pub(crate) async fn says_ready(&self, config: &Arc<ClientConfig>) {
        let mut stream = self.connect(config).await;
        let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        // The end of the session is in order, or this would be an error.
        soon("an answer", stream.read_to_string(&mut answer))
            .await
            .unwrap();
        assert!(answer.ends_with("ready\n"), "{answer}");
    }

    pub(crate) async fn failures(&self, reason: &str) -> u64 {
        let name = format!("tickcast_handshakes_failed_total{{reason=\"{reason}\"}}");
        self.program.metric(&name).await
    }

    /// Waits until a number of handshakes have failed for a reason.
    pub(crate) async fn until_failed(&self, reason: &str, number: u64) {
        until("it is counted", async || {
            self.failures(reason).await == number
        })
        .await;
    }
}

/// A client that trusts an authority, with its own certificate if it has one.
pub(crate) fn config(authority: &Authority, own: Option<&Certificate>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let pem = authority.pem();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = vec![CertificateDer::from_pem_slice(own.cert.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

pub(crate) async fn connect(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::clone(config));
    soon("a handshake", connector.connect(name, stream)).await
}

/// A WebSocket over TLS.
pub(crate) struct SecureSocket(pub(crate) TlsStream<TcpStream>);

impl SecureSocket {
    /// Makes the handshake of the WebSocket.
    pub(crate) async fn open(mut stream: TlsStream<TcpStream>, path: &str) -> Self {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        soon("a WebSocket", async {
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        })
        .await;
        Self(stream)
    }

    pub(crate) async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.0.write_all(&masked(first, payload)).await.unwrap();
        self.0.flush().await.unwrap();
    }

    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        soon("a frame", read_frame(&mut self.0)).await.unwrap()
    }

    /// Reads messages until one has the type `wanted`.
    pub(crate) async fn json(&mut self, wanted: &str) -> serde_json::Value {
        loop {
            let (first, payload) = self.frame().await;
            if first != TEXT {
                continue;
            }
            let message: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            if message["type"] == wanted {
                return message;
            }
        }
    }
}
