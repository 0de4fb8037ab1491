//! Counters, and their text form for Prometheus.
//!
//! On the hot path they are plain numbers; names, help texts and labels are put to them when
//! somebody asks.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use tickcast_protocol::error::CloseCode;

use crate::feed::{FeedMetrics, FeedState};

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub struct Number(AtomicU64);

impl Number {
    /// Adds.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Replaces.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Places for close codes: those of the registry, one for "none", one for all others.
const CLOSES: usize = CloseCode::ALL.len() + 2;

/// What one shard counts.
#[derive(Debug, Default)]
pub struct ShardStats {
    /// Open connections.
    pub connections: Number,
    /// Connections there have been.
    pub connected: Number,
    /// Subscriptions.
    pub subscriptions: Number,
    /// Channels.
    pub channels: Number,
    /// Topics.
    pub topics: Number,
    /// The newest position applied.
    pub position: Number,
    /// What the strips of the tape cost, in bytes.
    pub tape_bytes: Number,
    /// Updates handed to connections: one update to a thousand subscribers counts a thousand.
    pub deliveries: Number,
    /// Batches handed to connections.
    pub batches: Number,
    /// Bytes the kernel took.
    pub bytes: Number,
    /// Updates that were replaced by newer ones before a subscriber in mode `latest` got them.
    pub conflated: Number,
    /// Gaps told to subscribers in mode `every`.
    pub gaps: Number,
    /// Updates lost in them.
    pub gap_updates: Number,
    /// How often a connection took no more bytes and fell behind.
    pub blocked: Number,
    /// Connections that take no more bytes now.
    pub behind: Number,
    /// Updates on the tape that the slowest subscription has not got.
    pub lag_updates: Number,
    /// Error messages sent.
    pub refused: Number,
    closes: [Number; CLOSES],
}

impl ShardStats {
    /// Counts a connection's end.
    pub fn closed(&self, code: Option<u16>) {
        let place = match code {
            None => CLOSES - 2,
            Some(code) => CloseCode::ALL
                .iter()
                .position(|known| known.number() == code)
                .unwrap_or(CLOSES - 1),
        };
        self.closes[place].add(1);
    }

    pub(crate) fn closes(&self) -> impl Iterator<Item = (String, u64)> {
        let known = CloseCode::ALL.iter().map(|code| code.number().to_string());
        let names = known.chain(["none".to_owned(), "other".to_owned()]);
        names.zip(self.closes.iter().map(Number::get))
    }
}

/// What the ingest thread counts.
#[derive(Debug, Default)]
pub struct IngestStats {
    /// The newest position on the tape.
    pub position: Number,
    /// Updates refused because there were too many topics.
    pub refused: Number,
    /// Strips made.
    pub strips: Number,
    /// How often the ingest thread waited for a shard.
    pub waits: Number,
    /// Topics that are live, stale and dead.
    pub statuses: [Number; 3],
    /// Memory of the history, in bytes.
    pub history_bytes: Number,
    /// Updates that the history has forgotten because all topics together had too many bytes.
    pub history_forgotten: Number,
}

/// A feed's numbers and what it is called.
#[derive(Debug)]
pub struct FeedStats {
    /// Its name in the settings.
    pub name: String,
    /// Its kind: `mqtt`, `simulated`, `replay`, `stdin`.
    pub kind: &'static str,
    /// Its numbers.
    pub metrics: Arc<FeedMetrics>,
}

/// All numbers of a server.
#[derive(Debug, Default)]
pub struct Metrics {
    /// By shard.
    pub shards: Vec<Arc<ShardStats>>,
    /// By feed.
    pub feeds: Vec<FeedStats>,
    /// Of the ingest thread.
    pub ingest: IngestStats,
}

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All numbers as OpenMetrics text, which Prometheus reads.
pub fn text(metrics: &Arc<Metrics>) -> String {
    let mut registry = Registry::with_prefix("tickcast");
    registry.register_collector(Box::new(Scrape(Arc::clone(metrics))));
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => text,
        Err(fmt::Error) => {
            tracing::error!("the metrics could not be written");
            String::new()
        }
    }
}

#[derive(Debug)]
struct Scrape(Arc<Metrics>);

type Rows = Vec<(Vec<(&'static str, String)>, u64)>;

impl Scrape {
    fn shards(&self, number: impl Fn(&ShardStats) -> &Number) -> Rows {
        let shards = self.0.shards.iter().enumerate();
        shards
            .map(|(index, stats)| (vec![("shard", index.to_string())], number(stats).get()))
            .collect()
    }

    fn feeds(&self, number: impl Fn(&FeedMetrics) -> u64) -> Rows {
        let feeds = self.0.feeds.iter();
        feeds
            .map(|feed| {
                let labels = vec![("feed", feed.name.clone()), ("kind", feed.kind.to_owned())];
                (labels, number(&feed.metrics))
            })
            .collect()
    }

    fn feed_states(&self) -> Rows {
        let of_state = |state: FeedState| {
            let mut rows = self.feeds(|feed| u64::from(feed.state() == state));
            for (labels, _) in &mut rows {
                labels.push(("state", state.as_str().to_owned()));
            }
            rows
        };
        FeedState::ALL.into_iter().flat_map(of_state).collect()
    }

    fn statuses(&self) -> Rows {
        let names = ["live", "stale", "dead"].into_iter();
        let rows = names.zip(&self.0.ingest.statuses);
        rows.map(|(name, number)| (vec![("status", name.to_owned())], number.get()))
            .collect()
    }

    fn closes(&self) -> Rows {
        let mut rows = Rows::new();
        for stats in &self.0.shards {
            for (code, closed) in stats.closes() {
                match rows.iter_mut().find(|(labels, _)| labels[0].1 == code) {
                    Some((_, sum)) => *sum += closed,
                    None => rows.push((vec![("code", code)], closed)),
                }
            }
        }
        rows
    }
}

fn write(
    encoder: &mut DescriptorEncoder<'_>,
    kind: MetricType,
    name: &str,
    help: &str,
    rows: &Rows,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    if let [(labels, value)] = rows.as_slice()
        && labels.is_empty()
    {
        return write_one(metric, kind, *value);
    }
    for (labels, value) in rows {
        write_one(metric.encode_family(labels)?, kind, *value)?;
    }
    Ok(())
}

fn write_one(encoder: MetricEncoder<'_>, kind: MetricType, value: u64) -> fmt::Result {
    match kind {
        MetricType::Counter => ConstCounter::new(value).encode(encoder),
        _ => ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder),
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        use MetricType::{Counter, Gauge};

        let ingest = &self.0.ingest;
        let one = |number: &Number| vec![(Vec::new(), number.get())];
        let mut put = |kind, name, help, rows| write(&mut encoder, kind, name, help, &rows);

        put(
            Counter,
            "updates",
            "Updates put on the tape",
            one(&ingest.position),
        )?;
        put(
            Counter,
            "updates_refused",
            "Updates refused: too many topics",
            one(&ingest.refused),
        )?;
        put(
            Counter,
            "strips",
            "Strips made by the sequencer",
            one(&ingest.strips),
        )?;
        put(
            Counter,
            "ingest_waits",
            "Times the sequencer waited for a shard",
            one(&ingest.waits),
        )?;
        put(
            Gauge,
            "history_bytes",
            "Memory of the history",
            one(&ingest.history_bytes),
        )?;
        put(
            Counter,
            "history_forgotten",
            "Updates the history forgot for want of memory",
            one(&ingest.history_forgotten),
        )?;
        put(
            Gauge,
            "topic_statuses",
            "Topics whose source is live, stale or dead",
            self.statuses(),
        )?;

        put(
            Gauge,
            "connections",
            "Open connections",
            self.shards(|s| &s.connections),
        )?;
        put(
            Counter,
            "connected",
            "Connections there have been",
            self.shards(|s| &s.connected),
        )?;
        put(
            Gauge,
            "subscriptions",
            "Subscriptions",
            self.shards(|s| &s.subscriptions),
        )?;
        put(
            Gauge,
            "channels",
            "Channels shared by subscriptions",
            self.shards(|s| &s.channels),
        )?;
        put(
            Gauge,
            "topics",
            "Topics known to a shard",
            self.shards(|s| &s.topics),
        )?;
        put(
            Gauge,
            "position",
            "Newest position a shard has applied",
            self.shards(|s| &s.position),
        )?;
        put(
            Gauge,
            "tape_bytes",
            "Memory of the tape",
            self.shards(|s| &s.tape_bytes),
        )?;
        put(
            Counter,
            "deliveries",
            "Updates handed to connections",
            self.shards(|s| &s.deliveries),
        )?;
        put(
            Counter,
            "batches",
            "Batches handed to connections",
            self.shards(|s| &s.batches),
        )?;
        put(
            Counter,
            "bytes",
            "Bytes the kernel took",
            self.shards(|s| &s.bytes),
        )?;
        put(
            Counter,
            "conflated",
            "Updates replaced by newer ones before a subscriber got them",
            self.shards(|s| &s.conflated),
        )?;
        put(
            Counter,
            "gaps",
            "Gaps told to subscribers",
            self.shards(|s| &s.gaps),
        )?;
        put(
            Counter,
            "gap_updates",
            "Updates lost in gaps",
            self.shards(|s| &s.gap_updates),
        )?;
        put(
            Counter,
            "blocked",
            "Times a connection took no more",
            self.shards(|s| &s.blocked),
        )?;
        put(
            Gauge,
            "behind",
            "Connections that take no more now",
            self.shards(|s| &s.behind),
        )?;
        put(
            Gauge,
            "lag_updates",
            "Updates on the tape that the slowest subscription has not got",
            self.shards(|s| &s.lag_updates),
        )?;
        put(
            Counter,
            "errors",
            "Error messages sent to clients",
            self.shards(|s| &s.refused),
        )?;
        put(
            Counter,
            "closes",
            "Connections ended, by close code",
            self.closes(),
        )?;

        put(
            Counter,
            "feed_received",
            "Messages a feed took in",
            self.feeds(|f| f.received.get()),
        )?;
        put(
            Counter,
            "feed_submitted",
            "Updates a feed made",
            self.feeds(|f| f.submitted.get()),
        )?;
        put(
            Counter,
            "feed_undecodable",
            "Messages a feed could not read",
            self.feeds(|f| f.undecodable.get()),
        )?;
        put(
            Counter,
            "feed_lost",
            "Updates a feed gave up",
            self.feeds(|f| f.lost.get()),
        )?;
        put(
            Counter,
            "feed_pushed_back",
            "Times a feed waited for the sequencer",
            self.feeds(|f| f.pushed_back.get()),
        )?;
        put(
            Counter,
            "feed_reconnects",
            "Reconnects of a feed",
            self.feeds(|f| f.reconnects.get()),
        )?;
        put(
            Gauge,
            "feed_state",
            "1 for the state a feed is in",
            self.feed_states(),
        )
    }
}
