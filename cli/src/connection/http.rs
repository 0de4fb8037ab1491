//! Requests over HTTP, with the same login and the same trust as the WebSocket.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
    header::{AUTHORIZATION, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tickcast_protocol::{
    tls::TlsClient,
    websocket::{ServerUrl, connect},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::options::{ConnectionArgs, no_url};
use crate::exit::Failure;

/// The end of the path of a WebSocket, which requests over HTTP replace.
const WEBSOCKET_PATH: &str = "/ws";

/// Bytes of a refusal that are shown.
const REASON_MAX_BYTES: usize = 4 * 1024;

/// Longest line of an answer: an update with the longest value, escaped.
const LINE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// An answer, line by line.
pub(crate) struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    timeout: Duration,
}

/// Asks for a path below that of the WebSocket, such as `/v1/history?topic=a`. The first server
/// that is there answers.
pub(crate) async fn get(args: &ConnectionArgs, path: &str) -> Result<Lines, Failure> {
    let mut failed = no_url();
    for server in args.servers()? {
        match get_at(args, server, path).await {
            Err(failure @ Failure::NotConnected(_)) => failed = failure,
            answer => return answer,
        }
    }
    Err(failed)
}

async fn get_at(args: &ConnectionArgs, server: ServerUrl, path: &str) -> Result<Lines, Failure> {
    let prefix = server.path.split('?').next().unwrap_or_default();
    let Some(prefix) = prefix.strip_suffix(WEBSOCKET_PATH) else {
        return Err(Failure::Usage(format!(
            "{server}: the path must end with {WEBSOCKET_PATH}, so that {path} can be found beside \
             it"
        )));
    };
    let mut request = Request::get(format!("{prefix}{path}")).header(HOST, &server.authority);
    if let Some(token) = args.token()? {
        let value = HeaderValue::try_from(format!("Bearer {}", token.secret()));
        let mut value = value.expect("a token was checked, it has letters of ASCII alone");
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(Empty::new());
    let request = request.map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
    let lost = |error: &dyn std::fmt::Display| Failure::NotConnected(format!("{server}: {error}"));
    let asking = async {
        let mut sender = open(args, &server).await?;
        let answer = sender.send_request(request).await;
        answer.map_err(|error| lost(&error))
    };
    let late = |_| Failure::NotConnected(format!("{server}: no answer within {:?}", args.timeout));
    let answer = timeout(args.timeout, asking).await.map_err(late)??;
    if !answer.status().is_success() {
        return Err(refusal(answer, args.timeout).await);
    }
    Ok(Lines {
        body: answer.into_body(),
        buffer: Vec::new(),
        start: 0,
        timeout: args.timeout,
    })
}

async fn refusal(answer: Response<Incoming>, limit: Duration) -> Failure {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), REASON_MAX_BYTES).collect();
    let body = timeout(limit, body).await;
    let bytes = body.ok().and_then(Result::ok).map(|body| body.to_bytes());
    let bytes = bytes.unwrap_or_default();
    let reason = String::from_utf8_lossy(&bytes);
    let reason = format!("the server answers {status}: {}", reason.trim());
    match status {
        StatusCode::UNAUTHORIZED => Failure::NotConnected(reason),
        _ => Failure::Refused(reason),
    }
}

async fn open(
    args: &ConnectionArgs,
    server: &ServerUrl,
) -> Result<SendRequest<Empty<Bytes>>, Failure> {
    let failed = |error: String| Failure::NotConnected(format!("{server}: {error}"));
    let stream = connect(server, None).await;
    let stream = stream.map_err(|error| failed(error.to_string()))?;
    if !server.is_tls {
        return start(stream).await.map_err(failed);
    }
    let options = args.tls();
    let tls = TlsClient::new(&options, &server.host).map_err(|bad| failed(bad.said(&options)))?;
    let stream = tls.connect(stream).await.map_err(failed)?;
    start(stream).await.map_err(failed)
}

async fn start(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Empty<Bytes>>, String> {
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // It ends with the answer. An error of it is the answer's error.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

impl Lines {
    /// The next line without its end; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        let mut searched = self.start;
        loop {
            let found = self.buffer[searched..].iter().position(|b| *b == b'\n');
            if let Some(at) = found {
                let (start, end) = (self.start, searched + at);
                self.start = end + 1;
                return Ok(Some(&self.buffer[start..end]));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            searched = self.buffer.len();
            if searched > LINE_MAX_BYTES {
                let reason =
                    format!("the server's line is too long (limit {LINE_MAX_BYTES} bytes)");
                return Err(Failure::Failed(reason));
            }
            let lost = |why: String| Failure::NotConnected(format!("the answer broke off: {why}"));
            let late = |_| lost(format!("nothing came for {:?}", self.timeout));
            let frame = timeout(self.timeout, self.body.frame()).await;
            match frame.map_err(late)? {
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(lost("the last line has no end".to_owned())),
                Some(Err(error)) => return Err(lost(error.to_string())),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }
}
