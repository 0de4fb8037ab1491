//! A contender, and the floor of the comparison: a fan-out server that only writes ready-made
//! frames.
//!
//! It has no protocol, no encoding and no care for slow subscribers, and serves only the
//! benchmark's load. By default each update is one `send` per subscriber. With `--batch` all
//! waiting frames of a subscriber go into one `send`, because they are consecutive in memory. With
//! `--ring` the kernel gets many of these in one system call. Bytes that a socket does not take
//! wait in the log, so nothing is lost.
//!
//! Arguments: the port, `--batch`, `--ring`, `--topics N` (update `i` belongs to topic `i % N`; a
//! subscriber asks for topics with the path `/subscribe/FIRST/COUNT`).

mod log;

use std::{
    collections::HashMap,
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    os::fd::AsFd,
};

use anyhow::{Context, bail};
use clap::Parser;
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use tickcast_loadtest::{schedule::Stamp, wire::websocket};
use tickcast_uring::Ring;

use log::{FrameLog, first_frame};

/// Bytes read from the publisher between two rounds, at most: as many as a socket holds.
const READ_BYTES: usize = 256 * 1024;

/// A subscriber that is further behind ends the program, because that is a bug of the benchmark.
const BEHIND_MAX_BYTES: u64 = 1 << 30;

/// Header of a client's short frame: two bytes and the masking key, which is 0.
const SHORT_HEADER_BYTES: usize = 6;

const LISTENER: Token = Token(usize::MAX);

#[derive(Parser)]
struct Arguments {
    port: u16,
    #[arg(long)]
    batch: bool,
    #[arg(long, requires = "batch")]
    ring: bool,
    #[arg(long, default_value_t = 1)]
    topics: u64,
}

enum PeerRole {
    /// The request so far.
    Handshake(Vec<u8>),
    /// The rest of the last read.
    Publisher(Vec<u8>),
    Subscriber {
        group: usize,
        place: u64,
        is_blocked: bool,
    },
}

struct Peer {
    stream: TcpStream,
    role: PeerRole,
}

/// Subscribers of the same topics, which get the same bytes.
#[derive(Default)]
struct Group {
    log: FrameLog,
    members: Vec<usize>,
    is_dirty: bool,
}

struct Raw {
    arguments: Arguments,
    listener: TcpListener,
    poll: Poll,
    connections: Vec<Option<Peer>>,
    groups: Vec<Group>,
    by_selection: HashMap<(u64, u64), usize>,
    by_topic: Vec<Vec<usize>>,
    buffer: Vec<u8>,
    ring: Option<Ring>,
    /// Results of the last use of the ring.
    taken: Vec<io::Result<usize>>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let poll = Poll::new()?;
    let address = SocketAddr::from(([127, 0, 0, 1], arguments.port));
    let mut listener = TcpListener::bind(address)?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let by_topic = vec![Vec::new(); arguments.topics as usize];
    let ring = arguments.ring.then(Ring::new).transpose()?;
    let mut raw = Raw {
        arguments,
        ring,
        taken: Vec::new(),
        listener,
        poll,
        connections: Vec::new(),
        groups: Vec::new(),
        by_selection: HashMap::new(),
        by_topic,
        buffer: vec![0; READ_BYTES],
    };
    raw.run()
}

impl Raw {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, None) {
                // The process was stopped in the meantime.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(at) => {
                        if event.is_writable() {
                            self.unblock(at)?;
                        }
                        if event.is_readable() {
                            self.read(at)?;
                        }
                    }
                }
            }
        }
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            let token = Token(self.connections.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, both)?;
            let role = PeerRole::Handshake(Vec::new());
            self.connections.push(Some(Peer { stream, role }));
        }
    }

    fn read(&mut self, at: usize) -> anyhow::Result<()> {
        while let Some(connection) = &mut self.connections[at] {
            let len = match connection.stream.read(&mut self.buffer) {
                Ok(0) => {
                    self.remove(at);
                    return Ok(());
                }
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => {
                    self.remove(at);
                    return Ok(());
                }
            };
            match &mut connection.role {
                PeerRole::Handshake(request) => {
                    request.extend_from_slice(&self.buffer[..len]);
                    self.open(at)?;
                }
                PeerRole::Publisher(rest) => {
                    let mut bytes = std::mem::take(rest);
                    bytes.extend_from_slice(&self.buffer[..len]);
                    let used = self.publish(&bytes)?;
                    bytes.drain(..used);
                    if let Some(connection) = &mut self.connections[at] {
                        connection.role = PeerRole::Publisher(bytes);
                    }
                }
                // Subscribers send nothing.
                PeerRole::Subscriber { .. } => {}
            }
        }
        Ok(())
    }

    /// Answers a handshake that is complete.
    fn open(&mut self, at: usize) -> anyhow::Result<()> {
        let Some(Peer {
            stream,
            role: PeerRole::Handshake(request),
        }) = &mut self.connections[at]
        else {
            return Ok(());
        };
        if !request.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
        let text = std::str::from_utf8(request)?;
        let path = text.split(' ').nth(1).context("a request without a path")?;
        let selection = selection(path)?;
        write!(
            stream,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            websocket::ACCEPT
        )?;
        let role = match selection {
            None => PeerRole::Publisher(Vec::new()),
            Some(selection) => {
                let group = self.group(selection);
                self.groups[group].members.push(at);
                PeerRole::Subscriber {
                    group,
                    place: self.groups[group].log.end(),
                    is_blocked: false,
                }
            }
        };
        if let Some(connection) = &mut self.connections[at] {
            connection.role = role;
        }
        Ok(())
    }

    fn group(&mut self, selection: (u64, u64)) -> usize {
        if let Some(&group) = self.by_selection.get(&selection) {
            return group;
        }
        let group = self.groups.len();
        self.groups.push(Group::default());
        self.by_selection.insert(selection, group);
        let (first, count) = selection;
        let topics = self.arguments.topics;
        for topic in (first..first + count.min(topics)).map(|topic| topic % topics) {
            self.by_topic[topic as usize].push(group);
        }
        group
    }

    /// Handles the whole frames at the start of a publisher's bytes, and returns their length.
    fn publish(&mut self, bytes: &[u8]) -> anyhow::Result<usize> {
        let mut used = 0;
        while let Some((payload, len)) = client_frame(&bytes[used..]) {
            used += len;
            let topic = match self.arguments.topics {
                1 => 0,
                topics => {
                    (Stamp::read(payload)
                        .context("a payload without a stamp")?
                        .index
                        % topics) as usize
                }
            };
            for &group in &self.by_topic[topic] {
                self.groups[group].log.push(payload);
                self.groups[group].is_dirty = true;
            }
            if !self.arguments.batch {
                self.round()?;
            }
        }
        self.round()?;
        Ok(used)
    }

    fn round(&mut self) -> anyhow::Result<()> {
        let single = !self.arguments.batch;
        for group in &mut self.groups {
            if !std::mem::take(&mut group.is_dirty) {
                continue;
            }
            if let Some(ring) = &mut self.ring {
                send_many(group, &mut self.connections, ring, &mut self.taken)?;
            }
            let mut slowest = group.log.end();
            for &at in &group.members {
                let Some(connection) = &mut self.connections[at] else {
                    continue;
                };
                flush(connection, &group.log, single);
                if let PeerRole::Subscriber { place, .. } = connection.role {
                    slowest = slowest.min(place);
                }
            }
            if group.log.end() - slowest > BEHIND_MAX_BYTES {
                bail!("a subscriber is more than 1 GiB behind");
            }
            group.log.trim(slowest);
        }
        Ok(())
    }

    fn unblock(&mut self, at: usize) -> anyhow::Result<()> {
        if let Some(connection) = &mut self.connections[at]
            && let PeerRole::Subscriber {
                group, is_blocked, ..
            } = &mut connection.role
        {
            let group = *group;
            *is_blocked = false;
            flush(connection, &self.groups[group].log, !self.arguments.batch);
        }
        Ok(())
    }

    fn remove(&mut self, at: usize) {
        if let Some(Peer {
            role: PeerRole::Subscriber { group, .. },
            ..
        }) = self.connections[at].take()
        {
            self.groups[group].members.retain(|&member| member != at);
        }
    }
}

/// Sends all subscribers of a group the bytes that they do not have, as far as their sockets take
/// them.
fn send_many(
    group: &Group,
    connections: &mut [Option<Peer>],
    ring: &mut Ring,
    taken: &mut Vec<io::Result<usize>>,
) -> io::Result<()> {
    let mut sends = ring.sends();
    for &member in &group.members {
        if let Some(Peer { stream, role }) = &connections[member]
            && let &PeerRole::Subscriber {
                place,
                is_blocked: false,
                ..
            } = role
        {
            sends.add(stream.as_fd(), [group.log.since(place)]);
        }
    }
    sends.submit(taken)?;
    let mut taken = taken.iter();
    for &member in &group.members {
        if let Some(Peer { role, .. }) = &mut connections[member]
            && let PeerRole::Subscriber {
                place,
                is_blocked: false,
                ..
            } = role
            && let Some(Ok(len)) = taken.next()
        {
            *place += *len as u64;
        }
    }
    Ok(())
}

/// Writes the bytes that a subscriber does not have, as far as its socket takes them: one frame at
/// a time, or all.
fn flush(connection: &mut Peer, log: &FrameLog, single: bool) {
    let PeerRole::Subscriber {
        place, is_blocked, ..
    } = &mut connection.role
    else {
        return;
    };
    while !*is_blocked && *place < log.end() {
        let all = log.since(*place);
        let bytes = if single { first_frame(all) } else { all };
        match connection.stream.write(bytes) {
            Ok(len) => *place += len as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Reading finds out that a client is gone.
            Err(_) => *is_blocked = true,
        }
    }
}

/// The topics that a path asks for, as first and count. `None` for the publisher.
fn selection(path: &str) -> anyhow::Result<Option<(u64, u64)>> {
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("publish"), None, _) => Ok(None),
        (Some("subscribe"), None, _) => Ok(Some((0, u64::from(u32::MAX)))),
        (Some("subscribe"), Some(first), Some(count)) => Ok(Some((first.parse()?, count.parse()?))),
        _ => bail!("an unknown path: {path}"),
    }
}

/// The payload and the length of the client's frame at the start of `bytes`, if it is complete.
fn client_frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (start, len) = match bytes {
        [_, second, a, b, ..] if second & 0x7f == 126 => {
            (8, usize::from(u16::from_be_bytes([*a, *b])))
        }
        [_, second, ..] => (SHORT_HEADER_BYTES, usize::from(second & 0x7f)),
        _ => return None,
    };
    let payload = bytes.get(start..start + len)?;
    Some((payload, start + len))
}
