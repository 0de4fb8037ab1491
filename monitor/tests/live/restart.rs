//! A server with a log on disk that is killed while a monitor looks on.

use std::path::Path;

use tickcast_protocol::message::TimeNs;
use tickcast_server_testkit::{Boot, Program, copy_folder};

use super::*;

const OTHER: &str = "plant/line-2/temperature";

/// From when on no sample is missing, and when the first one came.
fn complete(monitor: &Monitor) -> Option<(TimeNs, TimeNs)> {
    let topic = monitor.store().topic_named(TOPIC)?;
    let series = topic.series.as_ref()?;
    Some((topic.complete_from_ns()?, series.time(series.start())))
}

fn is_connected(monitor: &Monitor) -> bool {
    matches!(monitor.connection(), ConnectionState::Connected { .. })
}

#[track_caller]
fn check_complete(listening: &mut Listening, count: usize) {
    listening.until("all updates come", |monitor| values(monitor).len() == count);
    listening.until("none is missing from the first one on", |monitor| {
        complete(monitor).is_some_and(|(from_ns, first_ns)| from_ns == first_ns)
    });
}

/// A monitor that charts a topic before it has come, and the server's first 40 updates of it.
fn charting(address: SocketAddr) -> Listening {
    let mut listening = Listening::at(address);
    listening.chart();
    listening.until("the server says that it has no history", |monitor| {
        let topic = monitor.store().topic_named(TOPIC);
        topic.is_some_and(|topic| topic.past() == PastHistory::Complete)
    });
    publish_at(address, TOPIC, 40, reading);
    check_complete(&mut listening, 40);
    listening
}

fn reading(number: usize) -> Value {
    Value::Reading(number as f64)
}

fn arguments(data: &Path) -> [&str; 4] {
    ["--feed", "none", "--data", data.to_str().unwrap()]
}

#[test]
fn a_chart_keeps_its_updates_when_a_server_with_a_log_is_killed_and_started_again() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(folder.path());
    let program = runtime.block_on(Program::start(&arguments));
    let address = program.address;
    let mut listening = charting(address);
    runtime.block_on(program.kill());
    listening.until("the connection is lost", |monitor| !is_connected(monitor));
    let at = address.to_string();
    let _program = runtime.block_on(Program::start_at(&at, &arguments));
    listening.until("it is connected again", is_connected);
    publish_at(address, TOPIC, 3, reading);
    check_complete(&mut listening, 43);
    assert_eq!(listening.monitor.store().totals().lost, 0);
}

#[test]
fn a_chart_keeps_its_updates_when_a_power_cut_loses_those_of_another_topic() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (log, earlier) = (folder.path().join("log"), folder.path().join("earlier"));
    let program = runtime.block_on(Program::start(&arguments(&log)));
    let address = program.address;
    let mut listening = charting(address);
    copy_folder(&log, &earlier);
    publish_at(address, OTHER, 3, reading);
    listening.until("the other topic comes", |monitor| {
        let other = monitor.store().topic_named(OTHER);
        other.is_some_and(|topic| topic.seq == 3)
    });
    runtime.block_on(program.kill());
    listening.until("the connection is lost", |monitor| !is_connected(monitor));
    // The files are as they were, in the same folder.
    for entry in std::fs::read_dir(&earlier).unwrap() {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        std::fs::write(log.join(entry.file_name()), bytes).unwrap();
    }
    let _program = runtime.block_on(async {
        let boot = Boot::another().await;
        Program::start_in(&boot, &address.to_string(), &arguments(&log)).await
    });
    listening.until("it tells of the loss", |monitor| {
        monitor.store().totals().restarts == 1
    });
    check_complete(&mut listening, 40);
    publish_at(address, TOPIC, 3, reading);
    check_complete(&mut listening, 43);
}
