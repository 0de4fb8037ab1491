//! A WebSocket server for tests of the feed, by a library that the server does not use.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use tickcast_server_testkit::{certificates::Authority, soon};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Error, Message,
        handshake::server::{Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// A server that accepts one connection after the other.
pub(crate) struct WebSocketServer {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An open connection, with the request that opened it.
pub(crate) struct Peer {
    pub(crate) request: Request,
    socket: WebSocketStream<Box<dyn Stream>>,
}

impl WebSocketServer {
    pub(crate) async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            tls: None,
        }
    }

    /// With a certificate and its key as PEM files. If there is an authority of clients, it demands
    /// a certificate of it.
    pub(crate) async fn with_tls(
        (cert, key): (PathBuf, PathBuf),
        clients: Option<&Authority>,
    ) -> Self {
        let certs = CertificateDer::pem_file_iter(cert).unwrap();
        let certs = certs.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                let pem = authority.pem();
                let root = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
                roots.add(root).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let config = builder.with_single_cert(certs, key).unwrap();
        Self {
            tls: Some(Arc::new(config).into()),
            ..Self::start().await
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/stream?key=secret", self.address())
    }

    /// The next connection before its handshake.
    pub(crate) async fn accept_tcp(&self) -> TcpStream {
        soon("a connection", self.listener.accept())
            .await
            .unwrap()
            .0
    }

    /// Makes the handshake of TLS with each client, and ends the connection after it.
    pub(crate) async fn turn_away(self) {
        let tls = self.tls.expect("a server with TLS");
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            if let Ok(mut stream) = tls.accept(stream).await {
                // Only after the request, so that nothing is reset.
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.shutdown().await;
            }
        }
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Peer {
        let stream = self.accept_tcp().await;
        let stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => Box::new(soon("a handshake", tls.accept(stream)).await.unwrap()),
            None => Box::new(stream),
        };
        let mut request = None;
        #[expect(clippy::result_large_err, reason = "the library wants this type")]
        let note = |asked: &Request, response: Response| {
            request = Some(asked.clone());
            Ok(response)
        };
        let socket = soon("a handshake", accept_hdr_async(stream, note)).await;
        Peer {
            socket: socket.unwrap(),
            request: request.unwrap(),
        }
    }
}

impl Peer {
    /// The next text, and whatever comes before it.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            if let Message::Text(text) = self.message().await.unwrap() {
                return text.as_str().to_owned();
            }
        }
    }

    /// The next message of any kind.
    pub(crate) async fn message(&mut self) -> Result<Message, Error> {
        soon("a message", self.socket.next()).await.unwrap()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn close(mut self) {
        let frame = CloseFrame {
            code: CloseCode::Restart,
            reason: "maintenance".into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
        // Until the other end has answered.
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}
