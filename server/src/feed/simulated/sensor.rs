//! One simulated sensor: a base value plus the time of day, the cycle of a machine, slow drift and
//! noise. Another kind is a door that opens and closes.

use std::{f64::consts::TAU, sync::Arc};

use rand::{RngExt, rngs::Xoshiro256PlusPlus};
use rand_distr::StandardNormal;
use tickcast_core::work::NewUpdate;
use tickcast_protocol::{
    message::{Quality, TimeNs},
    topic::Topic,
    value::Value,
};

/// The signal that a sensor measures.
#[derive(Debug, Clone, Copy)]
struct Signal {
    name: &'static str,
    unit: &'static str,
    /// Reporting rate relative to other sensors.
    activity: f64,
    base: f64,
    /// Daily amplitude: above the base in the afternoon, below it at night.
    daily: f64,
    /// Amplitude of the machine's cycle, and its period in seconds.
    cycle: f64,
    cycle_s: f64,
    /// Standard deviation of the drift, and its correlation time in seconds.
    wander: f64,
    wander_s: f64,
    /// Standard deviation of the instrument's noise.
    noise: f64,
    min: f64,
    /// Decimal places.
    digits: i32,
}

const TEMPERATURE: Signal = Signal {
    name: "temperature",
    unit: "°C",
    activity: 1.0,
    base: 68.0,
    daily: 1.5,
    cycle: 3.5,
    cycle_s: 240.0,
    wander: 1.2,
    wander_s: 120.0,
    noise: 0.05,
    min: -273.15,
    digits: 2,
};

const PRESSURE: Signal = Signal {
    name: "pressure",
    unit: "bar",
    activity: 3.0,
    base: 6.2,
    daily: 0.0,
    cycle: 0.25,
    cycle_s: 45.0,
    wander: 0.08,
    wander_s: 30.0,
    noise: 0.01,
    min: 0.0,
    digits: 3,
};

const VIBRATION: Signal = Signal {
    name: "vibration",
    unit: "mm/s",
    activity: 10.0,
    base: 2.4,
    daily: 0.3,
    cycle: 0.2,
    cycle_s: 7.0,
    wander: 0.5,
    wander_s: 20.0,
    noise: 0.15,
    min: 0.02,
    digits: 2,
};

const POWER: Signal = Signal {
    name: "power",
    unit: "kW",
    activity: 2.0,
    base: 42.0,
    daily: 6.0,
    cycle: 5.0,
    cycle_s: 240.0,
    wander: 3.0,
    wander_s: 60.0,
    noise: 0.3,
    min: 0.0,
    digits: 1,
};

const ROOM_TEMPERATURE: Signal = Signal {
    name: "temperature",
    unit: "°C",
    activity: 0.3,
    base: 21.5,
    daily: 1.2,
    cycle: 0.3,
    cycle_s: 900.0,
    wander: 0.4,
    wander_s: 600.0,
    noise: 0.03,
    min: -273.15,
    digits: 2,
};

const HUMIDITY: Signal = Signal {
    name: "humidity",
    unit: "%",
    activity: 0.2,
    base: 44.0,
    daily: -4.0,
    cycle: 0.0,
    cycle_s: 900.0,
    wander: 2.0,
    wander_s: 900.0,
    noise: 0.1,
    min: 0.0,
    digits: 1,
};

const CO2: Signal = Signal {
    name: "co2",
    unit: "ppm",
    activity: 0.2,
    base: 620.0,
    daily: 140.0,
    cycle: 0.0,
    cycle_s: 900.0,
    wander: 60.0,
    wander_s: 300.0,
    noise: 4.0,
    min: 400.0,
    digits: 0,
};

/// Reporting rate of a door relative to that of a temperature.
const DOOR_ACTIVITY: f64 = 0.02;

/// The sensors on a production line of the plant.
const LINE: [Kind; 4] = [
    Kind::Signal(TEMPERATURE),
    Kind::Signal(PRESSURE),
    Kind::Signal(VIBRATION),
    Kind::Signal(POWER),
];

/// The sensors on a floor of the building.
const FLOOR: [Kind; 4] = [
    Kind::Signal(ROOM_TEMPERATURE),
    Kind::Signal(HUMIDITY),
    Kind::Signal(CO2),
    Kind::Door,
];

const S_PER_DAY: f64 = 86_400.0;

/// Time of day (UTC) at which daily values cross their average. They rise until the afternoon.
const MORNING_S: f64 = 9.0 * 3_600.0;

/// Relative difference between sensors of one kind.
const DIFFERENCE: f64 = 0.04;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Signal(Signal),
    Door,
}

/// One sensor.
#[derive(Debug)]
pub(super) struct Sensor {
    topic: Topic,
    unit: Option<Arc<str>>,
    kind: Kind,
    /// Factor of the base value.
    factor: f64,
    /// Phase of the cycle, as a fraction of its period.
    phase: f64,
    /// Current drift.
    wandered: f64,
    last_ns: TimeNs,
    is_open: bool,
}

impl Sensor {
    /// Creates a sensor. Lines and floors alternate.
    pub(super) fn new(index: usize, now_ns: TimeNs, rng: &mut Xoshiro256PlusPlus) -> Self {
        let (group, place) = (index / LINE.len(), index % LINE.len());
        let number = group / 2 + 1;
        let (kind, area) = if group.is_multiple_of(2) {
            (LINE[place], format!("plant/line-{number}"))
        } else {
            (FLOOR[place], format!("building/floor-{number}"))
        };
        let (name, unit) = match &kind {
            Kind::Signal(signal) => (signal.name, Some(signal.unit.into())),
            Kind::Door => ("door", None),
        };
        let topic = Topic::new(&format!("{area}/{name}")).expect("the names make good topics");
        Self {
            topic,
            unit,
            kind,
            factor: 1.0 + DIFFERENCE * rng.sample::<f64, _>(StandardNormal),
            phase: rng.random(),
            wandered: 0.0,
            last_ns: now_ns,
            is_open: false,
        }
    }

    /// Reporting rate relative to other sensors.
    pub(super) fn activity(&self) -> f64 {
        match &self.kind {
            Kind::Signal(signal) => signal.activity,
            Kind::Door => DOOR_ACTIVITY,
        }
    }

    /// Whether it reports at even intervals.
    pub(super) fn is_regular(&self) -> bool {
        match self.kind {
            Kind::Signal(_) => true,
            Kind::Door => false,
        }
    }

    pub(super) fn make(&mut self, now_ns: TimeNs, rng: &mut Xoshiro256PlusPlus) -> NewUpdate {
        let value = match self.kind {
            Kind::Signal(signal) => Value::Reading(self.measure(&signal, now_ns, rng)),
            Kind::Door => {
                self.is_open = !self.is_open;
                Value::Text(if self.is_open { "open" } else { "closed" }.into())
            }
        };
        NewUpdate {
            topic: self.topic.clone(),
            value,
            source_time_ns: Some(now_ns),
            quality: Quality::Live,
            unit: self.unit.clone(),
            facts: None,
        }
    }

    fn measure(&mut self, signal: &Signal, now_ns: TimeNs, rng: &mut Xoshiro256PlusPlus) -> f64 {
        let elapsed_s = (now_ns - self.last_ns) as f64 / 1e9;
        self.last_ns = now_ns;
        let kept = (-elapsed_s / signal.wander_s).exp();
        let shock = signal.wander * (1.0 - kept * kept).sqrt();
        self.wandered = self.wandered * kept + shock * rng.sample::<f64, _>(StandardNormal);

        let now_s = now_ns as f64 / 1e9;
        let day = ((now_s - MORNING_S) / S_PER_DAY * TAU).sin();
        let turn = (now_s / signal.cycle_s + self.phase).fract();
        let value = signal.base * self.factor
            + signal.daily * day
            + signal.cycle * heating_cycle(turn)
            + self.wandered
            + signal.noise * rng.sample::<f64, _>(StandardNormal);
        let unit = 10f64.powi(signal.digits);
        (value.max(signal.min) * unit).round() / unit
    }
}

/// A value from -1 to 1 and back. It rises for a third of the turn, as when a heater or a pump is
/// on, then falls.
fn heating_cycle(turn: f64) -> f64 {
    const ON: f64 = 1.0 / 3.0;
    let level = if turn < ON {
        turn / ON
    } else {
        1.0 - (turn - ON) / (1.0 - ON)
    };
    2.0 * level - 1.0
}
