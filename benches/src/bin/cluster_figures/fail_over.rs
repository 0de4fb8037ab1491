//! Clients whose node is killed: how long they wait for their next update.

use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Event},
    codec::Encoding,
    message::{Mode, Publication, TimeNs},
    topic::Filter,
    value::Value,
};
use tokio::{
    runtime::Builder,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::nodes::Cluster;

/// Time between two updates of the publisher.
const PUBLISH_EVERY: Duration = Duration::from_millis(2);

/// Time before the kill, for everything to run.
const SETTLE: Duration = Duration::from_secs(2);

/// Longest wait for the next update.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Seconds until the next update of a client whose node is killed, while another client publishes
/// at the other node.
pub(crate) fn of_client() -> anyhow::Result<f64> {
    on_runtime(async {
        let mut cluster = Cluster::start(2)?;
        let urls: Vec<_> = cluster.urls().collect();
        let [first, second] = &urls[..] else {
            bail!("two nodes");
        };
        let mut subscriber = subscriber(first, vec![second.clone()])?;
        let (mut publisher, handle) = client(second, Vec::new());
        let publishing = async {
            let mut due = interval(PUBLISH_EVERY);
            due.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = publisher.next() => {}
                    _ = due.tick() => publish(&handle)?,
                }
            }
        };
        tokio::select! {
            silence = silence_after(&mut subscriber, || drop(cluster.nodes.remove(0))) => silence,
            ended = publishing => ended,
        }
    })
}

/// Seconds until the next update of a client, after the node was killed that runs the feed. The
/// client is at another node.
pub(crate) fn of_feed() -> anyhow::Result<f64> {
    on_runtime(async {
        let mut cluster = Cluster::with_feed(2, "simulated")?;
        let urls: Vec<_> = cluster.urls().collect();
        // The first node has the feed: it was alone when it came.
        let mut subscriber = subscriber(urls.last().context("two nodes")?, Vec::new())?;
        silence_after(&mut subscriber, || drop(cluster.nodes.remove(0))).await
    })
}

fn on_runtime(run: impl Future<Output = anyhow::Result<f64>>) -> anyhow::Result<f64> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run)
}

fn client(url: &str, others: Vec<String>) -> (Client, ClientHandle) {
    let mut options = ClientOptions::new(ConnectOptions::new(url, Encoding::Bincode));
    options.others = others;
    Client::new(options)
}

fn subscriber(url: &str, others: Vec<String>) -> anyhow::Result<Client> {
    let (client, handle) = client(url, others);
    handle.subscribe([Filter::new("#")?], Mode::Every, None)?;
    Ok(client)
}

/// What comes before the publisher is connected is not published.
fn publish(handle: &ClientHandle) -> anyhow::Result<()> {
    handle.publish(vec![Publication {
        topic: "cluster/figures".to_owned(),
        value: Value::Reading(1.0),
        source_time_ns: None,
    }])?;
    Ok(())
}

/// Lets updates flow for a while, kills a node, and waits for an update that came after that.
async fn silence_after(client: &mut Client, kill: impl FnOnce()) -> anyhow::Result<f64> {
    next_update(client, 0).await?;
    let settled = Instant::now() + SETTLE;
    while Instant::now() < settled {
        next_update(client, 0).await?;
    }
    kill();
    let killed = Instant::now();
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    next_update(client, since_1970.as_nanos() as TimeNs).await?;
    Ok(killed.elapsed().as_secs_f64())
}

/// Waits for an update that was ingested after a time.
async fn next_update(client: &mut Client, after: TimeNs) -> anyhow::Result<()> {
    let wanted = async {
        loop {
            match client.next().await {
                Event::Batch(batch) => {
                    let mut updates = batch.updates.iter();
                    if updates.any(|update| update.ingest_time_ns > after) {
                        return Ok(());
                    }
                }
                Event::Gap { lost, .. } => bail!("{lost:?} updates were lost"),
                _ => {}
            }
        }
    };
    timeout(WAIT_MAX, wanted).await.context("no update came")?
}
