//! A contender, and the floor of the comparison: what remains of a fan-out server if everything is
//! left out that is not writing ready-made frames.
//!
//! It knows no protocol, no encoding and no slow subscribers, and speaks to the benchmark's load
//! only. By default each update is one `send` per subscriber; with `--batch` whatever has come
//! meanwhile goes into one `send`, since the frames lie behind each other in memory; with `--ring`
//! the kernel gets many of these in one system call. What a socket does not take waits in the log,
//! so nothing is lost.
//!
//! Arguments: the port, `--batch`, `--ring`, `--topics N` (update `i` belongs to topic `i % N`; a
//! subscriber says at `/subscribe/FIRST/COUNT` which it wants).

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
use tickcast_loadtest::{stamp::Stamp, websocket};
use tickcast_uring::Ring;

use log::{Log, first_frame};

/// Read from the publisher between two rounds, at most: as much as a socket has at once.
const READ_BYTES: usize = 256 * 1024;

/// A subscriber further behind ends the program: it is a bug of the benchmark.
const BEHIND_MAX_BYTES: u64 = 1 << 30;

/// A client's header of a short frame: two bytes and the masking key, which is 0.
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

enum Role {
    /// The request so far.
    Handshake(Vec<u8>),
    /// What is left of the last read.
    Publisher(Vec<u8>),
    Subscriber {
        group: usize,
        place: u64,
        is_blocked: bool,
    },
}

struct Connection {
    stream: TcpStream,
    role: Role,
}

/// Subscribers of the same topics: they get the same bytes.
#[derive(Default)]
struct Group {
    log: Log,
    members: Vec<usize>,
    is_dirty: bool,
}

struct Raw {
    arguments: Arguments,
    listener: TcpListener,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    groups: Vec<Group>,
    by_wish: HashMap<(u64, u64), usize>,
    by_topic: Vec<Vec<usize>>,
    buffer: Vec<u8>,
    ring: Option<Ring>,
    /// Of the last use of the ring.
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
        by_wish: HashMap::new(),
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
                // By having been held meanwhile.
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
            let role = Role::Handshake(Vec::new());
            self.connections.push(Some(Connection { stream, role }));
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
                Role::Handshake(request) => {
                    request.extend_from_slice(&self.buffer[..len]);
                    self.open(at)?;
                }
                Role::Publisher(rest) => {
                    let mut bytes = std::mem::take(rest);
                    bytes.extend_from_slice(&self.buffer[..len]);
                    let used = self.publish(&bytes)?;
                    bytes.drain(..used);
                    if let Some(connection) = &mut self.connections[at] {
                        connection.role = Role::Publisher(bytes);
                    }
                }
                // It has nothing to say.
                Role::Subscriber { .. } => {}
            }
        }
        Ok(())
    }

    /// Answers a handshake that is complete.
    fn open(&mut self, at: usize) -> anyhow::Result<()> {
        let Some(Connection {
            stream,
            role: Role::Handshake(request),
        }) = &mut self.connections[at]
        else {
            return Ok(());
        };
        if !request.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
        let text = std::str::from_utf8(request)?;
        let path = text.split(' ').nth(1).context("a request without a path")?;
        let wish = wish(path)?;
        write!(
            stream,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            websocket::ACCEPT
        )?;
        let role = match wish {
            None => Role::Publisher(Vec::new()),
            Some(wish) => {
                let group = self.group(wish);
                self.groups[group].members.push(at);
                Role::Subscriber {
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

    fn group(&mut self, wish: (u64, u64)) -> usize {
        if let Some(&group) = self.by_wish.get(&wish) {
            return group;
        }
        let group = self.groups.len();
        self.groups.push(Group::default());
        self.by_wish.insert(wish, group);
        let (first, count) = wish;
        let topics = self.arguments.topics;
        for topic in (first..first + count.min(topics)).map(|topic| topic % topics) {
            self.by_topic[topic as usize].push(group);
        }
        group
    }

    /// Handles the whole frames at the start of what a publisher has sent, and says how long
    /// they are.
    fn publish(&mut self, bytes: &[u8]) -> anyhow::Result<usize> {
        let mut used = 0;
        while let Some((payload, len)) = client_frame(&bytes[used..]) {
            used += len;
            let topic = match self.arguments.topics {
                1 => 0,
                topics => (Stamp::read(payload).context("no stamp")?.index % topics) as usize,
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
            let mut furthest_behind = group.log.end();
            for &at in &group.members {
                let Some(connection) = &mut self.connections[at] else {
                    continue;
                };
                flush(connection, &group.log, single);
                if let Role::Subscriber { place, .. } = connection.role {
                    furthest_behind = furthest_behind.min(place);
                }
            }
            if group.log.end() - furthest_behind > BEHIND_MAX_BYTES {
                bail!("a subscriber is too far behind");
            }
            group.log.trim(furthest_behind);
        }
        Ok(())
    }

    fn unblock(&mut self, at: usize) -> anyhow::Result<()> {
        if let Some(connection) = &mut self.connections[at]
            && let Role::Subscriber {
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
        if let Some(Connection {
            role: Role::Subscriber { group, .. },
            ..
        }) = self.connections[at].take()
        {
            self.groups[group].members.retain(|&member| member != at);
        }
    }
}

/// Gives all subscribers of a group what they have not got, as far as their sockets take it.
fn send_many(
    group: &Group,
    connections: &mut [Option<Connection>],
    ring: &mut Ring,
    taken: &mut Vec<io::Result<usize>>,
) -> io::Result<()> {
    let mut sends = ring.sends();
    for &member in &group.members {
        if let Some(Connection { stream, role }) = &connections[member]
            && let &Role::Subscriber {
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
        if let Some(Connection { role, .. }) = &mut connections[member]
            && let Role::Subscriber {
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

/// Writes what a subscriber has not got, as far as its socket takes it: one frame at a time, or all.
fn flush(connection: &mut Connection, log: &Log, single: bool) {
    let Role::Subscriber {
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
            // Who is gone is found out by reading.
            Err(_) => *is_blocked = true,
        }
    }
}

/// The topics that a path asks for, as first and count; `None` for the publisher.
fn wish(path: &str) -> anyhow::Result<Option<(u64, u64)>> {
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("publish"), None, _) => Ok(None),
        (Some("subscribe"), None, _) => Ok(Some((0, u64::from(u32::MAX)))),
        (Some("subscribe"), Some(first), Some(count)) => Ok(Some((first.parse()?, count.parse()?))),
        _ => bail!("an unknown path: {path}"),
    }
}

/// The payload and the length of the whole client's frame at the start of `bytes`.
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
