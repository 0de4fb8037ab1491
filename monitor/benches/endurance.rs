//! Half an hour of 20,000 updates per second: a real window with a chart of two derived topics, an
//! inspector and a dashboard, on a display of its own. Prints memory, repaint gaps and losses of
//! each minute, and fails if memory grows, an update is not counted, or the screen was out of date
//! for longer than 250 ms.
//!
//! Run it with `cargo bench -p tickcast-monitor --bench endurance`, with `-- --minutes 5` for less,
//! and with `-- --program PATH` for another build. It needs Xvfb (Debian package xvfb) and a
//! machine that does nothing else.

mod support;

use std::{
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Display, Program, server, url, wait};

const RATE: u64 = 20_000;
const MINUTES: u64 = 30;

/// Memory is compared after this part of the time: history fills up first.
const FILLED: f64 = 0.4;

/// Memory may differ by this much: the allocator returns what it frees a little later.
const GROWTH_MAX_BYTES: u64 = 24 << 20;

/// The longest time for which the screen may be out of date.
const GAP_MAX_MS: f64 = 250.0;

/// The part of the updates that are due which must be counted: the feed is up to half a percent
/// slower than its rate, and the window opens after it begins.
const COUNTED_MIN: f64 = 0.99;

/// The limit of history: it is reached long before the end.
const MEMORY_LIMIT: u64 = 64 << 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let minutes = option("--minutes").map_or(Ok(MINUTES), |text| text.parse())?;
    let program = option("--program").map(PathBuf::from);
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_tickcast-monitor").into());
    let rate = RATE.to_string();
    let server = server(&["--feed", "simulated", "--sim-rate", &rate])?;
    let display = Display::start()?;
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.jsonl");
    let path = report.to_str().context("no name of a file")?;
    let settings = settings().to_string();
    let begun = Instant::now();
    let started = ["--report", path];
    let program = Program::start(&display, &program, &url(&server), &started, Some(&settings))?;

    let mut out = std::io::stdout();
    let mut lines: Vec<Line> = Vec::new();
    for minute in 1..=minutes {
        wait(Duration::from_secs(60 * minute).saturating_sub(begun.elapsed()));
        let text = std::fs::read_to_string(&report)?;
        let all: Vec<Line> = text.lines().map(Line::of).collect::<Result<_>>()?;
        let new = &all[lines.len()..];
        let gap = new.iter().map(|line| line.gap_ms).fold(0.0, f64::max);
        let last = all.last().context("the program writes no report")?;
        let cpu = program.cpu()?.as_secs_f64() / begun.elapsed().as_secs_f64();
        writeln!(
            out,
            "{minute} min: {} MiB, longest gap {gap:.0} ms, {} of {} updates received, {} \
             conflated, {} lost, {} dropped, {:.0} % of a core",
            last.rss_bytes >> 20,
            last.received,
            last.updates,
            last.conflated,
            last.lost,
            last.dropped,
            cpu * 100.0
        )?;
        lines = all;
    }
    writeln!(out, "{}", Figures::of(&lines)?)?;
    check(&lines)
}

/// What the whole run comes to.
struct Figures {
    memory: (u64, u64),
    gap_ms: f64,
    last: Line,
}

impl Figures {
    fn of(lines: &[Line]) -> Result<Self> {
        let last = lines.last().context("no line")?;
        let filled = &lines[(lines.len() as f64 * FILLED) as usize..];
        let memory = filled.iter().map(|line| line.rss_bytes);
        let memory = memory.clone().min().zip(memory.max()).context("no line")?;
        // The first line has the repaints in which the window was built.
        let gaps = lines[1..].iter().map(|line| line.gap_ms);
        Ok(Self {
            memory,
            gap_ms: gaps.fold(0.0, f64::max),
            last: *last,
        })
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            memory: (least, most),
            gap_ms,
            last,
        } = self;
        let due = last.seconds * RATE;
        write!(
            f,
            "{} s: memory {} to {} MiB after the history was full (it may grow by {}), longest gap \
             {gap_ms:.0} ms (limit {GAP_MAX_MS:.0}), {} of {due} updates counted ({:.1} %), {} of \
             them received or conflated, {} lost, {} dropped",
            last.seconds,
            least >> 20,
            most >> 20,
            GROWTH_MAX_BYTES >> 20,
            last.updates,
            last.updates as f64 / due.max(1) as f64 * 100.0,
            last.received + last.conflated,
            last.lost,
            last.dropped
        )
    }
}

/// A line of the program's report.
#[derive(Clone, Copy)]
struct Line {
    seconds: u64,
    rss_bytes: u64,
    updates: u64,
    received: u64,
    conflated: u64,
    lost: u64,
    dropped: u64,
    gap_ms: f64,
}

impl Line {
    fn of(text: &str) -> Result<Self> {
        let line: Value = serde_json::from_str(text)?;
        let number = |name: &str| line[name].as_u64().with_context(|| format!("no {name}"));
        Ok(Self {
            seconds: number("seconds")?,
            rss_bytes: number("rss_bytes")?,
            updates: number("updates")?,
            received: number("received")?,
            conflated: number("conflated")?,
            lost: number("lost")?,
            dropped: number("dropped")?,
            gap_ms: line["longest_gap_ms"].as_f64().context("no gap")?,
        })
    }
}

fn check(lines: &[Line]) -> Result<()> {
    let figures = Figures::of(lines)?;
    let ((least, most), last) = (figures.memory, figures.last);
    ensure!(
        most - least <= GROWTH_MAX_BYTES,
        "memory was between {} and {} MiB after the history was full",
        least >> 20,
        most >> 20
    );
    for line in &lines[1..] {
        ensure!(
            line.gap_ms <= GAP_MAX_MS,
            "the screen was out of date for {:.0} ms in the 10 s before second {}",
            line.gap_ms,
            line.seconds
        );
    }
    ensure!(last.lost == 0 && last.dropped == 0, "updates were lost");
    let due = last.seconds * RATE;
    ensure!(
        last.updates as f64 >= due as f64 * COUNTED_MIN,
        "{} of {due} updates are counted",
        last.updates
    );
    // What is charted is received by both subscriptions, and counted by both.
    ensure!(
        last.received + last.conflated >= last.updates,
        "{} received and {} conflated are fewer than {}",
        last.received,
        last.conflated,
        last.updates
    );
    Ok(())
}

/// A chart of a market with two derived topics, the inspector and a dashboard, side by side.
fn settings() -> Value {
    let market = "market/BTC-USDT/trade";
    let tile = |topic: &str, kind: &str| json!({ "topic": topic, "kind": kind });
    let split = |dir: &str, children: [u64; 2]| {
        json!({ "Container": { "Linear": {
            "children": children, "dir": dir, "shares": { "shares": {} },
        } } })
    };
    let chart = json!({ "Pane": { "chart": {
        "topics": [market, "derived/mean", "derived/spread"],
    } } });
    let dashboard = json!({ "Pane": { "dashboard": { "tiles": [
        tile(market, "number"),
        tile("plant/line-1/temperature", "gauge"),
        tile("market/ETH-USDT/trade", "sparkline"),
        tile("derived/mean", "sparkline"),
    ] } } });
    json!({
        "preferences": { "memory_limit": MEMORY_LIMIT },
        "derived": [
            { "name": "mean", "rule": { "mean": {
                "source": market, "window_ns": 10_000_000_000_u64,
            } } },
            { "name": "spread", "rule": { "spread": {
                "a": market, "b": "market/ETH-USDT/trade",
            } } },
        ],
        "workspace": { "tree": {
            "id": 1, "root": 1, "height": null, "width": null,
            "tiles": { "next_tile_id": 9, "invisible": [], "tiles": {
                "1": split("Vertical", [2, 3]),
                "2": chart,
                "3": split("Horizontal", [4, 5]),
                "4": { "Pane": { "inspector": {} } },
                "5": dashboard,
            } },
        }, "active": 2 },
    })
}
