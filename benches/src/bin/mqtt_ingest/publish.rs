//! Publishes on an absolute schedule.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use tickcast_benches::processes::pause;
use tickcast_loadtest::{observe::process, wire::mqtt};

use crate::prepared::Prepared;

/// Bytes of one write while publishes are late. More wait for the next write.
const WRITE_MAX_BYTES: usize = 64 * 1024;

/// Pause while nothing is due.
const PAUSE: Duration = Duration::from_micros(500);

/// The answer to a ping (MQTT 3.1.1, section 3.13).
const PING_ANSWER: [u8; 2] = [0xd0, 0];

/// When the publishes are due.
pub(crate) struct Schedule {
    rate: f64,
    total: u64,
}

impl Schedule {
    pub(crate) fn new(rate: f64, seconds: f64) -> Self {
        let total = (rate * seconds) as u64;
        Self { rate, total }
    }

    /// Number of publishes that are due up to a time.
    fn due(&self, elapsed: Duration) -> u64 {
        self.total
            .min((elapsed.as_secs_f64() * self.rate) as u64 + 1)
    }

    /// When a publish is due.
    fn at(&self, nth: u64) -> Duration {
        Duration::from_secs_f64(nth as f64 / self.rate)
    }
}

/// What was published.
pub(crate) struct Sent {
    /// It stays open until everything has arrived.
    _stream: TcpStream,
    pub(crate) count: u64,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    pub(crate) took: Duration,
    /// The largest lateness.
    pub(crate) latest: Duration,
}

/// Connects to a broker.
pub(crate) fn connect(broker: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(broker)?;
    stream.set_nodelay(true)?;
    stream.write_all(&mqtt::connect("ingest-publisher", None))?;
    let mut answer = [0; mqtt::CONNACK_BYTES];
    stream.read_exact(&mut answer)?;
    mqtt::check_connack(answer)?;
    Ok(stream)
}

/// Publishes. A late publish is sent at once and never skipped. `is_pinged` says whether a ping is
/// to be answered.
pub(crate) fn publish(
    mut stream: TcpStream,
    prepared: &Prepared,
    schedule: &Schedule,
    is_pinged: impl Fn() -> bool,
) -> anyhow::Result<Sent> {
    process::sleep_precisely();
    let (mut count, mut latest) = (0, Duration::ZERO);
    let start = Instant::now();
    while count < schedule.total {
        if is_pinged() {
            stream.write_all(&PING_ANSWER)?;
        }
        let now = start.elapsed();
        let due = schedule.due(now);
        if due <= count {
            pause(PAUSE);
            continue;
        }
        latest = latest.max(now.saturating_sub(schedule.at(count)));
        let (bytes, packets) = prepared.from(count, due - count, WRITE_MAX_BYTES);
        stream.write_all(bytes)?;
        count += packets;
    }
    let end = Instant::now();
    Ok(Sent {
        _stream: stream,
        count,
        start,
        end,
        took: end - start,
        latest,
    })
}
