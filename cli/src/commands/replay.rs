//! `tickcast replay`: publishes a recording, in its own time.

use std::{fs::File, path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use tickcast_protocol::{
    message::{Publication, TimeNs},
    recording::{LINE_MAX_BYTES, RecordedLine},
    topic::Topic,
};
use tokio::time::{Instant, sleep_until};

use super::publish::told;
use crate::{
    connection::{ConnectionArgs, Link, parse_duration},
    exit::{Exit, Failure},
    publishing::{Chunk, Input, Publisher},
};

/// Updates that are due within this time are sent together. People do not see the difference, and a
/// request costs a round trip.
const TOGETHER: Duration = Duration::from_millis(1);

/// A pause that is longer than this is never over; timers hold no more.
const NEVER_S: f64 = 1e9;

/// Publish a recording, in its own time
///
/// The file has lines of JSON, as `tickcast record`, the monitor and `tickcast-server log export`
/// write them, and may be compressed with gzip. Statuses in it are passed over: a server decides
/// them for itself. For CSV files, several files at once, or a log on disk, use the server's feed
/// replay.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recording
    file: PathBuf,

    /// How many times as fast as it was recorded, or max
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    speed: Speed,

    /// A level or levels to put before each topic, such as 'replayed/'
    #[arg(long, value_name = "PREFIX")]
    topic_prefix: Option<String>,

    /// A longer pause of the recording is shortened to this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pause_max: Option<Duration>,

    /// The time in the updates
    #[arg(long, value_name = "WHICH", default_value = "recorded")]
    source_time: SourceTime,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// How fast recorded time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Speed {
    Times(f64),
    Max,
}

/// The source time of replayed updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SourceTime {
    /// The source's, or else the time at which it was recorded
    Recorded,
    /// None: they look as if they happened now
    Now,
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            _ if text == "max" => Ok(Self::Max),
            Ok(times) if times > 0.0 && f64::is_finite(times) => Ok(Self::Times(times)),
            _ => Err("expected a number above 0 such as 10 or 0.5, or max"),
        }
    }
}

/// When lines are due: recorded time since the line before, at the speed.
#[derive(Debug)]
struct Schedule {
    speed: Speed,
    pause_max: Option<Duration>,
    /// The latest recorded time so far, and when it was due.
    latest: Option<(TimeNs, Instant)>,
}

impl Schedule {
    /// When a line is due. One that is older than those before it is due with them.
    fn due(&mut self, time_ns: TimeNs, now: Instant) -> Instant {
        let (Speed::Times(times), Some((latest_ns, latest_due))) = (self.speed, self.latest) else {
            self.latest = Some((time_ns, now));
            return now;
        };
        let Ok(passed_ns @ 1..) = u64::try_from(time_ns.saturating_sub(latest_ns)) else {
            return latest_due;
        };
        let mut passed = Duration::from_nanos(passed_ns);
        if let Some(pause_max) = self.pause_max {
            passed = passed.min(pause_max);
        }
        let wait = Duration::from_secs_f64((passed.as_secs_f64() / times).min(NEVER_S));
        let due = latest_due + wait;
        self.latest = Some((time_ns, due));
        due
    }
}

impl ReplayArgs {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let name = self.file.display().to_string();
        let prefix = self.topic_prefix.as_deref().unwrap_or_default();
        let file = File::open(&self.file);
        let file = file.map_err(|error| Failure::Failed(format!("{name}: {error}")))?;
        let mut input = Input::file(&name, file)?;
        let mut publisher = Publisher::new(Link::open(&self.connection).await?);
        let mut skipped = 0;
        let done = self.play(&mut input, prefix, &mut publisher, &mut skipped);
        let done = done.await;
        publisher.finish(skipped, done).await
    }

    /// Publishes a recording to its end.
    async fn play(
        &self,
        input: &mut Input,
        prefix: &str,
        publisher: &mut Publisher,
        skipped: &mut u64,
    ) -> Result<(), Failure> {
        let mut schedule = Schedule {
            speed: self.speed,
            pause_max: self.pause_max,
            latest: None,
        };
        while let Some(chunk) = publisher.meanwhile(input.next()).await?? {
            let mut ready = Vec::new();
            for (time_ns, update) in self.read(&chunk, prefix, skipped) {
                let now = Instant::now();
                let due = schedule.due(time_ns, now);
                if due > now + TOGETHER {
                    publisher.publish(std::mem::take(&mut ready)).await?;
                    publisher.meanwhile(sleep_until(due)).await?;
                }
                ready.push(update);
            }
            publisher.publish(ready).await?;
        }
        Ok(())
    }

    /// The updates in some lines, with their recorded times.
    fn read(&self, chunk: &Chunk, prefix: &str, skipped: &mut u64) -> Vec<(TimeNs, Publication)> {
        let mut updates = Vec::with_capacity(chunk.lines.len());
        for (number, line) in (chunk.first..).zip(&chunk.lines) {
            match self.update(line, prefix) {
                Ok(update) => updates.extend(update),
                Err(reason) => told(number, &reason, skipped),
            }
        }
        updates
    }

    fn update(&self, line: &[u8], prefix: &str) -> Result<Option<(TimeNs, Publication)>, String> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        if line.len() > LINE_MAX_BYTES {
            return Err(format!("it is too long (limit {LINE_MAX_BYTES} bytes)"));
        }
        let line = RecordedLine::parse(line).map_err(|error| error.to_string())?;
        let Some(value) = line.value else {
            return Ok(None);
        };
        let topic = format!("{prefix}{}", line.topic);
        let topic = Topic::new(&topic).map_err(|error| format!("topic {topic:?}: {error}"))?;
        let source_time_ns = match self.source_time {
            SourceTime::Recorded => Some(line.source_time.unwrap_or(line.time)),
            SourceTime::Now => None,
        };
        let update = Publication {
            topic: String::from(topic),
            value,
            source_time_ns,
        };
        Ok(Some((line.time, update)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: TimeNs = 1_000_000_000;

    #[test]
    fn recorded_time_passes_at_the_speed_and_long_pauses_are_shortened() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut schedule = Schedule {
            speed: Speed::Times(10.0),
            pause_max: Some(Duration::from_secs(20)),
            latest: None,
        };
        assert_eq!(schedule.due(100 * S, start), start);
        assert_eq!(schedule.due(110 * S, after(1)), after(1_000));
        // Older, then a long pause, then further.
        assert_eq!(schedule.due(90 * S, after(2)), after(1_000));
        assert_eq!(schedule.due(1_000 * S, after(3)), after(3_000));
        assert_eq!(schedule.due(1_001 * S, after(4)), after(3_100));
        // Impossible times are due some day.
        assert!(schedule.due(TimeNs::MAX, after(5)) >= after(3_100));
        schedule.speed = Speed::Max;
        assert_eq!(schedule.due(5_000 * S, after(6)), after(6));
    }

    #[test]
    fn a_speed_is_a_number_above_0_or_max() {
        assert_eq!("0.5".parse(), Ok(Speed::Times(0.5)));
        assert_eq!("max".parse(), Ok(Speed::Max));
        for wrong in ["0", "-1", "inf", "fast"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }
}
