//! Each long-lived task panics: it is counted, `/readyz` names it, and it is started again, or the
//! server has failed.

use std::{net::SocketAddr, time::Duration};

use tickcast_protocol::{codec::Encoding, message::Mode};
use tickcast_server::{
    Failure, Server,
    config::{self, Command},
    testing::{panic_in, tasks},
};
use tickcast_server_testkit::{
    DEADLINE, STEP,
    subscriber::{Publisher, Subscriber, number},
    until,
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::bare::reply;

fn start(flags: &[&str]) -> Server {
    let defaults = [
        "tickcast-server",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--shards",
        "2",
        "--drain",
        "0s",
    ];
    let flags = defaults.iter().chain(flags).map(Into::into);
    match config::load(flags, []).unwrap() {
        Command::Run(settings) => Server::start(*settings).unwrap(),
        Command::Print(text) => panic!("{text}"),
    }
}

async fn shut_down(server: Server) {
    let down = spawn_blocking(move || server.shutdown());
    timeout(DEADLINE, down).await.unwrap().unwrap();
}

fn failures(server: &Server, task: &str) -> u64 {
    let mut tasks = server.metrics().tasks.iter();
    tasks
        .find(|known| known.name == task)
        .unwrap()
        .failures
        .get()
}

/// Gives every task something to do: connections to both addresses, and questions of operators.
async fn poke(server: &Server) {
    let addresses = [
        server.address(),
        server.address(),
        server.admin_address().unwrap(),
    ];
    let asks = addresses.map(|address| async move {
        let path = "/v1/slow?limit=1";
        // A task that has panicked does not answer.
        let _ = timeout(Duration::from_millis(100), reply(address, path)).await;
    });
    let [one, two, three] = asks;
    tokio::join!(one, two, three);
}

/// Makes a task panic. Returns when that is counted.
async fn fail(server: &Server, task: &str) {
    panic_in(server, task);
    until("the panic is counted", async || {
        poke(server).await;
        failures(server, task) == 1
    })
    .await;
}

async fn until_status(address: SocketAddr, path: &str, status: u16, named: &str) {
    until(named, async || {
        let reply = timeout(Duration::from_millis(200), reply(address, path)).await;
        matches!(reply, Ok(Some((is, body))) if is == status && body.contains(named))
    })
    .await;
}

async fn updates_arrive(server: &Server) {
    let url = format!("ws://{}/ws", server.address());
    let mut subscriber = Subscriber::start(&url, Encoding::Bincode, "try", Mode::Every).await;
    let mut publisher = Publisher::start(&url).await;
    publisher.readings("try", [7]).await;
    let updates = subscriber.take(1).await;
    assert_eq!(number(&updates[0]), 7.0);
}

#[tokio::test]
async fn an_accept_loop_and_the_admin_address_are_started_again() {
    let server = start(&["--feed", "none"]);
    let (address, admin) = (server.address(), server.admin_address().unwrap());
    for (task, health) in [
        ("listener-0", admin),
        ("listener-1", admin),
        ("listener-admin", address),
    ] {
        panic_in(&server, task);
        until_counted_and_named(&server, task, health).await;
        until_status(health, "/readyz", 200, "ready").await;
        assert_eq!(failures(&server, task), 1);
        updates_arrive(&server).await;
        until_status(admin, "/healthz", 200, "ok").await;
    }
    shut_down(server).await;
}

async fn until_counted_and_named(server: &Server, task: &str, health: SocketAddr) {
    let poking = async {
        loop {
            poke(server).await;
            sleep(STEP).await;
        }
    };
    tokio::select! {
        () = poking => {}
        () = until_status(health, "/readyz", 503, task) => {}
    }
    let (status, body) = reply(health, "/metrics").await.unwrap_or_default();
    if status == 200 {
        let row = format!("tickcast_task_failures_total{{task=\"{task}\"}} 1");
        assert!(body.contains(&row), "{body}");
    }
}

#[tokio::test]
async fn a_feed_is_started_again_and_its_topics_are_down_meanwhile() {
    let server = start(&["--feed", "simulated", "--sim-rate", "2000"]);
    let admin = server.admin_address().unwrap();
    let metrics = async || reply(admin, "/metrics").await.unwrap().1;
    let state = |is: &str| {
        format!("tickcast_feed_state{{feed=\"simulated\",kind=\"simulated\",state=\"{is}\"}} 1")
    };
    let live = "tickcast_topic_statuses{status=\"live\"} 0\n";
    until("updates come", async || !metrics().await.contains(live)).await;
    panic_in(&server, "feed-simulated");
    until_status(admin, "/readyz", 503, "feed-simulated").await;
    until("the feed and its topics are down", async || {
        let metrics = metrics().await;
        metrics.contains(&state("down")) && metrics.contains(live)
    })
    .await;
    until("they are back", async || {
        let metrics = metrics().await;
        metrics.contains(&state("up")) && !metrics.contains(live)
    })
    .await;
    until_status(admin, "/readyz", 200, "ready").await;
    assert_eq!(failures(&server, "feed-simulated"), 1);
    shut_down(server).await;
}

#[tokio::test]
async fn the_connection_that_panics_is_the_only_one_that_ends() {
    let server = start(&["--feed", "none"]);
    fail(&server, "connections").await;
    until_status(server.address(), "/readyz", 200, "ready").await;
    updates_arrive(&server).await;
    shut_down(server).await;
}

async fn failure(server: &Server) -> Failure {
    timeout(DEADLINE, server.failed()).await.unwrap()
}

#[tokio::test]
async fn a_shard_that_fails_is_a_failure_of_the_server_and_the_others_serve() {
    for (task, shard) in [
        ("shard-0", "shard-0"),
        ("shard-1", "shard-1"),
        ("timers-0", "shard-0"),
        ("operators-1", "shard-1"),
    ] {
        let server = start(&["--feed", "simulated", "--tape", "1MiB"]);
        let admin = server.admin_address().unwrap();
        fail(&server, task).await;
        assert_eq!(failure(&server).await.task, task);
        for path in ["/readyz", "/healthz"] {
            until_status(admin, path, 503, shard).await;
        }
        assert_eq!(failures(&server, shard), 1);
        // Some times as much as the tape: no shard waits for the one that has failed.
        let position = server.metrics().ingest.position.get();
        let waits = server.metrics().ingest.waits.get();
        until("updates come", async || {
            server.metrics().ingest.position.get() > position + 100
        })
        .await;
        updates_arrive(&server).await;
        assert_eq!(server.metrics().ingest.waits.get(), waits);
        shut_down(server).await;
    }
}

#[tokio::test]
async fn a_sequencer_or_admin_thread_that_fails_is_a_failure_of_the_server_which_still_drains() {
    for task in ["ingest", "admin"] {
        let server = start(&["--feed", "simulated"]);
        fail(&server, task).await;
        let failure = failure(&server).await;
        let expected = format!("{task} has failed: panic: a test ordered it");
        assert_eq!(failure.to_string(), expected);
        let admin = server.admin_address().filter(|_| task != "admin");
        for address in admin.into_iter().chain([server.address()]) {
            until_status(address, "/readyz", 503, task).await;
            until_status(address, "/healthz", 503, task).await;
        }
        shut_down(server).await;
    }
}

#[tokio::test]
async fn every_task_is_tried_by_a_test() {
    let server = start(&["--feed", "simulated"]);
    let expected = [
        "listener-0",
        "listener-1",
        "connections",
        "ingest",
        "feed-simulated",
        "timers-0",
        "operators-0",
        "shard-0",
        "timers-1",
        "operators-1",
        "shard-1",
        "admin",
        "listener-admin",
    ];
    assert_eq!(tasks(&server), expected);
    shut_down(server).await;
}
