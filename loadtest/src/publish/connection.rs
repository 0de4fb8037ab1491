//! The publisher's connection: to a server over WebSocket, or to an MQTT broker.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use mio::{Events, Poll, Registry, Token};

use super::{
    error::{PublishError, Refusal},
    target::PublishTarget,
};
use crate::{
    connection::{ClientConnection, Opening, SocketOptions, SocketReader},
    dialect::{ClientRole, Dialect, Incoming},
    schedule::RunClock,
    wire::{Outbox, mqtt, websocket},
};

/// Longest wait for an answer while connecting.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Largest message that a server may send to a publisher.
const ANSWER_MAX_BYTES: usize = 1 << 20;

/// Bytes of the buffer for what a broker sends to a publisher, which is nothing.
const BROKER_BUFFER_BYTES: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(super) enum PublisherConnection {
    WebSocket {
        connection: ClientConnection,
        reader: SocketReader,
        dialect: Dialect,
        /// Bytes of the server that are not a whole message of the dialect yet.
        rest: Vec<u8>,
    },
    Mqtt {
        stream: TcpStream,
        outbox: Outbox,
    },
}

impl PublisherConnection {
    /// Connects and waits until the connection is open.
    pub(super) fn connect(target: &PublishTarget, clock: RunClock) -> Result<Self, PublishError> {
        let mut poll = Poll::new()?;
        let mut connection = Self::open(target, clock, Token(0), poll.registry())?;
        let mut events = Events::with_capacity(1);
        let start = Instant::now();
        while !connection.is_open() {
            let left = CONNECT_MAX.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(PublishError::Timeout(CONNECT_MAX.as_secs()));
            }
            match poll.poll(&mut events, Some(left)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            connection.on_event()?;
        }
        Ok(connection)
    }

    /// Starts to connect to a server; a connection to a broker is open afterwards.
    pub(super) fn open(
        target: &PublishTarget,
        clock: RunClock,
        token: Token,
        registry: &Registry,
    ) -> Result<Self, PublishError> {
        match target {
            PublishTarget::WebSocket {
                address,
                host,
                path,
                dialect,
                source,
                tls,
                token: bearer,
            } => {
                let options = SocketOptions {
                    source: *source,
                    no_delay: true,
                    // Only the comparison chooses addresses; the next contender needs the port.
                    reset_on_close: source.is_some(),
                    tls: tls.clone(),
                    ..SocketOptions::default()
                };
                let subprotocol = dialect.subprotocol();
                let opening = Opening {
                    request: websocket::handshake_request(host, path, subprotocol, bearer.as_ref()),
                    subprotocol,
                    greeting: dialect.greeting(ClientRole::Publisher),
                };
                Ok(Self::WebSocket {
                    connection: ClientConnection::open(
                        *address, &options, opening, token, registry,
                    )?,
                    reader: SocketReader::new(clock, ANSWER_MAX_BYTES),
                    dialect: *dialect,
                    rest: Vec::new(),
                })
            }
            PublishTarget::Mqtt { address, login } => connect_mqtt(*address, login.as_ref()),
        }
    }

    /// Whether updates can be published.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::WebSocket { connection, .. } => connection.is_open(),
            Self::Mqtt { .. } => true,
        }
    }

    /// The socket is ready for something.
    pub(super) fn on_event(&mut self) -> Result<(), PublishError> {
        if let Self::WebSocket { connection, .. } = self {
            connection.on_writable()?;
        }
        self.listen()
    }

    /// Appends an update.
    pub(super) fn append(&mut self, topic: &str, payload: &[u8]) {
        match self {
            Self::WebSocket {
                connection,
                dialect,
                ..
            } => dialect.append_update(topic, payload, connection.outgoing()),
            Self::Mqtt { outbox, .. } => mqtt::append_publish(topic, payload, outbox.bytes_mut()),
        }
    }

    /// Appends what ends a session, if the protocol has such a thing.
    pub(super) fn append_end(&mut self) {
        if let Self::Mqtt { outbox, .. } = self {
            outbox.bytes_mut().extend_from_slice(&mqtt::DISCONNECT);
        }
    }

    /// Bytes that the socket has not taken yet.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::WebSocket { connection, .. } => connection.waiting(),
            Self::Mqtt { outbox, .. } => outbox.waiting(),
        }
    }

    /// Drops what the socket has not taken.
    pub(super) fn drop_outgoing(&mut self) {
        match self {
            Self::WebSocket { connection, .. } => connection.drop_outgoing(),
            Self::Mqtt { outbox, .. } => outbox.clear(),
        }
    }

    /// Writes what the socket takes. Returns whether it has taken everything.
    pub(super) fn flush(&mut self) -> Result<bool, PublishError> {
        Ok(match self {
            Self::WebSocket { connection, .. } => connection.flush()?,
            Self::Mqtt { stream, outbox } => outbox.flush(stream)?,
        })
    }

    /// Reads what the other side has sent, without waiting, and answers its pings.
    pub(super) fn listen(&mut self) -> Result<(), PublishError> {
        match self {
            Self::WebSocket {
                connection,
                reader,
                dialect,
                rest,
            } => {
                let mut handle = |message: &[u8], _, answers: &mut Vec<u8>| {
                    read_answer(*dialect, message, rest, answers)
                };
                Ok(reader.read_all(connection, &mut handle)?)
            }
            Self::Mqtt { stream, .. } => {
                let mut buffer = [0; BROKER_BUFFER_BYTES];
                loop {
                    match stream.read(&mut buffer) {
                        Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }
}

fn connect_mqtt(
    address: SocketAddr,
    login: Option<&(String, String)>,
) -> Result<PublisherConnection, PublishError> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_MAX)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(CONNECT_MAX))?;
    let login = login.map(|(user, password)| (&**user, &**password));
    let client_id = format!("tickcast-loadtest-{}", std::process::id());
    stream.write_all(&mqtt::connect(&client_id, login))?;
    let mut answer = [0; mqtt::CONNACK_BYTES];
    stream.read_exact(&mut answer)?;
    mqtt::check_connack(answer)?;
    stream.set_nonblocking(true)?;
    Ok(PublisherConnection::Mqtt {
        stream,
        outbox: Outbox::default(),
    })
}

/// What a server's message means to a publisher: a ping must be answered, an error ends publishing.
fn read_answer(
    dialect: Dialect,
    message: &[u8],
    rest: &mut Vec<u8>,
    answers: &mut Vec<u8>,
) -> Result<(), Refusal> {
    // A plain server may send a publisher its own updates.
    if dialect == Dialect::Plain {
        return Ok(());
    }
    let mut refusal = None;
    let read = dialect.read_message(message, rest, |part| match part {
        Incoming::Ping => dialect.append_pong(answers),
        Incoming::Error(text) => refusal = Some(Refusal(text.to_owned())),
        _ => {}
    });
    match (refusal, read) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(Refusal(error.to_string())),
        (None, Ok(())) => Ok(()),
    }
}
