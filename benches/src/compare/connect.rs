//! Opens one connection after the other, waiting for each: nothing is measured yet.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};
use socket2::{Domain, Protocol, Socket, Type};
use tickcast_loadtest::{
    inbox::{Inbox, InboxError},
    websocket,
};

use super::{
    contender::Contender,
    crowd::FRAME_MAX_BYTES,
    dialect::{Dialect, Heard, Who},
    workload::Workload,
};

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Connections from each source address: far from what the kernel has ports for, also when those
/// of the last run are not free yet.
const PER_ADDRESS: usize = 4_000;

/// Receive buffer of a subscriber that is going to stall, in bytes: the contender shall feel it
/// soon. The kernel makes the smallest it allows of it.
const STALLED_RECEIVE_BYTES: usize = 4_096;

/// An open connection, subscribed if it is a subscriber's.
#[derive(Debug)]
pub struct Opened {
    /// Non-blocking from now on.
    pub stream: TcpStream,
    /// What came already.
    pub inbox: Inbox,
    /// Of what came, what is not understood yet.
    pub rest: Vec<u8>,
}

/// The address that a subscriber connects from. Those of each contender have addresses of their own,
/// for all contenders may have their subscribers at once.
pub fn source(contender: Contender, subscriber: usize) -> IpAddr {
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    let host = byte(2 + subscriber / PER_ADDRESS);
    IpAddr::V4(Ipv4Addr::new(127, 0, byte(contender as usize), host))
}

/// Opens a connection to a contender and says what is to be said at first.
pub fn open(
    address: SocketAddr,
    source: IpAddr,
    dialect: Dialect,
    who: Who,
    workload: &Workload,
    is_to_stall: bool,
) -> anyhow::Result<Opened> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    if is_to_stall {
        socket.set_recv_buffer_size(STALLED_RECEIVE_BYTES)?;
    }
    socket.set_tcp_nodelay(true)?;
    // Closed at once and without a trace: ten thousand waiting ports would stand in the next
    // contender's way.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect_timeout(&address.into(), ANSWER_MAX)?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    let mut opened = Opened {
        stream: socket.into(),
        inbox: Inbox::default(),
        rest: Vec::new(),
    };
    let subprotocol = dialect.subprotocol();
    let path = dialect.path(who);
    let request = websocket::handshake_request(&address.to_string(), &path, subprotocol);
    opened.stream.write_all(request.as_bytes())?;
    let mut buffer = [0; 4096];
    let mut early = loop {
        let len = read(&mut opened.stream, &mut buffer)?;
        let answer = opened.inbox.keep(&buffer[..len]);
        if let Some(len) = websocket::handshake_response(answer, subprotocol)? {
            break opened.inbox.split_off(len);
        }
    };
    let greeting = dialect.greeting(who, workload);
    opened.stream.write_all(&greeting)?;
    let mut is_ready = greeting.is_empty() || !dialect.confirms();
    loop {
        is_ready |= opened.listen(dialect, &early)?;
        if is_ready {
            break;
        }
        let len = read(&mut opened.stream, &mut buffer)?;
        early = buffer[..len].to_vec();
    }
    opened.stream.set_nonblocking(true)?;
    Ok(opened)
}

fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<usize> {
    loop {
        match stream.read(buffer) {
            Ok(0) => bail!("the contender closed the connection"),
            Ok(len) => return Ok(len),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("no answer from the contender"),
        }
    }
}

impl Opened {
    /// Whether the contender says that the subscription stands.
    fn listen(&mut self, dialect: Dialect, bytes: &[u8]) -> anyhow::Result<bool> {
        let mut is_ready = false;
        let rest = &mut self.rest;
        let mut handle = |opcode, payload: &[u8]| -> anyhow::Result<()> {
            let mut complaint = None;
            if matches!(opcode, websocket::Opcode::Binary | websocket::Opcode::Text) {
                dialect.hear(payload, rest, |heard| match heard {
                    Heard::Subscribed => is_ready = true,
                    Heard::Complaint(text) => complaint = Some(text.to_owned()),
                    _ => {}
                })?;
            }
            match complaint {
                Some(text) => bail!("the contender says: {text}"),
                None => Ok(()),
            }
        };
        match self.inbox.feed(bytes, FRAME_MAX_BYTES, &mut handle) {
            Ok(()) => Ok(is_ready),
            Err(InboxError::WebSocket(error)) => Err(error.into()),
            Err(InboxError::Handler(error)) => Err(error),
        }
    }
}
