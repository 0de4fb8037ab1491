//! Pushes values to Grafana Live, as lines over HTTP.

use std::{path::Path, pin::pin, rc::Rc, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tickcast_protocol::{
    backoff::Backoff, codec::decode_update_bincode, token_file::read_token, websocket,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::{AbortHandle, spawn_blocking, spawn_local},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    lines,
    settings::GrafanaTarget,
    shared::{END_MAX, Shared},
};
use crate::{
    mqtt::RECONNECT,
    tls::{ClientTls, TlsClient},
};

/// Bytes of lines in one request, about: some thousand values.
const BATCH_MAX_BYTES: usize = 128 * 1024;

/// Shortest time between two requests, so that values of many topics share one.
const GATHERING: Duration = Duration::from_millis(100);

/// Longest time for a request with its answer, or for a connection.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// Longest answer that is read, and the part of it that is logged.
const ANSWER_MAX_BYTES: usize = 16 * 1024;
const ANSWER_SHOWN_CHARS: usize = 200;

/// An output to Grafana.
pub(super) struct GrafanaOutput {
    shared: Rc<Shared>,
    target: GrafanaTarget,
    tls: ClientTls,
    link: Option<Link>,
    has_connected: bool,
}

/// An open connection.
struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: AbortHandle,
    authorization: Option<header::HeaderValue>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Lines, and the number of values in them.
#[derive(Default)]
struct Batch {
    lines: String,
    values: u64,
}

impl GrafanaOutput {
    pub(super) fn new(shared: Rc<Shared>, target: GrafanaTarget, tls: ClientTls) -> Self {
        Self {
            shared,
            target,
            tls,
            link: None,
            has_connected: false,
        }
    }

    /// Pushes until `stop` completes, and then what is left.
    pub(super) async fn run(&mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        // It comes back as soon as a broker does.
        let mut backoff = Backoff::new(RECONNECT);
        let mut connected_at = Instant::now();
        self.lose();
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = self.ready() => {}
            }
            let was_connected = self.link.is_some();
            let pushed = tokio::select! {
                () = &mut stop => break,
                pushed = self.push() => pushed,
            };
            let wait = match pushed {
                Ok(()) => {
                    if !was_connected {
                        connected_at = Instant::now();
                    }
                    GATHERING
                }
                Err(reason) => {
                    backoff.connection_lasted(match was_connected {
                        true => connected_at.elapsed(),
                        false => Duration::ZERO,
                    });
                    let wait = backoff.next_wait(rand::random());
                    let (output, url) = (&self.shared.name, &self.target.url);
                    tracing::warn!(%output, %url, reason, push_in = ?wait, "values are not pushed");
                    self.lose();
                    wait
                }
            };
            tokio::select! {
                () = &mut stop => break,
                () = sleep(wait) => {}
            }
        }
        self.shared.newest.borrow_mut().finish();
        let rest = async {
            while self.link.is_some() && self.shared.next_due().is_some() {
                if self.push().await.is_err() {
                    break;
                }
            }
        };
        if timeout(END_MAX, rest).await.is_err() {
            let output = &self.shared.name;
            tracing::warn!(%output, "the last values were not pushed in time");
        }
        self.lose();
    }

    /// Waits until a value is to be sent. Cancel-safe.
    async fn ready(&self) {
        loop {
            match self.shared.next_due() {
                Some(due) if due <= Instant::now() => return,
                Some(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    () = self.shared.changed.notified() => {}
                },
                None => self.shared.changed.notified().await,
            }
        }
    }

    /// Pushes a batch, on a new connection if there is none.
    async fn push(&mut self) -> Result<(), String> {
        if self.link.is_none() {
            let link = timeout(REQUEST_MAX, self.connect()).await;
            let link = link.map_err(|_| format!("no connection within {REQUEST_MAX:?}"))??;
            self.link = Some(link);
        }
        let batch = self.batch();
        if batch.values == 0 {
            return Ok(());
        }
        let bytes = batch.lines.len() as u64;
        let answer = timeout(REQUEST_MAX, self.request(batch.lines)).await;
        let metrics = &self.shared.metrics;
        let answer = answer.map_err(|_| format!("no answer within {REQUEST_MAX:?}"));
        if let Err(reason) = answer.flatten() {
            // The newest of them are sent again, and count then.
            metrics.dropped.add(batch.values);
            return Err(reason);
        }
        metrics.sent.add(batch.values);
        metrics.bytes.add(bytes);
        if metrics.connected.get() == 0 {
            tracing::info!(output = %self.shared.name, url = %self.target.url, "connected");
            metrics.connected.set(1);
            metrics.reconnects.add(u64::from(self.has_connected));
            self.has_connected = true;
        }
        Ok(())
    }

    /// The next lines. Statuses and names have no place in them.
    fn batch(&self) -> Batch {
        let mut newest = self.shared.newest.borrow_mut();
        let mut batch = Batch::default();
        while batch.lines.len() < BATCH_MAX_BYTES
            && let Some(next) = newest.next(self.shared.now())
        {
            if !next.value {
                continue;
            }
            let update = decode_update_bincode(&next.slot.newest);
            let is_appended = update.is_ok_and(|update| {
                let time_ns = update.source_time_ns.unwrap_or(update.ingest_time_ns);
                let topic = &next.slot.info.topic;
                lines::append(topic, &update.value, time_ns, &mut batch.lines)
            });
            match is_appended {
                true => batch.values += 1,
                false => self.shared.metrics.dropped.add(1),
            }
        }
        batch
    }

    async fn connect(&self) -> Result<Link, String> {
        let url = &self.target.url.0;
        let authorization = match self.target.token_file.clone() {
            Some(path) => {
                // A file may be on a disk that does not answer.
                let token = spawn_blocking(move || authorization(&path)).await;
                Some(token.map_err(|error| error.to_string())??)
            }
            None => None,
        };
        let tcp = websocket::connect(url, None).await;
        let tcp = tcp.map_err(|error| error.to_string())?;
        if !url.is_tls {
            return open(tcp, authorization).await;
        }
        let (settings, host) = (self.tls.clone(), url.host.clone());
        let tls = spawn_blocking(move || TlsClient::new(&settings, &host)).await;
        let tls = tls.map_err(|error| error.to_string())?;
        let tls = tls.map_err(|(key, reason)| format!("{key}: {reason}"))?;
        open(tls.connect(tcp).await?, authorization).await
    }

    async fn request(&mut self, lines: String) -> Result<(), String> {
        let Some(link) = &mut self.link else {
            return Err("the connection is closed".into());
        };
        let url = &self.target.url.0;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&url.path)
            .header(header::HOST, &url.authority)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
        if let Some(authorization) = &link.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(lines.into()));
        let request = request.map_err(|error| error.to_string())?;
        link.sender.ready().await.map_err(closed)?;
        let answer = link.sender.send_request(request).await.map_err(closed)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES);
        let body = body.collect().await;
        if status.is_success() {
            return body.map(drop).map_err(|error| error.to_string());
        }
        self.shared.metrics.refused.add(1);
        let text = body.map(|body| body.to_bytes()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let text: String = text.chars().take(ANSWER_SHOWN_CHARS).collect();
        let remedy = match status.as_u16() {
            401 | 403 => ": check token_file, and that its role may push to live channels",
            404 => ": check the path, such as /api/live/push/tickcast",
            _ => "",
        };
        Err(format!("the answer is {status}{remedy} ({text:?})"))
    }

    /// Ends the connection. What it carried may not have come in, so all is sent again.
    fn lose(&mut self) {
        self.link = None;
        self.shared.newest.borrow_mut().begin();
        self.shared.metrics.connected.set(0);
    }
}

fn closed(error: hyper::Error) -> String {
    format!("the connection has ended: {error}")
}

/// The value of the header with the token.
fn authorization(path: &Path) -> Result<header::HeaderValue, String> {
    let in_file = |reason: String| format!("token_file: {reason}");
    let token = read_token(path).map_err(in_file)?;
    let value = header::HeaderValue::from_str(&format!("Bearer {}", token.secret()));
    let mut value = value.map_err(|error| in_file(error.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Begins HTTP on a stream.
async fn open(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    authorization: Option<header::HeaderValue>,
) -> Result<Link, String> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(closed)?;
    // Its error comes with the request as well.
    let driver = spawn_local(async move { drop(connection.await) }).abort_handle();
    Ok(Link {
        sender,
        driver,
        authorization,
    })
}
