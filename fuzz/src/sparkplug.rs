//! Messages of Sparkplug nodes.

use std::time::Duration;

use bytes::Bytes;
use tickcast_core::Now;
use tickcast_protocol::value::Value;
use tickcast_server::testing::sparkplug::{Event, Host};

use super::{delivery::check_delivery, payload::NOW_NS};

/// A compressed payload may have this many bytes when it is expanded.
const PAYLOAD_MAX_BYTES: usize = 64 * 1024;

const TOPICS: [&str; 8] = [
    "spBv1.0/G/NBIRTH/E",
    "spBv1.0/G/NDATA/E",
    "spBv1.0/G/NDEATH/E",
    "spBv1.0/G/DBIRTH/E/D",
    "spBv1.0/G/DDATA/E/D",
    "spBv1.0/G/DDEATH/E/D",
    "spBv1.0/STATE/h",
    "spBv1.0/G/NDATA/F",
];

/// Messages of two nodes. Each begins with a byte that has its topic, whether it is retained and
/// the time after it, and with the length of its payload in two bytes.
pub fn sparkplug(mut bytes: &[u8]) {
    let mut host = Host::new(PAYLOAD_MAX_BYTES);
    let mut uptime = Duration::ZERO;
    let (mut taken, mut settled) = (0, 0);
    host.connect(Now {
        uptime,
        wall_ns: NOW_NS,
    });
    while let Some((&[head, low, high], rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (payload, rest) = rest.split_at(length);
        bytes = rest;
        let now = |uptime: Duration| Now {
            uptime,
            wall_ns: NOW_NS + uptime.as_nanos() as i64,
        };
        let topic = TOPICS[usize::from(head & 7)];
        let payload = Bytes::copy_from_slice(payload);
        assert!(host.take(topic, &payload, head & 8 != 0, now(uptime)));
        taken += 1;
        uptime += Duration::from_secs(u64::from(head >> 4));
        host.poll(now(uptime));
        if head == 0xff {
            host.lose(now(uptime));
            host.connect(now(uptime));
        }
        settled += settle(&mut host);
    }
    let end = Now {
        uptime,
        wall_ns: NOW_NS,
    };
    host.lose(end);
    settled += settle(&mut host);
    assert_eq!(taken, settled, "each message has one outcome");
}

/// Checks what the host has made. Returns the number of messages it has done with.
fn settle(host: &mut Host) -> usize {
    let mut settled = 0;
    for event in host.take_events() {
        let Event::Message(outcome) = event else {
            continue;
        };
        settled += 1;
        for error in &outcome.decoded.errors {
            assert!(error.to_string().len() < 1000, "{error}");
        }
        for update in &outcome.decoded.updates {
            check_delivery(&update.value, update.source_time_ns);
            if let Value::Text(text) = &update.value {
                assert!(text.len() < 16 * PAYLOAD_MAX_BYTES);
            }
        }
    }
    settled
}
