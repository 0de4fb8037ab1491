//! The load that the monitor must keep up with: 8 panes of 4 series of 1,000,000 samples each, and
//! 20,000 updates per second. Prints the cost of a sample, and percentiles of the CPU time of a
//! repaint (layout, reduction and tessellation), without window and renderer.
//!
//! Run it with `cargo bench -p tickcast-monitor`. Without `--bench`, as in tests, everything is a
//! hundred times smaller.

use std::{
    hint::black_box,
    io::Write,
    time::{Duration, Instant},
};

use tickcast_monitor::testing::{
    ConnectionState, IncomingItem, IncomingQueue, Monitor, Placement, Requests, SampleSeries,
    SavedState, SeriesKind, UiCommand, ViewAction,
};
use tickcast_protocol::{
    client::ClientBatch,
    message::{Epoch, Lineage, Quality, Update},
    topic::{Filter, Topic},
    value::Value,
};

const PANES: usize = 8;
const SERIES_PER_PANE: usize = 4;
const UPDATES_PER_SECOND: usize = 20_000;
const REPAINTS_PER_SECOND: usize = 60;
/// Doublings of a minute until half an hour, the whole history, is visible.
const ZOOM_TO_ALL: usize = 5;
/// 32 million samples need about 620 MiB.
const MEMORY_LIMIT: usize = 1024 * 1024 * 1024;
const START_NS: i64 = 1_767_268_800_000_000_000;

fn main() -> anyhow::Result<()> {
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let samples = if is_bench { 1_000_000 } else { 10_000 };
    let repaints = if is_bench { 1_200 } else { 12 };
    let mut out = std::io::stdout();

    writeln!(out, "append: {:.0} ns a sample", append_ns(samples))?;
    let mut bench = Bench::new(samples)?;
    writeln!(
        out,
        "history: {} panes x {} series x {samples} samples, {} MiB",
        PANES,
        SERIES_PER_PANE,
        bench.monitor.store().bytes() / 1024 / 1024
    )?;
    for (name, steps) in [("one minute", 0), ("everything", ZOOM_TO_ALL)] {
        bench.zoom_out(steps);
        let mut costs: Vec<Duration> = (0..repaints).map(|_| bench.repaint()).collect();
        costs.sort();
        let at = |part: f64| costs[((costs.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        writeln!(
            out,
            "repaint, {name} visible: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            at(0.5),
            at(0.99),
            at(1.0)
        )?;
    }
    Ok(())
}

fn append_ns(samples: usize) -> f64 {
    let mut series = SampleSeries::new(SeriesKind::Trade);
    let begun = Instant::now();
    for at in 0..samples {
        series.append(at as i64, [black_box(at as f64), 1.0]);
    }
    black_box(&series);
    begun.elapsed().as_nanos() as f64 / samples as f64
}

struct Bench {
    monitor: Monitor,
    queue: IncomingQueue,
    ctx: egui::Context,
    topics: Vec<Topic>,
    walk: Walk,
    now_ns: i64,
    at: u64,
}

impl Bench {
    fn new(samples: usize) -> anyhow::Result<Self> {
        let queue = IncomingQueue::new(|| {});
        let mut settings = SavedState::default();
        settings.preferences.memory_limit = MEMORY_LIMIT;
        let topics = (0..PANES * SERIES_PER_PANE)
            .map(|number| {
                Topic::new(&format!(
                    "pane-{}/series-{number}",
                    number / SERIES_PER_PANE
                ))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut monitor = Monitor::new(
            String::new(),
            queue.clone(),
            Requests::unconnected(),
            settings,
            &[],
        );
        for (number, topic) in topics.iter().enumerate() {
            let placement = if number % SERIES_PER_PANE == 0 {
                Placement::New
            } else {
                Placement::Overlay
            };
            let topic = topic.clone();
            monitor.execute(UiCommand::Chart { topic, placement });
        }
        queue.try_put(IncomingItem::Connection(ConnectionState::Connected {
            server: String::new(),
            lineage: Lineage::new(Epoch(1)),
        }));
        let ctx = egui::Context::default();
        Monitor::prepare(&ctx);
        let mut bench = Self {
            monitor,
            queue,
            ctx,
            topics,
            walk: Walk(88_172_645_463_325_252),
            now_ns: START_NS,
            at: 0,
        };
        for _ in 0..samples / 1_000 {
            bench.updates(1_000 * PANES * SERIES_PER_PANE);
            bench.monitor.receive(bench.now_ns);
        }
        Ok(bench)
    }

    /// Sends updates at their rate, topic by topic.
    fn updates(&mut self, count: usize) {
        for _ in 0..count {
            self.at += 1;
            self.now_ns += 1_000_000_000 / UPDATES_PER_SECOND as i64;
            let number = self.at as usize % self.topics.len();
            let topic = &self.topics[number];
            let update = Update {
                topic: topic.clone(),
                position: self.at,
                seq: self.at / self.topics.len() as u64 + 1,
                source_time_ns: None,
                ingest_time_ns: self.now_ns,
                quality: Quality::Live,
                value: Value::Reading(100.0 + self.walk.next()),
            };
            // A name is also a filter.
            let filter = Filter::new(topic.as_str()).unwrap_or_else(|_| Filter::all());
            let batch = ClientBatch {
                filter,
                channel: 0,
                from: self.at - 1,
                to: self.at,
                snapshot: false,
                topics: Vec::new(),
                updates: vec![update],
            };
            let received_ns = self.now_ns + 300_000;
            self.queue
                .try_put(IncomingItem::Batch { batch, received_ns });
        }
    }

    fn zoom_out(&mut self, steps: usize) {
        for pane in 0..PANES {
            let topic = self.topics[pane * SERIES_PER_PANE].clone();
            let placement = Placement::Active;
            self.monitor.execute(UiCommand::Chart { topic, placement });
            for _ in 0..steps {
                self.monitor.execute(UiCommand::View(ViewAction::Farther));
            }
        }
    }

    /// The cost of a repaint with the updates since the last one.
    fn repaint(&mut self) -> Duration {
        self.updates(UPDATES_PER_SECOND / REPAINTS_PER_SECOND);
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(
                egui::Pos2::ZERO,
                egui::vec2(1920.0, 1080.0),
            )),
            ..Default::default()
        };
        let begun = Instant::now();
        self.monitor.receive(self.now_ns);
        let output = self.ctx.run_ui(input, |ui| self.monitor.ui(ui));
        let meshes = self.ctx.tessellate(output.shapes, output.pixels_per_point);
        let cost = begun.elapsed();
        black_box(meshes);
        // It is not drawn: textures are dropped instead of uploaded.
        let mut textures = output.textures_delta;
        textures.clear();
        cost
    }
}

/// A random walk that costs next to nothing (xorshift; G. Marsaglia, 2003).
struct Walk(u64);

impl Walk {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % 1_000) as f64 / 100.0
    }
}
