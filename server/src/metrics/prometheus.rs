//! The names of all counters, and their text form for Prometheus.
//!
//! A metric is one row of a table here: type, name, help and the counter.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use tickcast_core::stats::{Number, ShardStats};

use super::{
    ClusterStats, DataStats, FeedMetrics, FeedState, IngestStats, Metrics, OutputMetrics,
    TaskState, TaskStats,
};
use crate::audit::AuditStats;

/// The content type of [`text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const COUNTER: MetricType = MetricType::Counter;
const GAUGE: MetricType = MetricType::Gauge;

/// A metric that reads a counter in a `T`.
type Metric<T> = (MetricType, &'static str, &'static str, fn(&T) -> &Number);

#[rustfmt::skip]
const INGEST: &[Metric<IngestStats>] = &[
    (COUNTER, "updates", "Updates put on the tape", |s| &s.position),
    (COUNTER, "updates_refused", "Updates refused: too many topics", |s| &s.refused),
    (COUNTER, "updates_refused_new_topics", "Updates refused: too many new topics of one client at once", |s| &s.refused_new_topics),
    (COUNTER, "publish_repeats", "Publishes that were sent again and were on the tape already", |s| &s.publish_repeats),
    (COUNTER, "publishes_too_old", "Publishes refused: whether they are on the tape already is not known any more", |s| &s.publishes_too_old),
    (GAUGE, "publishers", "Publishers whose last publishes are known", |s| &s.publishers),
    (GAUGE, "facts_waiting", "Topics without a value whose unit or name is known", |s| &s.facts_waiting),
    (COUNTER, "facts_left_out", "Units and names left out: too long, or of too many topics without a value", |s| &s.facts_left_out),
    (COUNTER, "strips", "Strips made by the sequencer", |s| &s.strips),
    (COUNTER, "ingest_waits", "Times the sequencer waited for a shard", |s| &s.waits),
    (GAUGE, "history_bytes", "Memory of the history", |s| &s.history_bytes),
    (COUNTER, "history_forgotten", "Updates the history dropped for lack of memory", |s| &s.history_forgotten),
    (GAUGE, "long_history_bytes", "Memory of candles and rows", |s| &s.long_history_bytes),
    (COUNTER, "long_history_forgotten", "Records of candles and rows dropped for lack of memory", |s| &s.long_history_forgotten),
    (COUNTER, "long_history_left_out", "Updates that count in no candle and no row", |s| &s.long_history_left_out),
];

#[rustfmt::skip]
const SHARD: &[Metric<ShardStats>] = &[
    (GAUGE, "connections", "Open connections", |s| &s.connections),
    (COUNTER, "connected", "Connections since the start", |s| &s.connected),
    (GAUGE, "subscriptions", "Subscriptions", |s| &s.subscriptions),
    (GAUGE, "channels", "Channels shared by subscriptions", |s| &s.channels),
    (GAUGE, "topics", "Topics known to a shard", |s| &s.topics),
    (GAUGE, "position", "Newest position a shard has applied", |s| &s.position),
    (GAUGE, "tape_bytes", "Memory of the tape", |s| &s.tape_bytes),
    (COUNTER, "deliveries", "Updates handed to connections", |s| &s.deliveries),
    (COUNTER, "batches", "Batches handed to connections", |s| &s.batches),
    (COUNTER, "bytes", "Bytes the kernel accepted", |s| &s.bytes),
    (COUNTER, "conflated", "Updates replaced by newer ones before a subscriber got them", |s| &s.conflated),
    (COUNTER, "gaps", "Gaps sent to subscribers", |s| &s.gaps),
    (COUNTER, "gap_updates", "Updates lost in gaps", |s| &s.gap_updates),
    (COUNTER, "truncated", "Subscriptions of clients with updates that the server has lost", |s| &s.truncated),
    (COUNTER, "truncated_updates", "Updates that these clients have and the server has lost", |s| &s.truncated_updates),
    (COUNTER, "blocked", "Times a connection's socket was full", |s| &s.blocked),
    (GAUGE, "behind", "Connections whose socket is full now", |s| &s.behind),
    (GAUGE, "lag_updates", "Updates on the tape that the slowest subscription has not received", |s| &s.lag_updates),
    (COUNTER, "subscriptions_forbidden", "Subscriptions ended because they are no longer allowed", |s| &s.forbidden),
    (COUNTER, "http_publishes", "Requests of /v1/publish whose updates are on the tape", |s| &s.posts),
    (COUNTER, "http_published_updates", "Updates of these requests", |s| &s.posted_updates),
    (COUNTER, "publish_pauses", "Times a client was read later because it published above its limits", |s| &s.publish_pauses),
    (COUNTER, "data_reads", "Parts of the log on disk read for subscribers beyond the tape", |s| &s.log_reads),
    (COUNTER, "data_read_bytes", "Bytes of the updates in these parts", |s| &s.log_read_bytes),
    (COUNTER, "data_candle_reads", "Parts of the log on disk read for candles and rows that memory does not have", |s| &s.log_candle_reads),
    (COUNTER, "data_candles_cut", "Answers with an incomplete candle or row that needs more of the log on disk than is read", |s| &s.log_candles_cut),
    (GAUGE, "data_window_bytes", "Memory of these parts", |s| &s.log_window_bytes),
    (GAUGE, "data_readers", "Subscriptions that catch up from the log on disk", |s| &s.log_readers),
    (COUNTER, "steps", "Steps of work of a shard, some tens of nanoseconds each", |s| &s.steps),
];

#[rustfmt::skip]
const CLUSTER: &[Metric<ClusterStats>] = &[
    (GAUGE, "cluster_connected", "1 while a server of the cluster's stream is reached", |c| &c.connected),
    (GAUGE, "cluster_member", "1 while the node is a member of the cluster", |c| &c.member),
    (GAUGE, "cluster_members", "Nodes of the cluster", |c| &c.members),
    (GAUGE, "cluster_feeds", "Feeds that this node runs", |c| &c.feeds),
    (COUNTER, "cluster_sequence", "Messages of the cluster's stream read", |c| &c.sequence),
    (GAUGE, "cluster_pending", "Messages of the cluster's stream not read yet", |c| &c.pending),
    (GAUGE, "cluster_waiting", "Updates of this node not known to be in the stream", |c| &c.waiting),
    (COUNTER, "cluster_expelled", "Times that the others took this node for dead", |c| &c.expelled),
    (COUNTER, "cluster_dropped", "Updates dropped because another node has the feed, or at the end", |c| &c.dropped),
    (COUNTER, "cluster_fenced", "Updates of feeds, of any node, that did not count because another node had the feed", |c| &c.fenced),
    (COUNTER, "cluster_too_long", "Updates too long for a message of the stream", |c| &c.too_long),
    (COUNTER, "cluster_disagreements", "Messages of nodes that made something else of the stream", |c| &c.disagreements),
    (COUNTER, "cluster_reader_restarts", "Times that the reading of the stream began again", |c| &c.reader_restarts),
    (COUNTER, "cluster_orders", "Orders of operators, at any node, read in the stream", |c| &c.orders),
    (COUNTER, "cluster_orders_failed", "Orders of operators not carried out at this node", |c| &c.orders_failed),
    (COUNTER, "cluster_checkpoints", "Checkpoints that this node kept", |c| &c.checkpoints),
    (COUNTER, "cluster_checkpoint_failures", "Checkpoints that could not be kept", |c| &c.checkpoint_failures),
];

#[rustfmt::skip]
const AUDIT: &[Metric<AuditStats>] = &[
    (COUNTER, "audit_lines", "Lines of the audit written", |a| &a.lines),
    (COUNTER, "audit_dropped", "Lines of the audit dropped: too many at once, or not written", |a| &a.dropped),
];

#[rustfmt::skip]
const DATA: &[Metric<DataStats>] = &[
    (GAUGE, "data_bytes", "Bytes of the log on disk", |d| &d.bytes),
    (GAUGE, "data_segments", "Segments of the log on disk", |d| &d.segments),
    (COUNTER, "data_segments_removed", "Segments removed: too old, or too many bytes", |d| &d.removed),
    (COUNTER, "data_strips", "Strips written to the log on disk", |d| &d.strips),
    (COUNTER, "data_written_bytes", "Bytes written to the log on disk", |d| &d.written_bytes),
    (GAUGE, "data_synced_position", "Position after the last update that is safe from a power cut", |d| &d.synced),
    (COUNTER, "data_syncs", "Times the disk was waited for", |d| &d.syncs),
    (COUNTER, "data_sync_microseconds", "How long the disk was waited for in all", |d| &d.sync_us),
    (GAUGE, "data_unsynced_bytes", "Bytes written that a power cut may lose", |d| &d.unsynced_bytes),
    (GAUGE, "data_unsynced_milliseconds", "Age of the oldest of these bytes", |d| &d.unsynced_ms),
    (COUNTER, "data_failures", "Writes and syncs of the log on disk that failed", |d| &d.failures),
    (GAUGE, "data_stopped", "1 while the log cannot be written and updates wait for it", |d| &d.stopped),
    (GAUGE, "data_off", "1 from when the server has gone on without the log on disk", |d| &d.off),
    (COUNTER, "data_unwritten_updates", "Updates delivered that are not in the log on disk", |d| &d.unwritten),
    (COUNTER, "data_undelivered_updates", "Updates accepted and not delivered: the log on disk could not be written", |d| &d.undelivered),
];

#[rustfmt::skip]
const FEED: &[Metric<FeedMetrics>] = &[
    (COUNTER, "feed_received", "Messages a feed received", |f| &f.received),
    (COUNTER, "feed_submitted", "Updates a feed submitted", |f| &f.submitted),
    (COUNTER, "feed_undecodable", "Messages a feed could not read", |f| &f.undecodable),
    (COUNTER, "feed_passed_over", "Parts that a rule passes over", |f| &f.passed_over),
    (COUNTER, "feed_reported", "Errors that a source reports in its messages", |f| &f.reported),
    (COUNTER, "feed_times_ignored", "Updates without their time", |f| &f.times_ignored),
    (COUNTER, "feed_rounded", "Readings with too many digits", |f| &f.rounded),
    (COUNTER, "feed_left_out", "Parts beyond the bounds", |f| &f.left_out),
    (COUNTER, "feed_disordered", "Recorded updates read out of order", |f| &f.disordered),
    (COUNTER, "feed_lost", "Updates a feed dropped", |f| &f.lost),
    (COUNTER, "feed_pushed_back", "Times a feed waited for the sequencer", |f| &f.pushed_back),
    (COUNTER, "feed_reconnects", "Reconnects of a feed", |f| &f.reconnects),
    (COUNTER, "feed_sparkplug_births", "Births of Sparkplug nodes and devices", |f| &f.sparkplug.births),
    (COUNTER, "feed_sparkplug_deaths", "Deaths of Sparkplug nodes and devices", |f| &f.sparkplug.deaths),
    (COUNTER, "feed_sparkplug_late", "Sparkplug messages that came too late", |f| &f.sparkplug.late),
    (COUNTER, "feed_sparkplug_gaps", "Gaps in the sequence of Sparkplug nodes", |f| &f.sparkplug.gaps),
    (COUNTER, "feed_sparkplug_rebirths", "Sparkplug nodes asked for a birth", |f| &f.sparkplug.rebirths),
    (COUNTER, "feed_sparkplug_unresolved", "Sparkplug metrics of unknown identity", |f| &f.sparkplug.unresolved),
    (COUNTER, "feed_repeated", "Messages that had come before", |f| &f.repeated),
    (COUNTER, "feed_unwanted", "Messages that no filter wants", |f| &f.unwanted),
    (GAUGE, "feed_unkept", "1 for a feed whose source keeps nothing while it is away", |f| &f.unkept),
    (GAUGE, "feed_tls_unverified", "1 for a feed that accepts any certificate", |f| &f.tls_unverified),
];

#[rustfmt::skip]
const OUTPUT: &[Metric<OutputMetrics>] = &[
    (GAUGE, "output_connected", "1 while an output is connected", |o| &o.connected),
    (GAUGE, "output_topics", "Topics of an output", |o| &o.topics),
    (COUNTER, "output_sent", "Values an output sent", |o| &o.sent),
    (COUNTER, "output_bytes", "Bytes of payloads or requests an output sent", |o| &o.bytes),
    (COUNTER, "output_conflated", "Values replaced by newer ones before an output sent them", |o| &o.conflated),
    (COUNTER, "output_dropped", "Values without a place or a form at an output's target, or in a request that failed", |o| &o.dropped),
    (COUNTER, "output_too_long", "Values too long for an output", |o| &o.too_long),
    (COUNTER, "output_refused", "Messages and requests that an output's target refused", |o| &o.refused),
    (GAUGE, "output_waiting", "Updates that wait for an output's target", |o| &o.waiting),
    (COUNTER, "output_lost", "Updates without room in an output's queue", |o| &o.lost),
    (GAUGE, "output_left_out", "Topics above the limit of an output", |o| &o.left_out),
    (COUNTER, "output_reconnects", "Reconnects of an output", |o| &o.reconnects),
    (GAUGE, "output_tls_unverified", "1 for an output that accepts any certificate", |o| &o.tls_unverified),
];

/// All metrics as OpenMetrics text, which Prometheus reads.
pub(crate) fn text(metrics: &Arc<Metrics>) -> String {
    let mut registry = Registry::with_prefix("tickcast");
    registry.register_collector(Box::new(Scrape(Arc::clone(metrics))));
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => text,
        Err(fmt::Error) => {
            tracing::error!("cannot write the metrics");
            String::new()
        }
    }
}

#[derive(Debug)]
struct Scrape(Arc<Metrics>);

/// Labels and a number.
type Row = (Vec<(&'static str, String)>, u64);

impl Scrape {
    fn by_shard(&self, number: fn(&ShardStats) -> &Number) -> Vec<Row> {
        let shards = self.0.shards.iter().enumerate();
        let row = |(index, stats): (usize, &Arc<ShardStats>)| {
            (vec![("shard", index.to_string())], number(stats).get())
        };
        shards.map(row).collect()
    }

    fn by_feed(&self, number: impl Fn(&FeedMetrics) -> u64) -> Vec<Row> {
        let feeds = self.0.feeds.iter();
        feeds
            .map(|feed| {
                let labels = vec![("feed", feed.name.clone()), ("kind", feed.kind.to_owned())];
                (labels, number(&feed.metrics))
            })
            .collect()
    }

    fn by_output(&self, number: fn(&OutputMetrics) -> &Number) -> Vec<Row> {
        let outputs = self.0.outputs.iter().map(|output| {
            let name = ("output", output.name.clone());
            let labels = vec![name, ("kind", output.kind.to_owned())];
            (labels, number(&output.metrics).get())
        });
        outputs.collect()
    }

    fn feed_states(&self) -> Vec<Row> {
        let of_state = |state: FeedState| {
            let mut rows = self.by_feed(|feed| u64::from(feed.state() == state));
            for (labels, _) in &mut rows {
                labels.push(("state", state.as_str().to_owned()));
            }
            rows
        };
        FeedState::ALL.into_iter().flat_map(of_state).collect()
    }

    fn by_task(&self, number: fn(&TaskStats) -> u64) -> Vec<Row> {
        let tasks = self.0.tasks.iter();
        tasks
            .map(|task| (vec![("task", task.name.clone())], number(task)))
            .collect()
    }

    fn topic_statuses(&self) -> Vec<Row> {
        let names = ["live", "stale", "dead"].into_iter();
        let rows = names.zip(&self.0.ingest.statuses);
        rows.map(|(name, number)| (vec![("status", name.to_owned())], number.get()))
            .collect()
    }

    fn closes(&self) -> Vec<Row> {
        let mut rows = Vec::<Row>::new();
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

    fn errors(&self) -> Vec<Row> {
        let refusals = |stats: &ShardStats| {
            let refusals = stats.refusals();
            let labeled = refusals.map(|(code, number)| (vec![("code", code.to_string())], number));
            labeled.collect()
        };
        self.summed(refusals)
    }

    fn limits(&self) -> Vec<Row> {
        let limits = |stats: &ShardStats| {
            let labeled = stats.limits().map(|(limit, of, number)| {
                (
                    vec![("limit", limit.to_owned()), ("of", of.to_owned())],
                    number,
                )
            });
            labeled.collect()
        };
        self.summed(limits)
    }

    /// The sums of rows that each shard has in the same order.
    fn summed(&self, rows: impl Fn(&ShardStats) -> Vec<Row>) -> Vec<Row> {
        let mut sums = Vec::<Row>::new();
        for stats in &self.0.shards {
            for (at, row) in rows(stats).into_iter().enumerate() {
                match sums.get_mut(at) {
                    Some((_, sum)) => *sum += row.1,
                    None => sums.push(row),
                }
            }
        }
        sums
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut put =
            |kind, name, help, rows: Vec<Row>| write(&mut encoder, kind, name, help, &rows);
        for &(kind, name, help, number) in INGEST {
            put(
                kind,
                name,
                help,
                vec![(Vec::new(), number(&self.0.ingest).get())],
            )?;
        }
        let help = "Topics whose source is live, stale or dead";
        put(GAUGE, "topic_statuses", help, self.topic_statuses())?;
        for &(kind, name, help, number) in SHARD {
            put(kind, name, help, self.by_shard(number))?;
        }
        put(
            COUNTER,
            "closes",
            "Closed connections, by close code",
            self.closes(),
        )?;
        let help = "Requests and filters refused, by error code";
        put(COUNTER, "errors", help, self.errors())?;
        let help = "Times that a limit was reached, by what is limited and whose limit it is";
        put(COUNTER, "limits_reached", help, self.limits())?;
        let rows = self.0.refused.rows();
        let rows = rows.map(|(reason, count)| (vec![("reason", reason.to_owned())], count));
        let help = "Refused requests and connections, by reason";
        put(COUNTER, "refused", help, rows.collect())?;
        for &(kind, name, help, number) in FEED {
            put(kind, name, help, self.by_feed(|feed| number(feed).get()))?;
        }
        let help = "1 for the current state of a feed";
        put(GAUGE, "feed_state", help, self.feed_states())?;
        for &(kind, name, help, number) in OUTPUT {
            put(kind, name, help, self.by_output(number))?;
        }
        let help = "Times a task of the server failed";
        let failures = self.by_task(|task| task.failures.get());
        put(COUNTER, "task_failures", help, failures)?;
        let help = "1 while a task of the server runs, 0 after a failure";
        let up = self.by_task(|task| u64::from(task.state() == TaskState::Running));
        put(GAUGE, "task_up", help, up)?;
        let handshakes = &self.0.handshakes;
        let finished = [
            ("full", handshakes.full.get()),
            ("resumed", handshakes.resumed.get()),
        ];
        let finished = finished.map(|(kind, number)| (vec![("kind", kind.to_owned())], number));
        let help = "Handshakes of TLS that were finished";
        put(COUNTER, "handshakes", help, finished.into())?;
        let failed = handshakes.failures();
        let failed = failed.map(|(name, number)| (vec![("reason", name.to_owned())], number));
        let help = "Handshakes of TLS and PROXY headers that failed";
        put(COUNTER, "handshakes_failed", help, failed.collect())?;
        let help = "Handshakes of TLS and PROXY headers under way";
        let under_way = vec![(Vec::new(), handshakes.under_way.get())];
        put(GAUGE, "handshakes_under_way", help, under_way)?;
        let help = "Connections that waited because handshakes_max were under way";
        let waited = vec![(Vec::new(), handshakes.waited.get())];
        put(COUNTER, "handshakes_waited", help, waited)?;
        let certificates = self.0.certificates.iter().map(|certificate| {
            let labels = vec![("listener", certificate.listener.clone())];
            (labels, u64::try_from(certificate.expires()).unwrap_or(0))
        });
        let help = "When a listener's certificate expires, in seconds since the Unix epoch";
        put(
            GAUGE,
            "certificate_expires_seconds",
            help,
            certificates.collect(),
        )?;
        let help = "Times that accept(2) failed";
        let errors = vec![(Vec::new(), self.0.accept_errors.get())];
        put(COUNTER, "accept_errors", help, errors)?;
        if let Some(cluster) = &self.0.cluster {
            for &(kind, name, help, number) in CLUSTER {
                let rows = vec![(Vec::new(), number(cluster).get())];
                put(kind, name, help, rows)?;
            }
        }
        for &(kind, name, help, number) in AUDIT {
            put(
                kind,
                name,
                help,
                vec![(Vec::new(), number(&self.0.audit).get())],
            )?;
        }
        for &(kind, name, help, number) in DATA {
            put(
                kind,
                name,
                help,
                vec![(Vec::new(), number(&self.0.data).get())],
            )?;
        }
        let help = "How long the log on disk has waited for a write or a sync that is under way";
        let waited = self.0.data.disk.elapsed().as_millis();
        let waited = u64::try_from(waited).unwrap_or(u64::MAX);
        let name = "data_disk_wait_milliseconds";
        put(GAUGE, name, help, vec![(Vec::new(), waited)])?;
        let help = "Log lines dropped because they could not be written in time";
        let dropped = self.0.log_dropped.get().map_or(0, |number| number.get());
        put(
            COUNTER,
            "log_lines_dropped",
            help,
            vec![(Vec::new(), dropped)],
        )
    }
}

fn write(
    encoder: &mut DescriptorEncoder<'_>,
    kind: MetricType,
    name: &str,
    help: &str,
    rows: &[Row],
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    if let [(labels, value)] = rows
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
