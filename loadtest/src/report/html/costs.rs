//! Tables of two columns: what server and load tester spent, and where the run took place.

use maud::{Markup, html};

use crate::{
    number::grouped,
    report::wording::time_or_dash,
    summary::{Cost, Generator, RunSummary},
    worker::ConnectionCounts,
};

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;

/// A name and its value.
type NamedValue = (String, String);

fn rows<const N: usize>(part: &str, rows: [(&str, String); N]) -> Vec<NamedValue> {
    let named = rows.map(|(name, value)| (format!("{part}: {name}"), value));
    named.into()
}

/// A table of names and values.
fn pairs(title: &str, rows: &[NamedValue]) -> Markup {
    html! {
        div {
            h2 { (title) }
            div class="scroll" {
                table {
                    @for (name, value) in rows {
                        tr { td { (name) } td class="text" { (value) } }
                    }
                }
            }
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn or_dash<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or("-".to_owned(), text)
}

pub(super) fn costs(summary: &RunSummary) -> Markup {
    let mut all = of_server(&summary.cost);
    all.extend(of_generator(&summary.generator));
    all.extend(of_connections(&summary.connections));
    let errors = summary.errors.iter();
    all.extend(errors.map(|(kind, count)| (format!("error: {kind}"), count.to_string())));
    pairs("Server, load tester and connections", &all)
}

fn of_server(cost: &Cost) -> Vec<NamedValue> {
    let mib = |bytes: Option<u64>| or_dash(bytes, |b| format!("{:.1} MiB", b as f64 / MIB));
    let mut all = rows(
        "server",
        [
            ("CPU, of a core", or_dash(cost.cpu, percent)),
            ("CPU time in user space", or_dash(cost.user_share, percent)),
            (
                "CPU per delivery",
                or_dash(cost.cpu_us_per_delivery, |us| format!("{us:.2} us")),
            ),
            (
                "deliveries per core-second",
                or_dash(cost.deliveries_per_core_s, grouped),
            ),
            ("memory before subscribers", mib(cost.rss_before_bytes)),
            ("largest memory", mib(cost.rss_max_bytes)),
            (
                "memory per connection (from 1,000 subscribers on)",
                or_dash(cost.connection_bytes, |b| format!("{:.2} KiB", b / KIB)),
            ),
        ],
    );
    let wire = format!("{:.1}", cost.wire_bytes_per_update);
    all.extend(rows("wire", [("bytes per delivered update", wire)]));
    all
}

fn of_generator(generator: &Generator) -> Vec<NamedValue> {
    let receivers: Vec<String> = generator.receiver_cpu.iter().map(|&s| percent(s)).collect();
    let mut all = rows(
        "publisher",
        [
            ("CPU, of a core", percent(generator.publisher_cpu)),
            (
                "late by its own fault, p99",
                time_or_dash(generator.own_slip.percentile(99.0)),
            ),
            (
                "blocked by the socket",
                format!("{:.3} s", generator.blocked_s),
            ),
        ],
    );
    all.extend(rows(
        "receivers",
        [
            ("CPU, of a core", receivers.join(" and ")),
            (
                "upper bound of the time that data waited, p99",
                time_or_dash(generator.lag.percentile(99.0)),
            ),
        ],
    ));
    all
}

fn of_connections(counts: &ConnectionCounts) -> Vec<NamedValue> {
    let number = |count: u64| grouped(count as f64);
    rows(
        "connections",
        [
            ("confirmed", number(counts.subscribed)),
            ("closed by the server", number(counts.closed)),
            ("left on purpose", number(counts.churned)),
            ("subscriptions resumed", number(counts.resumed)),
            ("failed", number(counts.failed)),
        ],
    )
}

pub(super) fn environment(summary: &RunSummary) -> Markup {
    let environment = &summary.environment;
    let settings = &summary.settings;
    let server = environment.server.as_ref().map_or(String::new(), |info| {
        let limits = &info.limits;
        format!(
            "{}; tape {} bytes, heartbeat {} ms, write timeout {} ms, {} subscriptions per \
             connection",
            info.name,
            limits.tape_bytes,
            info.heartbeat_ms,
            limits.write_timeout_ms,
            limits.subscriptions
        )
    });
    let hindered = format!(
        "{} slow, {} stalled, {} half-open",
        settings.slow, settings.stalled, settings.gone
    );
    let topics = format!("{} with {} bytes", settings.topics, settings.payload_bytes);
    let cpu = format!("{}, {} cores", environment.cpu, environment.cores);
    let rows = [
        ("command", environment.command.clone()),
        ("load tester", environment.version.clone()),
        ("checkout", environment.commit.clone().unwrap_or_default()),
        ("server", server),
        ("url", settings.url.clone()),
        (
            "filters of the first subscriber",
            settings.filters.join(", "),
        ),
        ("topics and payload", topics),
        ("hindered on purpose", hindered),
        ("receiver threads", settings.threads.to_string()),
        ("kernel", environment.kernel.clone()),
        ("processor", cpu),
        ("open files allowed", environment.open_files_max.to_string()),
        ("seed", environment.seed.to_string()),
    ];
    pairs(
        "Environment",
        &rows.map(|(name, value)| (name.to_owned(), value)),
    )
}
