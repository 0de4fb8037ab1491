//! The table "How a connection ends" in docs/protocol.md: each row happens as it says, in both
//! encodings and on `/echo`. A row needs a scenario, and a scenario needs a row.

mod client;
mod clusters;
mod identities;
mod linger;
mod scenarios;
mod stage;
mod table;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tickcast_server_testkit::{Program, raw::get, until};
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
};

use client::{End, Seen};
use scenarios::Scenario;
use stage::Stage;
use table::{Row, Target, Wanted, When};

/// Rows that run at the same time. They mostly wait.
const ROWS: usize = 6;

/// Longest time for "at once". A server that lingers does so for a second.
const AT_ONCE: Duration = Duration::from_millis(800);

/// A timer of the server may be late by its tick, and the test by the machine's load.
const LATE_MAX: Duration = Duration::from_millis(1_500);

/// The cause of a long wait happens a moment before the test notices it.
const EARLY_MAX: Duration = Duration::from_millis(800);

/// A busy machine may be late. A server that is late is late each time.
const ATTEMPTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_row_of_the_table_happens_as_it_says_on_each_path() {
    let rows = table::rows();
    let mut scenarios: BTreeMap<&str, Scenario> = BTreeMap::new();
    for scenario in scenarios::all() {
        let what = scenario.what;
        assert!(scenarios.insert(what, scenario).is_none(), "twice: {what}");
    }
    let room = Arc::new(Semaphore::new(ROWS));
    let mut running = JoinSet::new();
    for row in rows {
        let scenario = scenarios.remove(row.what.as_str());
        let scenario = scenario.unwrap_or_else(|| panic!("no scenario for the row {row:?}"));
        let room = Arc::clone(&room);
        let runtime = Handle::current();
        running.spawn(async move {
            let _permit = room.acquire().await.unwrap();
            // In a thread of its own: what a busy test does must not delay the others.
            let checked = spawn_blocking(move || {
                for &target in &row.on {
                    runtime.block_on(check(&row, &scenario, target));
                }
            });
            checked.await.is_ok()
        });
    }
    assert!(scenarios.is_empty(), "no rows for {:?}", scenarios.keys());
    let results = running.join_all().await;
    let failed = results.iter().filter(|is_right| !**is_right).count();
    assert_eq!(failed, 0, "rows that failed, see above");
}

async fn check(row: &Row, scenario: &Scenario, target: Target) {
    let mut attempt = 1;
    loop {
        let server = Stage::start(scenario).await;
        let before = closes(&server).await;
        let seen = scenario.run(&server, target).await;
        let what = format!("{:?} on {target:?}: {seen:?}", row.what);
        check_end(row, &seen, &what);
        if !scenario.ends_server {
            let mut expected = before;
            if let Some((label, count)) = scenario.also_counted {
                *expected.get_mut(label).unwrap() += count;
            }
            check_metrics(row, &seen, &server, expected, &what).await;
        }
        match check_time(row, scenario, &seen) {
            Ok(()) => return,
            Err(late) if attempt < ATTEMPTS && late => attempt += 1,
            Err(_) => panic!("not when the table says: {what}"),
        }
    }
}

/// What the client got.
fn check_end(row: &Row, seen: &Seen, what: &str) {
    match (&row.gets, seen.end) {
        (Wanted::Code(code), End::Fin) => {
            let close = seen.close.as_ref();
            let (got, reason) = close.unwrap_or_else(|| panic!("no close frame: {what}"));
            assert_eq!(*got, Some(*code), "{what}");
            assert!(!reason.is_empty(), "no reason: {what}");
        }
        (Wanted::SameCode, End::Fin) => {
            assert!(seen.sent_code.is_some(), "{what}");
            assert_eq!(seen.close, Some((seen.sent_code, String::new())), "{what}");
        }
        (Wanted::NoCode, End::Fin) => {
            assert_eq!(seen.close, Some((None, String::new())), "{what}");
        }
        (Wanted::Fin, End::Fin) | (Wanted::Reset, End::Reset) | (Wanted::Nothing, End::Unseen) => {
            assert_eq!(seen.close, None, "{what}");
        }
        _ => panic!("not as the table says: {what}"),
    }
}

/// Whether the time is right. The error tells whether it was too late.
fn check_time(row: &Row, scenario: &Scenario, seen: &Seen) -> Result<(), bool> {
    let (least, most) = match &row.when {
        When::AtOnce => (Duration::ZERO, AT_ONCE),
        When::UpTo(terms) => (Duration::ZERO, scenario.sum(terms) + LATE_MAX),
        When::After(terms) => {
            let sum = scenario.sum(terms);
            (sum.saturating_sub(EARLY_MAX.min(sum / 8)), sum + LATE_MAX)
        }
    };
    match seen.after {
        after if after < least => Err(false),
        after if after > most => Err(true),
        _ => Ok(()),
    }
}

/// The connection is counted once, where the table says, and gone.
async fn check_metrics(
    row: &Row,
    seen: &Seen,
    server: &Program,
    mut expected: BTreeMap<String, u64>,
    what: &str,
) {
    let label = match (&row.counted_as[..], seen.sent_code) {
        ("", _) => None,
        ("same code", code) => Some(code.unwrap().to_string()),
        (label, _) => Some(label.to_owned()),
    };
    if let Some(label) = label {
        *expected
            .get_mut(&label)
            .unwrap_or_else(|| panic!("no metric: {what}")) += 1;
    }
    until(
        &format!("the end is counted as documented: {what}"),
        async || closes(server).await == expected,
    )
    .await;
    until("the connection is gone", async || {
        server.metric("tickcast_connections{").await == 0
    })
    .await;
}

/// The counters of closed connections, by their label.
async fn closes(server: &Program) -> BTreeMap<String, u64> {
    let metrics = get(server.metrics_address(), "/metrics").await.body;
    let rows = metrics.lines().filter_map(|line| {
        let row = line.strip_prefix("tickcast_closes_total{code=\"")?;
        let (label, count) = row.split_once("\"} ").unwrap();
        Some((label.to_owned(), count.parse().unwrap()))
    });
    rows.collect()
}
