//! What a client's link takes, and how much may therefore be unsent.
//!
//! Bytes that wait in the kernel are old when they arrive. So a slow link may hold about 100 ms of
//! what it takes: [`UNSENT_TIME`] bounds what is unsent, [`ALL_TIME`] what is not acknowledged, and
//! [`FRAME_TIME`] a catch-up frame.
//!
//! The rate is measured without asking the kernel: while a socket is full, its unsent bytes are at
//! the same level each time it refuses more. What it accepted from one refusal to a later one is
//! what the link took in that time. A socket that is never full costs nothing.
//!
//! But a socket is full only when the queue of the network is, which may hold half a second. So the
//! first bytes of a connection are followed more closely: a round trip that has become longer shows
//! such a queue, and the rate is then what the client acknowledges.

use std::time::Duration;

use super::socket::{KernelBound, Path};

/// The unsent bytes are what the link takes in this time. Half of it would still keep a link busy
/// that is served within a millisecond; the rest covers a shard that is late.
const UNSENT_TIME: Duration = Duration::from_millis(100);

/// Maximum unsent bytes that the kernel holds for a connection (TCP_NOTSENT_LOWAT). A faster link
/// than 10 Mbit/s gains nothing from more.
pub const UNSENT_MAX_BYTES: u32 = 128 * 1024;

/// The same for the slowest links: below it, a link would run dry between two packets.
pub const UNSENT_MIN_BYTES: u32 = 4 * 1024;

/// The same for a new connection, whose link is not known. A fast link has it sent before the
/// socket is written to again.
pub const UNSENT_START_BYTES: u32 = 8 * 1024;

/// The first bytes of a connection are written with care, as to a slow link. A link that has taken
/// this many without being measured is not slow.
const TRIAL_BYTES: u32 = 256 * 1024;

/// Number of bytes of the trial after which the kernel is asked for the round trip: 32 times in the
/// life of a connection. Half of it would not find a queue much sooner.
const LOOK_BYTES: u32 = 8 * 1024;

/// A round trip that is this much longer than the shortest one means that bytes wait in the
/// network. A client may delay its acknowledgements for up to 40 ms.
const QUEUE_TIME: Duration = Duration::from_millis(50);

/// Bytes that TCP sends before the first acknowledgement: ten packets (RFC 6928). In the trial, a
/// socket that takes at least half as many in each round trip may be full only because TCP begins
/// slowly, unless there is a queue.
const FIRST_WINDOW_BYTES: u32 = 10 * PACKET_BYTES as u32;

/// A rate is measured over at least this time and this many bytes (six packets, and what may be
/// unsent), or over [`MEASURE_LONG`]. Less would measure how packets are grouped.
const MEASURE_MIN: Duration = Duration::from_millis(50);
const MEASURE_MIN_BYTES: u64 = 8 * 1024;

/// See [`MEASURE_MIN`]. A socket that was full for this long accepts few bytes in any time.
const MEASURE_LONG: Duration = Duration::from_secs(1);

/// A measured rate becomes at most this many times the last one, unless nothing waits in the
/// network. A queue there may take many bytes at once after a silence.
const RISE_MAX: u64 = 2;

/// A measured rate becomes at least this part of the last one: a client may have paused.
const FALL_MAX: u64 = 8;

/// A higher rate than this is not distinguished. One pause of the client must not make a link slow,
/// so it is several times the rate at which the unsent bytes have their maximum.
const RATE_MAX: u64 = 5 * 1024 * 1024;

/// A catch-up frame for a slow link is what it takes in this time: a frame is of no use before its
/// last byte has come.
const FRAME_TIME: Duration = Duration::from_millis(30);

/// A catch-up frame for a slow link has at least this many bytes of updates, a dozen updates.
/// Shorter ones would consist of their heads.
pub(super) const LINK_FRAME_MIN_BYTES: usize = 2 * 1024;

/// What a packet usually carries on Ethernet (MTU 1500, with timestamps). Where it is less, a write
/// ends with a shorter packet.
const PACKET_BYTES: usize = 1448;

/// A write for a slow link may have this many packets.
const WRITE_MIN_PACKETS: usize = 2;

/// Bytes on their way through the network are old, too: a router may hold seconds of them. A slow
/// link may hold what it takes in this time and one round trip, the unsent bytes included.
const ALL_TIME: Duration = Duration::from_millis(50);

/// The same for the slowest links. With fewer packets than these three, TCP would wait for
/// acknowledgements that the client delays.
const ALL_MIN_BYTES: u32 = 4 * 1024;

/// What a link may hold that is not slow any more: the most that the kernel allows.
const ALL_FREE_BYTES: u32 = 8 * 1024 * 1024;

/// The link of a connection; see the module.
#[derive(Debug)]
pub(super) struct Link {
    /// Bytes per second, once they have been measured.
    rate: Option<u64>,
    /// Maximum unsent bytes that the kernel holds now.
    unsent_max: u32,
    /// Maximum bytes of one write; `usize::MAX` if the link is not slow. It follows from the other
    /// fields and is kept because each write asks for it.
    write_max: usize,
    /// Maximum of all bytes that it holds, if we have set it.
    all_max: Option<u32>,
    /// Bytes of the trial that are left.
    trial: u32,
    /// Bytes accepted since the last look at the path.
    unlooked: u32,
    /// The queue that the last look found in the network.
    queue: Option<Box<Queue>>,
    /// The measurement in progress. Most connections never need one.
    measurement: Option<Box<Measurement>>,
}

/// A queue of bytes in the network.
#[derive(Debug)]
struct Queue {
    /// Uptime at which it was found.
    since: Duration,
    /// Bytes that were acknowledged then.
    acknowledged: u64,
}

/// A time that begins and ends when the socket refuses bytes.
#[derive(Debug)]
struct Measurement {
    /// Uptime at the start.
    since: Duration,
    /// Bytes accepted since then.
    bytes: u64,
    /// The longest time in which the socket would have accepted bytes and got none.
    quiet: Duration,
    /// Uptime since which it would accept bytes and got none.
    quiet_since: Option<Duration>,
}

impl Measurement {
    fn new(uptime: Duration) -> Self {
        Self {
            since: uptime,
            bytes: 0,
            quiet: Duration::ZERO,
            quiet_since: None,
        }
    }

    fn end_quiet(&mut self, uptime: Duration) {
        if let Some(since) = self.quiet_since.take() {
            self.quiet = self.quiet.max(uptime.saturating_sub(since));
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self {
            rate: None,
            unsent_max: UNSENT_START_BYTES,
            write_max: write_max(UNSENT_START_BYTES),
            all_max: None,
            trial: TRIAL_BYTES,
            unlooked: 0,
            queue: None,
            measurement: None,
        }
    }
}

impl Link {
    /// Records that the socket accepted bytes.
    #[inline]
    pub(super) fn accepted(&mut self, bytes: usize, uptime: Duration) {
        if self.trial > 0 || self.measurement.is_some() {
            self.accepted_watched(bytes, uptime);
        }
    }

    /// The same on a link that is in its trial or measured.
    #[inline(never)]
    fn accepted_watched(&mut self, bytes: usize, uptime: Duration) {
        if self.trial > 0 {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            self.trial = self.trial.saturating_sub(bytes);
            self.unlooked = self.unlooked.saturating_add(bytes);
            if self.trial == 0 {
                self.change_write_max();
            }
        }
        if let Some(measurement) = &mut self.measurement {
            measurement.bytes += bytes as u64;
            if measurement.quiet_since.is_some() {
                measurement.end_quiet(uptime);
                measurement.quiet_since = Some(uptime);
            }
        }
    }

    /// Records that a full socket accepts bytes again.
    pub(super) fn opened(&mut self, uptime: Duration) {
        if let Some(measurement) = &mut self.measurement {
            measurement.quiet_since.get_or_insert(uptime);
        }
    }

    /// Whether to [look](Self::look) at the path now.
    #[inline]
    pub(super) fn is_look_due(&self) -> bool {
        self.trial > 0 && self.rate.is_none() && self.unlooked >= LOOK_BYTES
    }

    /// Looks at the path of a link that is not known yet. Returns new bounds if it is slow: while
    /// bytes wait in the network, the client acknowledges what the link takes.
    pub(super) fn look(&mut self, path: &Path, uptime: Duration) -> Option<KernelBound> {
        self.unlooked = 0;
        if !has_queue(path) {
            self.queue = None;
            return None;
        }
        let acknowledged = path.acknowledged_bytes;
        let queue = self.queue.get_or_insert_with(|| {
            Box::new(Queue {
                since: uptime,
                acknowledged,
            })
        });
        let elapsed = uptime.saturating_sub(queue.since);
        let bytes = acknowledged.saturating_sub(queue.acknowledged);
        if elapsed < MEASURE_MIN {
            return None;
        }
        self.queue = None;
        self.rate = Some(per_second(bytes, elapsed).min(RATE_MAX));
        self.change_bounds(|| Some(*path))
    }

    /// Records that the socket refused bytes. Returns new bounds if they change. `path` is asked
    /// for at the end of a measurement.
    pub(super) fn refused(
        &mut self,
        uptime: Duration,
        mut path: impl FnMut() -> Option<Path>,
    ) -> Option<KernelBound> {
        let Some(measurement) = &mut self.measurement else {
            self.measurement = Some(Box::new(Measurement::new(uptime)));
            return None;
        };
        measurement.end_quiet(uptime);
        let elapsed = uptime.saturating_sub(measurement.since);
        let is_long = elapsed >= MEASURE_LONG;
        let bytes_min = MEASURE_MIN_BYTES.max(self.unsent_max.into());
        if elapsed < MEASURE_MIN || measurement.bytes < bytes_min && !is_long {
            return None;
        }
        let measured = per_second(measurement.bytes, elapsed).min(RATE_MAX);
        let mut asked = None;
        let mut path = || *asked.get_or_insert_with(&mut path);
        if self.trial > 0
            && let Some(path) = path()
            && !has_queue(&path)
            && taken_in(measured, path.shortest_round_trip) >= FIRST_WINDOW_BYTES / 2
        {
            // It is TCP that takes no more, because it begins slowly.
            **measurement = Measurement::new(uptime);
            return None;
        }
        // If the unsent bytes may have run out, the link takes at least this rate. Half of them are
        // left when a full socket accepts bytes again.
        let is_lower_bound = taken_in(measured, measurement.quiet) > self.unsent_max / 2;
        **measurement = Measurement::new(uptime);
        let before = self.rate.unwrap_or(bytes_per_second(UNSENT_START_BYTES));
        if is_lower_bound && measured <= before {
            return None;
        }
        let floor = bytes_per_second(UNSENT_MIN_BYTES);
        let rate = if measured > before + before / 2 {
            let most = before.max(floor) * RISE_MAX;
            match measured > most && path().is_some_and(|path| !has_queue(&path)) {
                true => measured,
                false => measured.min(most),
            }
        } else if self.rate.is_none() || measured < before / 2 {
            measured.max(before / FALL_MAX)
        } else {
            (before + measured) / 2
        };
        self.rate = Some(rate.min(RATE_MAX));
        self.change_bounds(path)
    }

    fn change_bounds(&mut self, path: impl FnOnce() -> Option<Path>) -> Option<KernelBound> {
        let rate = self.rate?;
        let unsent = taken_in(rate, UNSENT_TIME).clamp(UNSENT_MIN_BYTES, UNSENT_MAX_BYTES);
        let all = if unsent < UNSENT_MAX_BYTES {
            path()
                .map(|path| taken_in(rate, path.shortest_round_trip + ALL_TIME).max(ALL_MIN_BYTES))
        } else {
            self.all_max.map(|_| ALL_FREE_BYTES)
        };
        let is_new = is_worth(self.unsent_max, unsent)
            || all.is_some_and(|all| self.all_max.is_none_or(|before| is_worth(before, all)));
        let bound = is_new.then(|| {
            self.unsent_max = unsent;
            self.all_max = all;
            // What it takes to reach the new level is not what the link takes: the next measurement
            // begins there.
            self.measurement = None;
            KernelBound { unsent, all }
        });
        self.change_write_max();
        bound
    }

    /// Whether each write must be small and apart from the one before it. Otherwise the kernel
    /// appends to the bytes that it holds, beyond the maximum of unsent bytes.
    #[inline]
    pub(super) fn is_slow(&self) -> bool {
        self.write_max != usize::MAX
    }

    /// Maximum bytes of one write: whole packets, as far as their length can be known.
    #[inline]
    pub(super) fn write_max(&self) -> usize {
        self.write_max
    }

    fn change_write_max(&mut self) {
        let is_slow = self.trial > 0 || self.rate.is_some() && self.unsent_max < UNSENT_MAX_BYTES;
        self.write_max = match is_slow {
            true => write_max(self.unsent_max),
            false => usize::MAX,
        };
    }

    /// Maximum bytes of one catch-up frame, if the link is known to be slow or not known yet. What
    /// the kernel does not accept of a frame is memory that no other client shares.
    pub(super) fn frame_max(&self) -> Option<usize> {
        let Some(rate) = self.rate else {
            return (self.trial > 0).then_some(UNSENT_START_BYTES as usize);
        };
        if self.unsent_max == UNSENT_MAX_BYTES {
            return None;
        }
        Some((taken_in(rate, FRAME_TIME) as usize).max(LINK_FRAME_MIN_BYTES))
    }

    /// What the link takes, in bytes per second, if it has been measured.
    pub(super) fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Maximum unsent bytes that the kernel holds.
    pub(super) fn unsent_max(&self) -> u32 {
        self.unsent_max
    }
}

/// Maximum bytes of one write for a slow link.
fn write_max(unsent_max: u32) -> usize {
    let packets = unsent_max as usize / 2 / PACKET_BYTES;
    packets.max(WRITE_MIN_PACKETS) * PACKET_BYTES
}

/// Whether bytes wait in the network.
fn has_queue(path: &Path) -> bool {
    path.round_trip >= path.shortest_round_trip + QUEUE_TIME
}

/// Whether a change of a bound is worth a system call.
fn is_worth(before: u32, after: u32) -> bool {
    let is_limit = [
        UNSENT_MIN_BYTES,
        UNSENT_MAX_BYTES,
        ALL_MIN_BYTES,
        ALL_FREE_BYTES,
    ];
    let difference = after.abs_diff(before);
    difference >= before / 4 || is_limit.contains(&after) && difference > 0
}

fn taken_in(rate: u64, time: Duration) -> u32 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    u32::try_from(rate.saturating_mul(micros) / 1_000_000).unwrap_or(u32::MAX)
}

/// The rate at which a link takes this many bytes in [`UNSENT_TIME`].
fn bytes_per_second(unsent: u32) -> u64 {
    per_second(unsent.into(), UNSENT_TIME)
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1_000_000) / micros
}

#[cfg(test)]
mod tests;
