//! The publisher's connection, worked by the thread that reads the subscribers: it looks at the
//! schedule between two of them, so that neither waits for the other to be scheduled.

use std::{
    io::{self, ErrorKind, Read, Write},
    iter::Peekable,
    time::Duration,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use tickcast_loadtest::{
    inbox::Inbox,
    schedule::{Schedule, Timing},
    stamp::Stamp,
    websocket::{self, Opcode},
};

use super::{
    connect::Opened,
    crowd::FRAME_MAX_BYTES,
    dialect::{Dialect, nats_pong},
    nats,
    workload::{Pace, Workload},
};

/// Number of the run in stamps. Contenders start afresh for each run, so one will do.
const RUN: u32 = 1;

/// Updates appended before the subscribers are looked at again.
const STEP_UPDATES: usize = 64;

/// Bytes that wait for a contender that does not take them, before no more are appended. They are
/// late then, and count as late.
const WAITING_MAX_BYTES: usize = 1 << 20;

enum Plan {
    Schedule {
        start_ns: i64,
        slots: Peekable<Schedule>,
    },
    Window(u64),
    Ended,
}

/// See the module.
pub struct Feed {
    stream: TcpStream,
    inbox: Inbox,
    dialect: Dialect,
    plan: Plan,
    topics: u64,
    payload: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    /// Updates published so far.
    pub published: u64,
}

impl Feed {
    /// Publishes nothing yet.
    pub fn new(
        opened: Opened,
        dialect: Dialect,
        workload: &Workload,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut stream = TcpStream::from_std(opened.stream);
        registry.register(&mut stream, token, Interest::READABLE)?;
        Ok(Self {
            stream,
            inbox: opened.inbox,
            dialect,
            plan: Plan::Ended,
            topics: workload.topics,
            payload: vec![0; workload.payload_bytes],
            out: Vec::new(),
            written: 0,
            published: 0,
        })
    }

    /// Publishes from `start_ns` on, on a schedule for so long.
    pub fn start(&mut self, pace: Pace, start_ns: i64, duration: Duration) -> anyhow::Result<()> {
        self.plan = match pace {
            Pace::Rate(rate) => Plan::Schedule {
                start_ns,
                slots: Schedule::new(&Timing::Constant, rate, duration)?.peekable(),
            },
            Pace::Window(updates) => Plan::Window(updates),
            Pace::Silent => Plan::Ended,
        };
        Ok(())
    }

    /// Publishes no more than what is waiting.
    pub fn stop(&mut self) {
        self.plan = Plan::Ended;
    }

    /// Whether everything is with the contender.
    pub fn is_written(&self) -> bool {
        self.out.is_empty()
    }

    /// Publishes what is due. `completed`: up to where everybody has everything.
    pub fn step(&mut self, now_ns: i64, completed: impl FnOnce() -> u64) -> io::Result<()> {
        let mut room = match self.plan {
            Plan::Window(updates) if self.is_written() => {
                (completed() + updates).saturating_sub(self.published)
            }
            _ => 0,
        };
        for _ in 0..STEP_UPDATES {
            if self.out.len() - self.written > WAITING_MAX_BYTES {
                break;
            }
            let due_ns = match &mut self.plan {
                Plan::Schedule { start_ns, slots } => {
                    let is_due = |offset_ns: &u64| *start_ns + *offset_ns as i64 <= now_ns;
                    match slots.next_if(is_due) {
                        Some(offset_ns) => *start_ns + offset_ns as i64,
                        None => break,
                    }
                }
                Plan::Window(_) if room > 0 => {
                    room -= 1;
                    now_ns
                }
                Plan::Window(_) | Plan::Ended => break,
            };
            self.append(due_ns, now_ns);
        }
        self.write()
    }

    fn append(&mut self, due_ns: i64, sent_ns: i64) {
        let stamp = Stamp {
            run: RUN,
            index: self.published,
            due_ns,
            sent_ns,
        };
        stamp.write(&mut self.payload);
        let topic = self.published % self.topics;
        self.dialect
            .append_update(topic, &self.payload, &mut self.out);
        self.published += 1;
    }

    fn write(&mut self) -> io::Result<()> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Hears what the contender has to say to a publisher: nothing but pings matters.
    pub fn listen(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let len = match self.stream.read(&mut buffer) {
                Ok(0) => anyhow::bail!("the contender closed the publisher's connection"),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let (dialect, out) = (self.dialect, &mut self.out);
            let mut handle = |opcode, payload: &[u8]| -> anyhow::Result<()> {
                match (opcode, dialect) {
                    (Opcode::Ping, _) => websocket::append_frame(Opcode::Pong, payload, out),
                    (Opcode::Binary, Dialect::Nats) => match nats::next(payload) {
                        Some((nats::Line::Ping, _)) => out.extend(nats_pong()),
                        Some((nats::Line::Error(text), _)) => anyhow::bail!("{text}"),
                        _ => {}
                    },
                    _ => {}
                }
                Ok(())
            };
            let fed = self
                .inbox
                .feed(&buffer[..len], FRAME_MAX_BYTES, &mut handle);
            fed.map_err(|error| anyhow::anyhow!("publisher: {error:?}"))?;
        }
    }
}
