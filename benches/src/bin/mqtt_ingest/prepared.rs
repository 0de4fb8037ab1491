//! The packets, which are made before the clock starts.

use std::ops::Range;

use clap::ValueEnum;
use tickcast_loadtest::wire::mqtt;

/// Packets that are made. They are sent again and again.
const PACKETS: usize = 16 * 1024;

/// What is published.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PayloadKind {
    /// A number as text, 7 bytes
    Number,
    /// A trade in the form of an exchange, JSON of 74 bytes
    Trade,
    /// The state of a sensor as Zigbee2MQTT sends it, JSON of 150 bytes: 8 values
    Zigbee,
}

impl PayloadKind {
    /// Updates that one payload brings.
    fn values(self) -> u64 {
        match self {
            Self::Number | Self::Trade => 1,
            Self::Zigbee => 8,
        }
    }

    fn topic(self, number: usize) -> String {
        match self {
            Self::Number | Self::Trade => format!("market/INSTRUMENT-{number}/trade"),
            Self::Zigbee => format!("zigbee2mqtt/Sensor {number}"),
        }
    }

    fn text(self, nth: usize) -> String {
        let (whole, cents) = (30_000 + nth % 10_000, nth % 100);
        match self {
            Self::Number => format!("{:04}.{cents:02}", nth % 10_000),
            Self::Trade => format!(
                r#"{{"price":"{whole}.{cents:02}","size":"0.000263","side":"sell","time":1610064000278}}"#
            ),
            Self::Zigbee => format!(
                r#"{{"battery":{},"contact":{},"humidity":{}.{cents:02},"illuminance":{},"linkquality":{},"pressure":10{:02}.{},"temperature":{}.{cents:02},"voltage":{}}}"#,
                nth % 101,
                nth.is_multiple_of(3),
                nth % 90,
                nth % 2_000,
                nth % 256,
                nth % 50,
                nth % 10,
                nth % 40,
                2_000 + nth % 1_000,
            ),
        }
    }
}

/// Packets, one after the other.
pub(crate) struct Prepared {
    bytes: Vec<u8>,
    /// The end of each packet.
    ends: Vec<usize>,
    /// Updates that one packet brings.
    pub(crate) values: u64,
}

impl Prepared {
    /// Packets of a kind on this many topics, in turn.
    pub(crate) fn new(kind: PayloadKind, topics: usize) -> Self {
        let topics: Vec<_> = (0..topics.max(1))
            .map(|number| kind.topic(number))
            .collect();
        let count = PACKETS.next_multiple_of(topics.len());
        let mut bytes = Vec::new();
        let packet = |nth: usize| {
            let payload = kind.text(nth);
            mqtt::append_publish(&topics[nth % topics.len()], payload.as_bytes(), &mut bytes);
            bytes.len()
        };
        let ends = (0..count).map(packet).collect();
        Self {
            bytes,
            ends,
            values: kind.values(),
        }
    }

    /// Some packets from the `nth` on, at most `max` and as many as are about `max_bytes`. Returns
    /// their bytes and their number.
    pub(crate) fn from(&self, nth: u64, max: u64, max_bytes: usize) -> (&[u8], u64) {
        let first = (nth % self.ends.len() as u64) as usize;
        let last = self.ends.len().min(first.saturating_add(max as usize));
        let Range { start, .. } = self.range(first);
        let fitting = self.ends[first..last].partition_point(|end| end - start <= max_bytes);
        let count = fitting.max(1);
        (
            &self.bytes[start..self.ends[first + count - 1]],
            count as u64,
        )
    }

    fn range(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[index]
    }
}
