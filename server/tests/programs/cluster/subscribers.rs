//! Subscribers of every kind, and what is published for them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tickcast_protocol::{
    codec::Encoding,
    message::{Lineage, Mode},
};
use tokio::task::JoinHandle;

use super::nodes::{Cluster, once_whole};
use crate::ledger::{Ledger, Subscriber, publish, publish_last};

/// Updates that are acknowledged between two faults, at the least.
pub(crate) const UPDATES_OF_ROUND: usize = 4_000;

/// How a subscriber is connected, and at which nodes in turn.
#[derive(Clone)]
enum Way {
    Socket(Vec<String>, Encoding),
    Events(Vec<String>),
}

impl Way {
    fn run(&self, subscriber: Subscriber) -> JoinHandle<Subscriber> {
        match self.clone() {
            Self::Socket(urls, encoding) => tokio::spawn(subscriber.run(urls, encoding)),
            Self::Events(addresses) => tokio::spawn(subscriber.run_as_events(addresses)),
        }
    }
}

/// Twelve subscribers that go from node to node, each of which begins at another one, and more that
/// stay.
pub(crate) struct Subscribers {
    pub(crate) ledger: Arc<Ledger>,
    tasks: Vec<(Way, JoinHandle<Subscriber>)>,
}

impl Subscribers {
    pub(crate) async fn start(cluster: &Cluster) -> Self {
        let ledger = Arc::new(Ledger::default());
        let subscribers = roaming(&ledger, cluster);
        Self::begin(ledger, subscribers).await
    }

    /// The same with less patience, and with one more at each node that stays there, also while the
    /// node is away.
    pub(crate) async fn start_with_some_that_stay(cluster: &Cluster, patience: Duration) -> Self {
        Self::all(Arc::new(Ledger::default()), cluster, patience).await
    }

    /// Ends all without a comparison, and starts others from here on.
    pub(crate) async fn start_others(self, cluster: &Cluster, patience: Duration) -> Self {
        let ledger = Arc::new(self.ledger.next());
        self.tasks.iter().for_each(|(_, task)| task.abort());
        Self::all(ledger, cluster, patience).await
    }

    async fn all(ledger: Arc<Ledger>, cluster: &Cluster, patience: Duration) -> Self {
        let roaming = roaming(&ledger, cluster).into_iter();
        let encodings = [Encoding::Bincode, Encoding::Json].into_iter().cycle();
        let staying = cluster.urls().into_iter().zip(encodings);
        let staying = staying.map(|(url, encoding)| {
            let subscriber = Subscriber::new(&ledger, "#", Mode::Every);
            (Way::Socket(vec![url], encoding), subscriber)
        });
        let all = roaming.chain(staying);
        let all = all.map(|(way, subscriber)| (way, subscriber.among_faults(patience)));
        let all = all.collect();
        Self::begin(ledger, all).await
    }

    async fn begin(ledger: Arc<Ledger>, subscribers: Vec<(Way, Subscriber)>) -> Self {
        let all = subscribers.len();
        let run = |(way, subscriber): (Way, Subscriber)| {
            let task = way.run(subscriber);
            (way, task)
        };
        let tasks = subscribers.into_iter().map(run).collect();
        once_whole("all have begun", async || {
            ledger.accepted.load(Ordering::Relaxed) == all
        })
        .await;
        ledger.begin();
        Self { ledger, tasks }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Publishes at a node in the background, until some more are acknowledged.
    pub(crate) async fn publish_some(&self, url: &str) -> JoinHandle<()> {
        let (url, ledger) = (url.to_owned(), Arc::clone(&self.ledger));
        let publishing = tokio::spawn(async move { publish(&url, &ledger).await });
        self.until_acked(UPDATES_OF_ROUND).await;
        publishing
    }

    /// Ends a publisher once all it has sent is acknowledged: what comes from another node later is
    /// then later in the stream.
    pub(crate) async fn pause(&self, publishing: JoinHandle<()>) {
        self.ledger.is_pausing.store(true, Ordering::Relaxed);
        publishing.await.unwrap();
        self.ledger.is_pausing.store(false, Ordering::Relaxed);
    }

    /// Waits until this many more are acknowledged.
    pub(crate) async fn until_acked(&self, more: usize) {
        let wanted = self.ledger.acked() + more;
        once_whole("updates are acknowledged", async || {
            self.ledger.acked() >= wanted
        })
        .await;
    }

    /// Ends all, and compares. Returns how many acknowledged updates are lost.
    pub(crate) async fn end(mut self, url: &str, lineage: &Lineage) -> usize {
        let (lost, _) = self.compare(url, lineage).await;
        lost
    }

    /// Compares what all have once it is quiet, and lets them go on from there.
    pub(crate) async fn go_on(&mut self, url: &str, lineage: &Lineage) -> Compared {
        let (lost, mut ended) = self.compare(url, lineage).await;
        let mut subscribers: Vec<_> = ended.iter_mut().map(|(_, subscriber)| subscriber).collect();
        let (updates, feed_silence) = self.ledger.forget(&mut subscribers);
        for (way, subscriber) in ended {
            let task = way.run(subscriber);
            self.tasks.push((way, task));
        }
        Compared {
            updates,
            feed_silence,
            lost,
        }
    }

    async fn compare(&mut self, url: &str, lineage: &Lineage) -> (usize, Vec<(Way, Subscriber)>) {
        publish_last(url, &self.ledger).await;
        let mut ended = Vec::new();
        for (way, task) in self.tasks.drain(..) {
            ended.push((way, task.await.unwrap()));
        }
        let subscribers = ended.iter().map(|(_, subscriber)| subscriber);
        (self.ledger.compare(subscribers, lineage), ended)
    }
}

/// What was compared.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) updates: usize,
    /// The longest time between two updates of the feed.
    pub(crate) feed_silence: Duration,
    /// Updates that were acknowledged and that the stream has lost.
    pub(crate) lost: usize,
}

fn roaming(ledger: &Arc<Ledger>, cluster: &Cluster) -> Vec<(Way, Subscriber)> {
    let mut subscribers = Vec::new();
    let (mut urls, mut addresses) = (cluster.urls(), cluster.addresses.clone());
    for (encoding, mode, filter) in [
        (Encoding::Bincode, Mode::Every, "#"),
        (Encoding::Json, Mode::Every, "#"),
        (Encoding::Bincode, Mode::Every, "#"),
        (Encoding::Bincode, Mode::Every, "k/+"),
        (Encoding::Json, Mode::Every, "k/3"),
        (Encoding::Json, Mode::Every, "k/4"),
        (Encoding::Bincode, Mode::Latest, "#"),
        (Encoding::Json, Mode::Latest, "#"),
        (Encoding::Bincode, Mode::Latest, "k/5"),
    ] {
        let subscriber = Subscriber::new(ledger, filter, mode);
        subscribers.push((Way::Socket(urls.clone(), encoding), subscriber));
        urls.rotate_left(1);
    }
    for filter in ["#", "k/1", "k/+"] {
        let subscriber = Subscriber::new(ledger, filter, Mode::Every);
        subscribers.push((Way::Events(addresses.clone()), subscriber));
        addresses.rotate_left(1);
    }
    subscribers
}
