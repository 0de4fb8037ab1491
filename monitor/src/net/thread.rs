//! The thread that owns the client.

use std::{
    io,
    sync::mpsc::{Receiver, sync_channel},
    time::{Duration, Instant},
};

use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Event, TokenSource},
    codec::Encoding,
    message::Mode,
    tls::TlsOptions,
    token_file::read_token,
    topic::Filter,
};

use super::{
    events,
    queue::IncomingQueue,
    requests::{Requests, WATCH_RATE_HZ},
};
use crate::data::{
    connection_state::ConnectionState,
    incoming::IncomingItem,
    login::{Login, TokenOrigin},
};

/// How long the program waits at its end for the close handshake.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// A running connection. Dropping it closes the connection; its thread ends soon after.
#[derive(Debug)]
pub struct ConnectionThread {
    handle: ClientHandle,
    queue: IncomingQueue,
    ended: Receiver<()>,
}

impl ConnectionThread {
    /// Starts the thread that connects to `url`, or to one of several nodes with commas between
    /// them, subscribes to the newest values of `filters`, and puts all events into `queue`. `tls`
    /// counts for `wss://`.
    pub fn start(
        url: &str,
        tls: TlsOptions,
        login: &Login,
        filters: Vec<Filter>,
        queue: IncomingQueue,
    ) -> io::Result<(Self, Requests)> {
        let mut urls = url.split(',').map(str::trim);
        let first = urls.next().unwrap_or_default();
        let options = ConnectOptions {
            tls,
            headers: login.header().cloned().into_iter().collect(),
            ..ConnectOptions::new(first, Encoding::Bincode)
        };
        let (client, handle) = Client::new(ClientOptions {
            token: token_source(login),
            others: urls.map(str::to_owned).collect(),
            ..ClientOptions::new(options)
        });
        // The queue of commands is empty, so this cannot fail.
        let _ = handle.subscribe(filters.clone(), Mode::Latest, Some(WATCH_RATE_HZ));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // No value is ever sent: the end of the thread drops the sender.
        let (ending, ended) = sync_channel(0);
        let connection = Self {
            handle: handle.clone(),
            queue: queue.clone(),
            ended,
        };
        std::thread::Builder::new()
            .name("connection".to_owned())
            .spawn(move || {
                runtime.block_on(run(client, queue));
                drop(ending);
            })?;
        Ok((connection, Requests::new(Some(handle), filters)))
    }

    /// Closes the connection and waits a moment for the close handshake.
    pub(crate) fn close(self) {
        let _ = self.handle.close();
        self.queue.close();
        let _ = self.ended.recv_timeout(GOODBYE_TIMEOUT);
    }
}

impl Drop for ConnectionThread {
    fn drop(&mut self) {
        let _ = self.handle.close();
        self.queue.close();
    }
}

/// A server counts as silent when its heartbeat is late by this much: more than a busy network
/// delays it. The client gives it up later; until then old values must not be taken for new ones.
const LATE: Duration = Duration::from_millis(500);

/// The open connection, which is reported again when a silent server is heard again.
struct ConnectedServer {
    state: ConnectionState,
    /// The longest time between two messages before the server counts as silent.
    patience: Duration,
}

impl ConnectedServer {
    fn of(event: &Event) -> Option<Self> {
        let Event::Connected(welcome) = event else {
            return None;
        };
        Some(Self {
            state: ConnectionState::Connected {
                server: welcome.server.clone(),
                lineage: welcome.lineage(),
            },
            patience: Duration::from_millis(u64::from(welcome.heartbeat_ms)) + LATE,
        })
    }
}

/// Waits for the next event. Reports meanwhile if the server is silent for too long.
async fn next_event(
    client: &mut Client,
    queue: &IncomingQueue,
    server: Option<&ConnectedServer>,
) -> Event {
    let since = Instant::now();
    let mut next = std::pin::pin!(client.next());
    let Some(server) = server else {
        return next.await;
    };
    if let Ok(event) = tokio::time::timeout(server.patience, next.as_mut()).await {
        return event;
    }
    queue
        .put(IncomingItem::Connection(ConnectionState::Silent { since }))
        .await;
    let event = next.await;
    if !matches!(event, Event::Disconnected(_)) {
        queue
            .put(IncomingItem::Connection(server.state.clone()))
            .await;
    }
    event
}

/// Where the client takes its tokens from: what the login has at that moment.
fn token_source(login: &Login) -> Option<TokenSource> {
    login.origin()?;
    let login = login.clone();
    Some(TokenSource::fallible(move || match login.origin() {
        Some(TokenOrigin::File(path)) => read_token(&path),
        Some(TokenOrigin::Given(token)) => Ok(token),
        None => Err("there is no token".to_owned()),
    }))
}

async fn run(mut client: Client, queue: IncomingQueue) {
    let mut attempt = 1;
    let mut server = None;
    let mut has_login_problem = false;
    loop {
        let event = next_event(&mut client, &queue, server.as_ref()).await;
        let is_end = matches!(&event, Event::Disconnected(end) if end.retry_in.is_none());
        match &event {
            Event::Connecting { attempt: number } => {
                attempt = *number;
                has_login_problem = false;
            }
            Event::Connected(_) => server = ConnectedServer::of(&event),
            Event::Disconnected(_) => server = None,
            _ => {}
        }
        if let Some(problem) = events::login_problem(&event, has_login_problem) {
            has_login_problem = true;
            queue.put(IncomingItem::LoginProblem(problem)).await;
        }
        if let Some(item) = events::incoming(event, attempt) {
            // If the queue is closed, only the close handshake remains.
            queue.put(item).await;
        }
        if is_end {
            return;
        }
    }
}
