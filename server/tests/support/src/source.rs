//! A publisher of the truth.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tickcast_protocol::{
    client::Connection,
    codec::Encoding,
    message::{ClientMessage, Position, Publish, ServerMessage},
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use crate::{
    subscriber::connect,
    truth::{BULK, Truth},
    waiting::soon,
};

/// Time between two publishes.
pub const INTERVAL: Duration = Duration::from_millis(10);

/// Bulk values in one publish.
const BULK_PER_PUBLISH: u64 = 20;

/// A task that publishes the truth, a fixed number of updates per [`INTERVAL`].
#[derive(Debug)]
pub struct Source {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Position>,
}

impl Source {
    /// Starts it on a new server, and returns once the bulk values are published. With `is_mortal`
    /// the server may exit before the source is stopped.
    pub async fn start(
        truth: &Arc<Truth>,
        address: SocketAddr,
        is_mortal: bool,
        per_interval: u64,
        life: u64,
    ) -> Self {
        let mut connection = connect(&format!("ws://{address}/ws"), Encoding::Bincode).await;
        for first in (1..=BULK).step_by(BULK_PER_PUBLISH as usize) {
            publish(&mut connection, truth, first, BULK_PER_PUBLISH, life)
                .await
                .expect("it is a new server");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, truth) = (Arc::clone(&stop), Arc::clone(truth));
        let task = tokio::spawn(async move {
            let (mut next, mut due) = (BULK + 1, Instant::now());
            while !stopped.load(Ordering::Relaxed) {
                let published = publish(&mut connection, &truth, next, per_interval, life).await;
                if published.is_none() {
                    assert!(is_mortal, "the publisher lost its server");
                    break;
                }
                next += per_interval;
                due += INTERVAL;
                sleep_until(due).await;
            }
            next - 1
        });
        Self { stop, task }
    }

    /// Stops it, and returns the position of the last update.
    pub async fn stop(self) -> Position {
        self.stop.store(true, Ordering::Relaxed);
        let stopped = soon("the publisher stops", self.task).await;
        stopped.expect("the panic above says why")
    }
}

/// Returns `None` if the server is gone.
async fn publish(
    connection: &mut Connection,
    truth: &Truth,
    first: Position,
    count: u64,
    life: u64,
) -> Option<()> {
    let message = ClientMessage::Publish(Publish {
        id: Some(1),
        updates: truth.publish(first, count, life),
    });
    connection.send(&message).await.ok()?;
    loop {
        match soon("a publish", connection.next()).await.ok()? {
            ServerMessage::Published(published) => {
                let last = first + count - 1;
                assert_eq!(published.position, last, "another publisher");
                return Some(());
            }
            ServerMessage::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
}
