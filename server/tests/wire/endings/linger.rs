//! What the server does after its own end of a connection: it reads on, within bounds.

use std::time::Duration;

use tickcast_server_testkit::{Program, raw::masked};
use tokio::time::{Instant, sleep};

use super::{
    client::{Client, End, gone},
    table::Target,
};

const TARGETS: [Target; 3] = [Target::Json, Target::Bincode, Target::Echo];

async fn server() -> Program {
    Program::start(&["--feed", "none", "--shards", "1"]).await
}

#[tokio::test]
async fn a_client_that_never_ends_its_side_is_dropped_after_a_second() {
    let server = server().await;
    for target in TARGETS {
        let mut client = Client::open(&server, target).await;
        client.does_not_answer();
        client.send(&masked(0x83, b"x")).await;
        let start = Instant::now();
        assert_eq!(client.read_to_end().await.end, End::Fin);
        sleep(Duration::from_millis(500)).await;
        assert_eq!(server.metric("tickcast_connections{").await, 1);
        let after = gone(&server, start).await;
        let expected = Duration::from_millis(900)..Duration::from_millis(2_500);
        assert!(expected.contains(&after), "{after:?} on {target:?}");
    }
}

#[tokio::test]
async fn a_client_that_never_stops_sending_is_dropped_after_16_mib() {
    /// 16 MiB, and the buffers of the kernel.
    const SENT_MAX_BYTES: usize = 64 * 1024 * 1024;
    let server = server().await;
    for target in TARGETS {
        let mut client = Client::open(&server, target).await;
        client.send(&masked(0x83, b"x")).await;
        let sent = client.send_until_it_fails(SENT_MAX_BYTES).await;
        assert!(sent < SENT_MAX_BYTES, "{target:?}");
    }
}
