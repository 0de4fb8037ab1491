//! The simulated feed: synthetic but realistic markets and sensors.
//!
//! [`Simulation`] has no clock: the same settings and start time give the same updates, however fast
//! they are requested. The feed requests them in real time.
//!
//! The files in reading order:
//!
//! * this file: settings, the schedule of all sources, and the feed
//! * `market`: one market, with trades and quotes
//! * `sensor`: one sensor

mod market;
mod sensor;

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use clap::Args;
use market::Instrument;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use rand_distr::Exp1;
use sensor::Sensor;
use tickcast_core::work::NewUpdate;
use tickcast_protocol::message::TimeNs;
use tokio::time::{Instant, sleep_until};

use super::{
    FeedState,
    handover::{BATCH_MAX_UPDATES, Batch, Handover},
};
use crate::{
    clock::wall_ns,
    ingest::Ended,
    settings::values::{defaults, number, positive},
};

/// What the simulated feed makes up. Each field is a setting, see `crate::settings`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Feed simulated")]
pub struct SimulatedSettings {
    /// Markets, each with the topics market/NAME/trade and market/NAME/quote.
    #[arg(value_name = "NUMBER", default_value = "24", value_parser = number(0..=usize::MAX))]
    pub instruments: usize,
    /// Sensors, each with one topic below plant/ or building/.
    #[arg(value_name = "NUMBER", default_value = "16", value_parser = number(0..=usize::MAX))]
    pub sensors: usize,
    /// Updates per second of all topics together, on average.
    #[arg(value_name = "NUMBER", default_value = "1000", value_parser = positive(RATE_MAX))]
    pub rate: f64,
    /// Another seed makes other updates.
    #[arg(value_name = "NUMBER", default_value = "1", value_parser = number(0..=SEED_MAX))]
    pub seed: u64,
}

/// TOML has no larger integers.
const SEED_MAX: u64 = i64::MAX as u64;

impl Default for SimulatedSettings {
    fn default() -> Self {
        defaults()
    }
}

/// Maximum number of instruments and sensors: half of the topics that a server holds by default.
const SOURCES_MAX: usize = 500_000;

/// Maximum updates per second: somewhat more than one core can make.
const RATE_MAX: f64 = 10_000_000.0;

impl SimulatedSettings {
    /// The key and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let sources = self.instruments.saturating_add(self.sensors);
        if sources == 0 {
            let reason = "there is neither an instrument nor a sensor to simulate: set one of \
                          them to 1 or more";
            return Err(("instruments", reason.into()));
        }
        if sources > SOURCES_MAX {
            let reason = format!(
                "{sources} instruments and sensors are too many (limit {SOURCES_MAX} together)"
            );
            return Err(("instruments", reason));
        }
        if !(self.rate > 0.0 && self.rate <= RATE_MAX) {
            let reason = format!(
                "the rate {} is not above 0 and at most {RATE_MAX} updates per second",
                self.rate
            );
            return Err(("rate", reason));
        }
        Ok(())
    }
}

/// The sensors' share of the updates if there are also instruments: markets are busier.
const SENSORS_SHARE: f64 = 0.2;

/// The exponent of Zipf's law by which instruments share their part: as on real exchanges, the
/// first is traded most and the last hardly ever.
const ZIPF_EXPONENT: f64 = 0.9;

/// Sensors report at even intervals, but their clocks are not perfect.
const SENSOR_JITTER: f64 = 0.02;

/// One sensor out of this many falls silent now and then, as sensors do. This shows how a topic's
/// status changes.
const UNRELIABLE_EVERY: usize = 16;

/// The index of the silent sensor among them.
const UNRELIABLE_INDEX: usize = 1;

/// Length of a silence of an unreliable sensor, in ns.
const SILENCE_NS: f64 = 20e9;

/// Mean time for which an unreliable sensor reports between two silences, in ns.
const TALK_NS: f64 = 60e9;

/// Markets and sensors in virtual time.
///
/// [`due_ns`](Self::due_ns) returns the time of the next update, and [`make`](Self::make) makes it.
#[derive(Debug)]
pub struct Simulation {
    actors: Vec<Actor>,
    /// The next time of each actor, earliest on top. The actor's index breaks ties.
    schedule: BinaryHeap<Reverse<(TimeNs, usize)>>,
}

#[derive(Debug)]
struct Actor {
    /// Each actor has its own generator, so that the others do not change what it does.
    rng: Xoshiro256PlusPlus,
    /// Mean time between two updates.
    interval_ns: f64,
    kind: ActorKind,
    /// Whether it falls silent now and then.
    is_unreliable: bool,
}

#[derive(Debug)]
enum ActorKind {
    Instrument(Box<Instrument>),
    Sensor(Sensor),
}

impl Simulation {
    /// Starts at `start_ns`. The settings must have been checked.
    pub fn new(settings: &SimulatedSettings, start_ns: TimeNs) -> Self {
        let (instruments, sensors) = (settings.instruments, settings.sensors);
        let mut actors = Vec::with_capacity(instruments + sensors);
        for index in 0..instruments {
            let mut rng = rng_of(settings.seed, 0, index);
            let instrument = Instrument::new(index, start_ns, &mut rng);
            actors.push(Actor {
                rng,
                interval_ns: 0.0,
                kind: ActorKind::Instrument(Box::new(instrument)),
                is_unreliable: false,
            });
        }
        for index in 0..sensors {
            let mut rng = rng_of(settings.seed, 1, index);
            let sensor = Sensor::new(index, start_ns, &mut rng);
            actors.push(Actor {
                rng,
                interval_ns: 0.0,
                kind: ActorKind::Sensor(sensor),
                is_unreliable: index % UNRELIABLE_EVERY == UNRELIABLE_INDEX,
            });
        }
        let (markets, rest) = actors.split_at_mut(instruments);
        let sensors_rate = match (instruments, sensors) {
            (0, _) => settings.rate,
            (_, 0) => 0.0,
            _ => settings.rate * SENSORS_SHARE,
        };
        share_rate(markets, settings.rate - sensors_rate, |index, _| {
            ((index + 1) as f64).powf(-ZIPF_EXPONENT)
        });
        share_rate(rest, sensors_rate, |_, actor| match &actor.kind {
            ActorKind::Sensor(sensor) => sensor.activity(),
            ActorKind::Instrument(_) => 0.0,
        });
        let first = |(index, actor): (usize, &mut Actor)| {
            let wait_ns = actor.interval_ns * actor.rng.random::<f64>();
            Reverse((start_ns.saturating_add(wait_ns as TimeNs), index))
        };
        let schedule = actors.iter_mut().enumerate().map(first).collect();
        Self { actors, schedule }
    }

    /// The time of the next update.
    pub fn due_ns(&self) -> TimeNs {
        let Reverse((due_ns, _)) = *self.schedule.peek().expect("there is an actor");
        due_ns
    }

    /// Makes the next update.
    pub fn make(&mut self) -> NewUpdate {
        let mut top = self.schedule.peek_mut().expect("there is an actor");
        let Reverse((now_ns, index)) = *top;
        let actor = &mut self.actors[index];
        let update = match &mut actor.kind {
            ActorKind::Instrument(instrument) => instrument.make(now_ns, &mut actor.rng),
            ActorKind::Sensor(sensor) => sensor.make(now_ns, &mut actor.rng),
        };
        *top = Reverse((now_ns.saturating_add(actor.wait_ns()), index));
        update
    }
}

impl Actor {
    fn wait_ns(&mut self) -> TimeNs {
        let is_regular = match &self.kind {
            ActorKind::Instrument(_) => false,
            ActorKind::Sensor(sensor) => sensor.is_regular(),
        };
        let factor = if is_regular {
            1.0 + SENSOR_JITTER * (2.0 * self.rng.random::<f64>() - 1.0)
        } else {
            self.rng.sample(Exp1)
        };
        let falls_silent =
            self.is_unreliable && self.rng.random::<f64>() < self.interval_ns / TALK_NS;
        let silence_ns = if falls_silent { SILENCE_NS } else { 0.0 };
        // A time that does not advance would block the simulation.
        ((self.interval_ns * factor + silence_ns) as TimeNs).max(1)
    }
}

/// Creates the generator of one actor.
fn rng_of(seed: u64, kind: u64, index: usize) -> Xoshiro256PlusPlus {
    // 2^64 divided by the golden ratio spreads neighbouring numbers over the whole range. The
    // generator's seeding then mixes their bits.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let actor = (index as u64 * 2 + kind + 1).wrapping_mul(SPREAD);
    Xoshiro256PlusPlus::seed_from_u64(seed ^ actor)
}

/// Divides `rate` among the actors by weight.
fn share_rate(actors: &mut [Actor], rate: f64, weight: impl Fn(usize, &Actor) -> f64) {
    let weights: Vec<f64> = actors
        .iter()
        .enumerate()
        .map(|(i, a)| weight(i, a))
        .collect();
    let sum: f64 = weights.iter().sum();
    for (actor, weight) in actors.iter_mut().zip(weights) {
        actor.interval_ns = 1e9 * sum / (weight * rate);
    }
}

/// How far the feed makes up for lost time, for instance after the queue was full. Earlier updates
/// are dropped, so that an overloaded machine can recover.
const BEHIND_MAX: Duration = Duration::from_secs(1);

/// Makes updates when they are due, without end.
///
/// Due times are absolute. Timers have steps of 1 ms, so updates due within one step are sent
/// together.
pub(super) async fn run(settings: SimulatedSettings, handover: Handover) -> Result<(), Ended> {
    let start = Instant::now();
    let start_ns = wall_ns();
    let now_ns = || start_ns + nanoseconds(start.elapsed());
    let mut simulation = Simulation::new(&settings, start_ns);
    handover.set_state(FeedState::Up);
    loop {
        let wait_ns = u64::try_from(simulation.due_ns() - start_ns).unwrap_or_default();
        sleep_until(start + Duration::from_nanos(wait_ns)).await;
        give_up_before(
            &mut simulation,
            now_ns() - nanoseconds(BEHIND_MAX),
            &handover,
        );
        let until_ns = now_ns();
        while simulation.due_ns() <= until_ns {
            let mut batch = Batch::new();
            while simulation.due_ns() <= until_ns && batch.len() < BATCH_MAX_UPDATES {
                batch.push(simulation.make());
            }
            handover.count_received(batch.len());
            handover.submit(batch).await?;
        }
    }
}

fn give_up_before(simulation: &mut Simulation, time_ns: TimeNs, handover: &Handover) {
    let mut lost = 0;
    while simulation.due_ns() < time_ns {
        simulation.make();
        lost += 1;
    }
    handover.metrics().received.add(lost);
    handover.metrics().lost.add(lost);
}

fn nanoseconds(duration: Duration) -> TimeNs {
    TimeNs::try_from(duration.as_nanos()).unwrap_or(TimeNs::MAX)
}

#[cfg(test)]
mod tests;
