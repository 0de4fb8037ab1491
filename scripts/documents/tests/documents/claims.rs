//! Numbers in the documents that come from a source are those of the source.
//!
//! A row names a sentence of a document and the line that its number comes from. Either of them
//! changes alone only with a failing test. Defaults of settings are compared with `--help`, and the
//! protocol's numbers with its codec, by tests of those packages.

use std::fs;

use regex::Regex;

use crate::programs::{document, root, shell};

/// Document, sentence, source, and what is written there.
const CLAIMS: [(&str, &str, &str, &str); 51] = [
    (
        "README.md",
        "Rust](https://rustup.rs) 1.95 or newer",
        "Cargo.toml",
        "rust-version = \"1.95\"",
    ),
    (
        "docs/install.md",
        "Rust](https://rustup.rs) 1.95 or newer",
        "Cargo.toml",
        "rust-version = \"1.95\"",
    ),
    (
        "docs/install.md",
        "gives it an exposure of 1.4 (0 is the best, 10 the worst; systemd 252)",
        "packaging/tests/packages/unit.rs",
        "Version 252\n/// says 14",
    ),
    (
        "CONTRIBUTING.md",
        "Rust is all you need: 1.95 or newer",
        "Cargo.toml",
        "rust-version = \"1.95\"",
    ),
    (
        "CONTRIBUTING.md",
        "at most 500 lines, and at most 200 for the median of a package",
        "scripts/layout/src/sizes.rs",
        "LARGEST_MAX: usize = 500",
    ),
    (
        "CONTRIBUTING.md",
        "at most 500 lines, and at most 200 for the median of a package",
        "scripts/layout/src/sizes.rs",
        "MEDIAN_MAX: usize = 200",
    ),
    (
        "CONTRIBUTING.md",
        "Lines of Markdown and comments have at most 100 columns",
        "scripts/layout/src/columns.rs",
        "COLUMNS_MAX: usize = 100",
    ),
    (
        "docs/operations.md",
        "retries after 250 ms at first and after 15 s at most",
        "server/src/mqtt/mod.rs",
        "first_bound: Duration::from_millis(250),\n    max_bound: Duration::from_secs(15),",
    ),
    (
        "docs/operations.md",
        "is silent for 20 seconds now and then",
        "server/src/feed/simulated/mod.rs",
        "SILENCE_NS: f64 = 20e9",
    ),
    (
        "docs/operations.md",
        "the feed holds the broker back for up to five seconds",
        "server/src/feed/mqtt/intake.rs",
        "PUSH_BACK_MAX: Duration = Duration::from_secs(5)",
    ),
    (
        "docs/operations.md",
        "A line has at most 64 KiB",
        "server/src/feed/lines/line_buffer.rs",
        "LINE_MAX_BYTES: usize = 64 * 1024",
    ),
    (
        "docs/operations.md",
        "at most five times in ten seconds",
        "server/src/feed/handover.rs",
        "LOGGED_MAX: u32 = 5",
    ),
    (
        "docs/operations.md",
        "at most five times in ten seconds",
        "server/src/log/limit.rs",
        "LOG_WINDOW: Duration = Duration::from_secs(10)",
    ),
    (
        "docs/operations.md",
        "After three times as long without a live update the topic is stale",
        "server/core/src/sequencer/liveness/mod.rs",
        "STALE_AFTER_INTERVALS: u32 = 3",
    ),
    (
        "docs/operations.md",
        "Each shorter gap lowers it by a 64th of the difference",
        "server/core/src/sequencer/liveness/mod.rs",
        "LEARNED_DECAY: f32 = 1.0 / 64.0",
    ),
    (
        "docs/operations.md",
        "The rule takes effect after ten gaps",
        "server/core/src/sequencer/liveness/mod.rs",
        "LEARN_GAPS_MIN: u8 = 10",
    ),
    (
        "docs/operations.md",
        "The interval is never below one second",
        "server/core/src/sequencer/liveness/mod.rs",
        "LEARNED_INTERVAL_MIN: Duration = Duration::from_secs(1)",
    ),
    (
        "docs/operations.md",
        "a gap that made the topic stale at most doubles it",
        "server/core/src/sequencer/liveness/mod.rs",
        "LEARNED_GROWTH_MAX: f32 = 2.0",
    ),
    (
        "docs/operations.md",
        "newest values as JSON, at most 10,000",
        "server/src/net/values.rs",
        "LATEST_MAX_UPDATES: usize = 10_000",
    ),
    (
        "docs/operations.md",
        "`?limit=` at most that many (20 by default, up to 1,000)",
        "server/src/net/slow_clients.rs",
        "SLOW_DEFAULT: usize = 20",
    ),
    (
        "docs/operations.md",
        "`?limit=` at most that many (20 by default, up to 1,000)",
        "server/src/net/slow_clients.rs",
        "SLOW_MAX: usize = 1_000",
    ),
    (
        "docs/operations.md",
        "A shard that did not answer within a second",
        "server/src/net/slow_clients.rs",
        "SHARD_TIMEOUT: Duration = Duration::from_secs(1)",
    ),
    (
        "docs/operations.md",
        "up to 4,096 connections per shard can wait to be accepted",
        "server/src/net/binding.rs",
        "BACKLOG: i32 = 4096",
    ),
    (
        "docs/operations.md",
        "a shard goes that way once for up to 64 clients",
        "server/uring/src/lib.rs",
        "SENDS_MAX: usize = 64",
    ),
    (
        "docs/operations.md",
        "64 KiB for a message",
        "protocol/src/codec/limits.rs",
        "CLIENT_MESSAGE_MAX_BYTES: usize = 64 * 1024",
    ),
    (
        "docs/operations.md",
        "16 KiB with 64 fields for a header",
        "server/src/net/http_connection.rs",
        "HEADER_MAX_BYTES: usize = 16 * 1024",
    ),
    (
        "docs/operations.md",
        "16 KiB with 64 fields for a header",
        "server/src/net/http_connection.rs",
        "HEADERS_MAX: usize = 64",
    ),
    (
        "docs/operations.md",
        "A row has at most 64 KiB",
        "server/src/feed/replay/table/bounded.rs",
        "ROW_MAX_BYTES: usize = 64 * 1024",
    ),
    (
        "docs/operations.md",
        "Each line of a recording has at most 1 MiB",
        "protocol/src/recording.rs",
        "LINE_MAX_BYTES: usize = 1024 * 1024",
    ),
    (
        "loadtest/README.md",
        "a thread used more than 85 % of a core",
        "loadtest/src/summary/conclude.rs",
        "CPU_MAX: f64 = 0.85",
    ),
    (
        "loadtest/README.md",
        "late through its own fault by more than 1 ms at p99",
        "loadtest/src/publish/status.rs",
        "OWN_SLIP_MAX_NS: u64 = 1_000_000",
    ),
    (
        "loadtest/README.md",
        "more than a tenth of the measured p99 (and more than 0.1 ms)",
        "loadtest/src/summary/conclude.rs",
        "LAG_SHARE_MAX: f64 = 0.1",
    ),
    (
        "loadtest/README.md",
        "more than a tenth of the measured p99 (and more than 0.1 ms)",
        "loadtest/src/summary/conclude.rs",
        "LAG_MIN_NS: u64 = 100_000",
    ),
    (
        "loadtest/README.md",
        "several source addresses are used from 20,000 subscribers on",
        "loadtest/src/cli/plan.rs",
        "SUBSCRIBERS_PER_ADDRESS: usize = 20_000",
    ),
    (
        "loadtest/README.md",
        "Memory per connection is reported from 1,000 subscribers on",
        "loadtest/src/summary/cost.rs",
        "CONNECTION_BYTES_SUBSCRIBERS_MIN: usize = 1_000",
    ),
    (
        "docs/sparkplug.md",
        "later messages wait for 3 s",
        "server/src/feed/sparkplug/bounds.rs",
        "REORDER_WINDOW: Duration = Duration::from_secs(3)",
    ),
    (
        "docs/sparkplug.md",
        "no birth within 10 s of their node's",
        "server/src/feed/sparkplug/bounds.rs",
        "DEVICES_BIRTH_WAIT: Duration = Duration::from_secs(10)",
    ),
    (
        "docs/sparkplug.md",
        "10,000 nodes, 1,024 devices of a node, 16,384 metrics of a node",
        "server/src/feed/sparkplug/bounds.rs",
        "NODES_MAX: usize = 10_000",
    ),
    (
        "docs/sparkplug.md",
        "10,000 nodes, 1,024 devices of a node, 16,384 metrics of a node",
        "server/src/feed/sparkplug/bounds.rs",
        "METRICS_PER_NODE_MAX: usize = 16_384",
    ),
    (
        "docs/socketio.md",
        "has at most 16 subscriptions",
        "server/core/src/wire/place.rs",
        "OFFSET_PARTS_MAX: usize = 16;",
    ),
    (
        "docs/socketio.md",
        "clients that poll, of the whole server | 4,096",
        "server/src/net/socket_io/sessions.rs",
        "SESSIONS_MAX: usize = 4_096",
    ),
    (
        "docs/socketio.md",
        "time without a poll after which a client has gone | 45 s",
        "server/src/net/socket_io/session.rs",
        "ABSENCE_MAX: Duration = Duration::from_secs(45)",
    ),
    (
        "docs/socketio.md",
        "bytes that wait for a poll | 16 KiB",
        "server/src/net/socket_io/exchange.rs",
        "FRAMES_MAX_BYTES: usize = 16 * 1024",
    ),
    (
        "docs/socketio.md",
        "packets in the answer to a poll | 256",
        "server/src/net/socket_io/payload.rs",
        "PACKETS_MAX: usize = 256",
    ),
    (
        "docs/socketio.md",
        "| 512, 65,536 |",
        "server/src/net/socket_io/routes.rs",
        "POST_PACKETS_MAX: usize = 512",
    ),
    (
        "docs/socketio.md",
        "refused namespaces and tokens of a connection | 16",
        "server/src/net/socket_io/talk.rs",
        "CONNECTS_REFUSED_MAX: u32 = 16",
    ),
    (
        "docs/sparkplug.md",
        "At most 64 messages of a node and 16 MiB in all",
        "server/src/feed/sparkplug/bounds.rs",
        "HELD_MAX_BYTES: usize = 16 * 1024 * 1024",
    ),
    (
        "docs/protocol.md",
        "knows the last 64 numbers of each publisher",
        "protocol/src/message/ids.rs",
        "PUBLISHER_WINDOW: PublishNumber = 64",
    ),
    (
        "docs/protocol.md",
        "the 65,536 publishers that have published last",
        "server/core/src/sequencer/publishers.rs",
        "PUBLISHERS_MAX: usize = 65_536",
    ),
    (
        "docs/protocol.md",
        "reads at its start what was published, from the last 256 MiB of it",
        "server/src/data/opening.rs",
        "RESTORE_MAX_BYTES: u64 = 256 * 1024 * 1024",
    ),
    (
        "docs/cluster.md",
        "65,536 publishers of `publish_once`, with their last 64 publishes",
        "server/core/src/sequencer/publishers.rs",
        "PUBLISHERS_MAX: usize = 65_536",
    ),
];

#[test]
fn numbers_from_a_source_are_those_of_the_source() {
    let mut problems = Vec::new();
    for (path, sentence, source, written) in CLAIMS {
        let prose = document(path).prose();
        if !prose.to_lowercase().contains(&sentence.to_lowercase()) {
            problems.push(format!("{path} does not say {sentence:?}"));
        }
        let text = fs::read_to_string(root().join(source)).unwrap_or_default();
        if !text.contains(written) {
            problems.push(format!(
                "{source} does not say {written:?}, as {path} does: {sentence:?}"
            ));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn the_named_formats_of_recordings_are_those_of_the_replay_feed() {
    let text = &document("docs/operations.md").text;
    let (_, table) = text.split_once("<!-- formats -->").unwrap();
    let (table, _) = table.split_once("<!-- end of formats -->").unwrap();
    let source = fs::read_to_string(root().join("server/src/feed/replay/table/format.rs")).unwrap();
    let (_, presets) = source.split_once("pub const PRESETS").unwrap();
    let (presets, _) = presets.split_once("];").unwrap();
    let quoted = |text: &str, quote: char| {
        let parts = text.split(quote).skip(1).step_by(2);
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    // A cell of a table has "\\|" for "|".
    let rows = quoted(&table.replace("\\|", "|"), '`');
    assert_eq!(rows, quoted(presets, '"'));
    assert!(rows.len() >= 8, "{rows:?}");
}

#[test]
fn the_sizes_of_a_batch_in_the_readme_are_those_of_the_golden_files() {
    let golden = |end: &str| {
        let path = root()
            .join("docs/golden")
            .join(format!("server-batch-trade.{end}"));
        fs::read_to_string(path).unwrap()
    };
    let digits: String = golden("hex").split_whitespace().collect();
    let sentence = format!(
        "a batch with one trade takes {} bytes instead of {} (`docs/golden/server-batch-trade`)",
        digits.len() / 2,
        golden("json").trim_end().len()
    );
    let prose = document("README.md").prose();
    assert!(
        prose.contains(&sentence),
        "README.md does not say {sentence:?}"
    );
}

#[test]
fn the_figures_of_the_stalled_run_are_those_of_its_command() {
    let document = document("README.md");
    let number = |expression: &str, text: &str| -> u64 {
        let found = Regex::new(expression).unwrap().captures(text);
        let found = found.unwrap_or_else(|| panic!("README.md has no {expression}"));
        found[1].replace(',', "").parse().unwrap()
    };
    let blocks = document.blocks();
    let command = blocks
        .iter()
        .find(|block| block.text.contains("--stalled"))
        .unwrap();
    let flag = |name: &str| number(&format!(r"--{name} (\d+)"), &command.text);
    let prose = document.prose();
    let said = |expression: &str| number(expression, &prose);
    let (stalled, subscribers) = (flag("stalled"), flag("subscribers"));
    assert_eq!(said(r"Here (\d+) of"), stalled);
    assert_eq!(said(r"Here \d+ of (\d+) subscribers"), subscribers);
    assert_eq!(said(r"stop reading for (\d+) s"), flag("stall"));
    assert_eq!(said(r"latencies of the other (\d+)"), subscribers - stalled);
    let published = flag("rate") * (flag("duration") + flag("warmup"));
    assert_eq!(said(r"times the ([\d,]+) that were published"), published);
    let together = said(r"lost ones: together ([\d,]+)");
    assert_eq!(together, stalled * published);
    let (got, lost) = (
        said(r"received ([\d,]+) updates and"),
        said(r"notified of ([\d,]+) lost"),
    );
    assert_eq!(got + lost, together);
}

#[test]
fn exit_codes_of_the_load_tester_are_those_of_its_help() {
    let output = shell("tickcast-loadtest --help", &root()).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = &document("loadtest/README.md").text;
    let (_, table) = text.split_once("## Exit codes").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let codes = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let codes: Vec<&str> = codes.filter(|code| code.parse::<u8>().is_ok()).collect();
    assert_eq!(codes.len(), 8, "{table}");
    let (_, listed) = help.split_once("Exit codes: ").unwrap();
    let listed: Vec<&str> = listed.split(". ").next().unwrap().split(", ").collect();
    for code in codes {
        let start = format!("{code} ");
        assert!(
            listed.iter().any(|part| part.starts_with(&start)),
            "{code} is not in {listed:?}"
        );
    }
}

#[test]
fn exit_codes_of_the_command_are_those_of_its_help() {
    let output = shell("tickcast --help", &root()).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, listed) = help.split_once("Exit codes:\n").unwrap();
    let listed: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let (_, table) = document("docs/cli.md")
        .text
        .split_once("## Exit codes")
        .unwrap();
    let table = table.split("\n## ").next().unwrap();
    let codes: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|code| code.parse::<u8>().is_ok())
        .collect();
    assert_eq!(codes, listed);
    assert_eq!(codes.len(), 7, "{table}");
}
