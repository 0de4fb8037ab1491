//! A client that does nothing wrong, and must not notice the clients that do.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use tickcast_protocol::{codec::Encoding, message::Mode};
use tokio::time::sleep;

use crate::{
    program::Program,
    subscriber::{Publisher, Subscriber, number},
    waiting::STEP,
};

/// A publisher and a subscriber of the same topic.
#[derive(Debug)]
pub struct Bystander {
    publisher: Publisher,
    subscriber: Subscriber,
    last: u32,
    /// The longest time from publishing to receiving.
    pub slowest: Duration,
}

impl Bystander {
    /// Connects both.
    pub async fn start(server: &Program) -> Self {
        let url = server.url();
        Self {
            publisher: Publisher::start(&url).await,
            subscriber: Subscriber::start(&url, Encoding::Bincode, "#", Mode::Every).await,
            last: 0,
            slowest: Duration::ZERO,
        }
    }

    /// Publishes a value, and receives it.
    pub async fn is_served(&mut self) {
        let start = Instant::now();
        self.last += 1;
        self.publisher.readings("bystander", [self.last]).await;
        let updates = self.subscriber.take(1).await;
        assert_eq!(number(&updates[0]), f64::from(self.last));
        self.slowest = self.slowest.max(start.elapsed());
    }

    /// Does so repeatedly during `attack`, and once more after it.
    pub async fn is_served_during<T>(&mut self, attack: impl Future<Output = T>) -> T {
        let is_over = Cell::new(false);
        let attack = async {
            let result = attack.await;
            is_over.set(true);
            result
        };
        let serving = async {
            while !is_over.get() {
                self.is_served().await;
                sleep(STEP).await;
            }
            self.is_served().await;
        };
        tokio::join!(attack, serving).0
    }
}
