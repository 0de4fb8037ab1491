//! A monitor without window, socket and clock, and what a server sends to it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and a failure is a failed test"
)]

use egui_kittest::Harness;
use tickcast_monitor::testing::{
    ConnectionState, IncomingItem, IncomingQueue, Monitor, Requests, SavedState,
};
use tickcast_protocol::{
    client::ClientBatch,
    message::{EndedEpoch, Epoch, Lineage, Mode, Quality, Status, TopicInfo, TopicStatus, Update},
    topic::{Filter, Topic},
    value::{Quote, Side, Trade, Value},
};

pub(crate) const SECOND: i64 = 1_000_000_000;
/// When all tests begin: 2026-01-01T12:00:00Z.
pub(crate) const START_NS: i64 = 1_767_268_800 * SECOND;

/// A server under control of the test, and the clock of both sides.
pub(crate) struct Script {
    pub(crate) queue: IncomingQueue,
    pub(crate) now_ns: i64,
    /// Quality of the next updates.
    pub(crate) quality: Quality,
    /// Source time of the next updates.
    pub(crate) source_ns: Option<i64>,
    position: u64,
    seqs: std::collections::HashMap<String, u64>,
}

impl Script {
    pub(crate) fn new(queue: IncomingQueue) -> Self {
        Self {
            queue,
            now_ns: START_NS,
            quality: Quality::Live,
            source_ns: None,
            position: 0,
            seqs: Default::default(),
        }
    }

    /// The position of the newest update.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn connection(&self, state: ConnectionState) {
        assert!(self.queue.try_put(IncomingItem::Connection(state)));
    }

    pub(crate) fn connected(&self) {
        self.connection(ConnectionState::Connected {
            server: "a test".to_owned(),
            lineage: Lineage::new(Epoch(0x3f2a)),
        });
    }

    /// The server is connected again, in an epoch that continues another up to a position.
    pub(crate) fn goes_on(&self, before: u64, last: u64, epoch: u64) {
        self.connection(ConnectionState::Connected {
            server: "a test".to_owned(),
            lineage: Lineage {
                epoch: Epoch(epoch),
                continues: vec![EndedEpoch {
                    epoch: Epoch(before),
                    last,
                }],
            },
        });
    }

    /// The server has lost updates of a subscription after a position.
    pub(crate) fn truncated(&self, filter: &str, kept: u64, lost: Option<u64>) {
        assert!(self.queue.try_put(IncomingItem::Truncated {
            filter: Filter::new(filter).unwrap(),
            kept,
            lost,
        }));
    }

    /// Sends a status of a topic.
    pub(crate) fn status(&self, topic: &str, status: Status) {
        assert!(self.queue.try_put(IncomingItem::Statuses {
            topics: Vec::new(),
            statuses: vec![TopicStatus {
                topic: Topic::new(topic).unwrap(),
                status,
                since_ns: self.now_ns,
            }],
        }));
    }

    /// The server granted a subscription this mode.
    pub(crate) fn granted(&self, filter: &str, mode: Mode) {
        let filter = Filter::new(filter).unwrap();
        assert!(self.queue.try_put(IncomingItem::Granted {
            filter,
            mode,
            position: None,
        }));
    }

    /// Says what is known about a topic.
    pub(crate) fn tell(&self, info: TopicInfo) {
        assert!(self.queue.try_put(IncomingItem::Statuses {
            topics: vec![info],
            statuses: Vec::new(),
        }));
    }

    /// The server has another epoch: positions and seqs start again.
    pub(crate) fn restart(&mut self) {
        self.position = 0;
        self.seqs.clear();
    }

    /// Updates that the server had and did not send.
    pub(crate) fn skip(&mut self, topic: &str, updates: u64) {
        *self.seqs.entry(topic.to_owned()).or_default() += updates;
        self.position += updates;
    }

    fn update(&mut self, topic: &str, value: Value) -> Update<Topic> {
        self.position += 1;
        let seq = self.seqs.entry(topic.to_owned()).or_default();
        *seq += 1;
        Update {
            topic: Topic::new(topic).unwrap(),
            position: self.position,
            seq: *seq,
            source_time_ns: self.source_ns,
            ingest_time_ns: self.now_ns,
            quality: self.quality,
            value,
        }
    }

    fn send(&self, filter: Filter, unit: Option<&str>, update: Update<Topic>) {
        let info = TopicInfo {
            unit: unit.map(str::to_owned),
            ..TopicInfo::new(1, update.topic.clone())
        };
        self.put(filter, vec![info], update);
    }

    fn put(&self, filter: Filter, topics: Vec<TopicInfo>, update: Update<Topic>) {
        let batch = ClientBatch {
            filter,
            channel: 1,
            from: self.position - 1,
            to: self.position,
            snapshot: false,
            topics,
            updates: vec![update],
        };
        assert!(self.queue.try_put(IncomingItem::Batch {
            batch,
            received_ns: self.now_ns + 300_000,
        }));
    }

    /// Sends a value by the subscription to newest values.
    pub(crate) fn latest(&mut self, topic: &str, value: Value) {
        let update = self.update(topic, value);
        self.send(Filter::all(), None, update);
    }

    /// The same, without introducing the topic again.
    pub(crate) fn known(&mut self, topic: &str, value: Value) {
        let update = self.update(topic, value);
        self.put(Filter::all(), Vec::new(), update);
    }

    /// Sends a value by the subscription to every update of the topic.
    pub(crate) fn every(&mut self, topic: &str, value: Value) {
        let update = self.update(topic, value);
        self.send(Filter::new(topic).unwrap(), None, update);
    }

    pub(crate) fn reading(&mut self, topic: &str, unit: &str, reading: f64) {
        let update = self.update(topic, Value::Reading(reading));
        self.send(Filter::all(), Some(unit), update);
    }
}

pub(crate) fn trade(price: &str, size: &str) -> Value {
    Value::Trade(Trade {
        price: price.parse().unwrap(),
        size: size.parse().unwrap(),
        side: Some(Side::Buy),
    })
}

pub(crate) fn quote(bid: &str, ask: &str) -> Value {
    Value::Quote(Quote {
        bid: Some(bid.parse().unwrap()),
        ask: Some(ask.parse().unwrap()),
        bid_size: None,
        ask_size: None,
    })
}

/// The monitor and its server.
pub(crate) struct Bench {
    pub(crate) monitor: Monitor,
    pub(crate) script: Script,
}

/// A monitor of 1440 x 900 points before the first message.
pub(crate) fn harness(settings: SavedState, charts: &[&str]) -> Harness<'static, Bench> {
    harness_of([1440.0, 900.0], settings, charts)
}

/// A monitor of this size before the first message.
pub(crate) fn harness_of(
    size: [f32; 2],
    settings: SavedState,
    charts: &[&str],
) -> Harness<'static, Bench> {
    let queue = IncomingQueue::new(|| {});
    let charts: Vec<Topic> = charts.iter().map(|t| Topic::new(t).unwrap()).collect();
    let monitor = Monitor::new(
        "ws://127.0.0.1:7400/ws".to_owned(),
        queue.clone(),
        Requests::unconnected(),
        settings,
        &charts,
    );
    let bench = Bench {
        monitor,
        script: Script::new(queue),
    };
    let mut fonts_ready = false;
    Harness::builder()
        .with_size(size)
        .with_max_steps(8)
        // A sixtieth of a second: two clicks within three steps are a double click.
        .with_step_dt(1.0 / 60.0)
        .build_ui_state(
            move |ui, bench: &mut Bench| {
                if !std::mem::replace(&mut fonts_ready, true) {
                    Monitor::prepare(ui.ctx());
                    return;
                }
                bench.monitor.receive(bench.script.now_ns);
                bench.monitor.ui(ui);
                // There is no other window here: they are drawn within this one.
                for window in bench.monitor.pane_windows(&[]) {
                    let (id, builder) = (window.id(), window.builder());
                    let drawn = egui::Window::from_viewport(id, builder);
                    // The list stays free.
                    let drawn = drawn.default_pos([560.0, 160.0]);
                    drawn.show(ui.ctx(), |ui| {
                        bench.monitor.pane_window_ui(ui, window.pane);
                    });
                }
            },
            bench,
        )
}

/// The markets and sensors of the pictures, one value each.
pub(crate) fn fill(script: &mut Script) {
    script.connected();
    script.latest("market/BTC-USDT/trade", trade("39484.64", "0.5"));
    script.latest("market/BTC-USDT/quote", quote("39484.63", "39484.65"));
    script.latest("market/ETH-USDT/trade", trade("1218.44", "2"));
    script.latest("market/EUR-USD/quote", quote("1.12164", "1.12172"));
    script.reading("plant/line-1/temperature", "°C", 87.31);
    script.reading("plant/line-1/pressure", "bar", 2.04);
    script.reading("plant/line-1/vibration", "mm/s", 1.18);
    script.latest("plant/line-1/door", Value::Text("closed".to_owned()));
    script.reading("building/power/main", "kW", 48.2);
}
