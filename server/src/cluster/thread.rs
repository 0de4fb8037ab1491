//! The ingest thread of a node.

use std::{collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use tickcast_cluster::{Event, Known, MEMBERS_MAX, MemberId, Node, Offered, Read};
use tickcast_core::{
    sequencer::NewTopics,
    tape::{AckResult, StripBuilder},
    work::{Ack, Unpublished, Work},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::spawn_local,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    checkpoint_due::CheckpointDue,
    feeds::{NodeFeeds, StartFeed},
    link::{Incoming, Link, POLL_EVERY},
    opening::{OUTVOTED, refused},
    orders::{NodeOrders, Obey, OrderQueue},
    status::ClusterStatus,
};
use crate::{
    clock::Clock,
    ingest::{Arrival, Handoff, Lost, WORK_AT_ONCE, Way, count},
    metrics::Metrics,
};

/// How often operators are told what is new.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Maximum time at the end to write what was accepted, and to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The server must begin anew.
#[derive(Debug, Clone)]
pub(crate) struct Outdated {
    /// Why.
    pub(crate) reason: String,
    /// What the node has read.
    pub(crate) known: Option<Known>,
}

/// Everything that the thread needs, except the feeds.
pub(crate) struct ClusterThread {
    pub(crate) node: Node,
    pub(crate) link: Link,
    pub(crate) status: Arc<ClusterStatus>,
    pub(crate) clock: Clock,
    pub(crate) submissions: mpsc::Receiver<Arrival>,
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) way: Way,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) new_topics: NewTopics,
    /// Set when the server must begin anew.
    pub(crate) outdated: watch::Sender<Option<Outdated>>,
    /// The feeds that the node has at the start.
    pub(crate) feeds: Vec<u16>,
    pub(crate) checkpoint_due: CheckpointDue,
    /// Orders of operators at this node.
    pub(crate) orders: OrderQueue,
}

impl ClusterThread {
    /// Runs until all work handed over before the end is in the stream and was read. `ended`
    /// completes when the server ends.
    pub(crate) async fn run(
        self,
        start_feed: StartFeed,
        obey: Obey,
        ended: impl Future<Output = ()> + 'static,
    ) -> Result<(), String> {
        let Self {
            node,
            link,
            status,
            clock,
            submissions,
            handoff,
            way,
            metrics,
            new_topics,
            outdated,
            feeds: own,
            checkpoint_due,
            orders,
        } = self;
        let mut feeds = NodeFeeds::new(Arc::clone(&metrics), start_feed);
        for feed in own {
            feeds.set(feed, true);
        }
        let running = Running {
            lost: Lost::new(&metrics),
            node,
            link,
            status,
            clock,
            handoff,
            way: &way,
            metrics,
            new_topics,
            outdated,
            feeds,
            disagrees: BTreeSet::new(),
            tell_at: None,
            refused_new_topics: 0,
            checkpoint_due,
            orders: NodeOrders::new(orders, obey),
        };
        let result = running.run(submissions, ended).await;
        way.end();
        result
    }
}

struct Running<'a> {
    node: Node,
    link: Link,
    status: Arc<ClusterStatus>,
    clock: Clock,
    lost: Lost,
    handoff: Arc<Handoff>,
    way: &'a Way,
    metrics: Arc<Metrics>,
    new_topics: NewTopics,
    outdated: watch::Sender<Option<Outdated>>,
    feeds: NodeFeeds,
    /// Members that did not agree, of which operators were told.
    disagrees: BTreeSet<MemberId>,
    /// When operators are told what is new; at once if it is not set.
    tell_at: Option<Instant>,
    /// Updates refused because clients of this node introduced topics too fast.
    refused_new_topics: u64,
    checkpoint_due: CheckpointDue,
    orders: NodeOrders,
}

impl Running<'_> {
    async fn run(
        mut self,
        mut queue: mpsc::Receiver<Arrival>,
        ended: impl Future<Output = ()> + 'static,
    ) -> Result<(), String> {
        let mut arrivals = Vec::with_capacity(WORK_AT_ONCE);
        let mut ticks = interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = Box::pin(ended);
        let feeds_ended = Rc::new(Notify::new());
        let (mut is_ending, mut is_drained, mut leave_until) = (false, false, None);
        self.count();
        loop {
            let has_room = !is_drained && self.node.has_room();
            tokio::select! {
                () = &mut ended, if !is_ending => {
                    is_ending = true;
                    let (all, notify) = (self.feeds.stop_all(), Rc::clone(&feeds_ended));
                    spawn_local(async move {
                        all.await;
                        notify.notify_one();
                    });
                }
                // The queue accepts no more work; the rest is still written.
                () = feeds_ended.notified() => {
                    queue.close();
                    leave_until = Some(Instant::now() + LEAVE_TIMEOUT);
                    if self.outdated.borrow().is_some() {
                        return self.give_up(queue);
                    }
                }
                incoming = self.link.incoming.recv() => match incoming {
                    Some(incoming) => self.take(incoming).await,
                    None if is_ending => return self.give_up(queue),
                    None => return Err("the stream's thread has ended".to_owned()),
                },
                taken = queue.recv_many(&mut arrivals, WORK_AT_ONCE), if has_room => {
                    if taken == 0 {
                        is_drained = true;
                        self.node.leave();
                    }
                    self.tell_lost();
                    for arrival in arrivals.drain(..) {
                        self.offer(arrival).await;
                    }
                }
                asked = self.orders.next() => self.orders.offer(asked, &mut self.node),
                _ = ticks.tick() => {
                    self.node.poll(self.clock.now().uptime);
                    // The counters may also change without a strip.
                    self.count();
                    self.status.count(&self.node);
                    self.tell();
                }
                () = until(leave_until) => return self.give_up(queue),
            }
            self.link.write(&mut self.node, self.clock.now().uptime);
            if is_drained && self.node.has_left() {
                return Ok(());
            }
        }
    }

    /// What could not be written in time is lost, and counted.
    fn give_up(&self, mut queue: mpsc::Receiver<Arrival>) -> Result<(), String> {
        let mut waiting = self.node.waiting();
        while let Ok(arrival) = queue.try_recv() {
            if let Work::Updates(submission) = arrival.work {
                waiting += submission.updates.len() as u64;
            }
        }
        if waiting > 0 {
            self.status.stats.dropped.add(waiting);
            tracing::warn!(
                updates = waiting,
                "the stream is not reached at the end: updates are lost"
            );
        }
        Ok(())
    }

    /// Takes what comes from the stream.
    async fn take(&mut self, incoming: Incoming) {
        let now = self.clock.now().uptime;
        match incoming {
            Incoming::Message { message, is_last } => {
                self.checkpoint_due.read(message.bytes.len());
                match self.node.read(message.delivered(), now) {
                    Ok(Read { strips, events }) => {
                        for strip in strips {
                            self.metrics.ingest.strips.add(1);
                            // Counting comes before the handoff, as without a cluster.
                            self.count();
                            self.way.push(strip).await;
                        }
                        for event in events {
                            self.note(event).await;
                        }
                    }
                    Err(error) => self.begin_anew(error.to_string()),
                }
                if is_last {
                    self.at_end(now);
                }
            }
            Incoming::AtEnd => self.at_end(now),
            Incoming::Moved => self.node.moved(),
            Incoming::Other(reason) => self.begin_anew(reason),
            Incoming::Begins(..) | Incoming::Failed(_) => {}
        }
    }

    fn at_end(&mut self, now: Duration) {
        self.node.at_end(now);
        self.keep_checkpoint();
    }

    async fn note(&mut self, event: Event) {
        let stats = &self.status.stats;
        match event {
            Event::Joined => tracing::info!("this server is a node of the cluster again"),
            Event::Expelled { dropped } => {
                stats.expelled.add(1);
                stats.dropped.add(dropped);
                tracing::warn!(
                    dropped,
                    "the other nodes took this one for dead; it comes back as another member"
                );
                for feed in 0..self.metrics.feeds.len() {
                    self.feeds.set(feed as u16, false);
                }
            }
            Event::Refused(refusal) => {
                tracing::error!("this node is not let in: {}", refused(refusal));
            }
            Event::Began(lineage) => {
                self.begin_anew(format!("the epoch {} has begun", lineage.epoch));
            }
            Event::Runs { feed, is_own } => self.feeds.set(feed, is_own),
            Event::Ordered { order, is_own } => {
                stats.orders.add(1);
                self.orders.note(order, is_own).await;
            }
            Event::Disagrees(member) => {
                stats.disagreements.add(1);
                // It needs a state to begin with, for what it has read is not what happened.
                self.checkpoint_due.want();
                if self.disagrees.len() >= MEMBERS_MAX {
                    self.disagrees.clear();
                }
                if self.disagrees.insert(member) {
                    tracing::warn!(
                        %member,
                        "a node has read another stream, or has made something else of it"
                    );
                }
            }
            Event::Outvoted => self.begin_anew(OUTVOTED.to_owned()),
        }
        self.tell_at = None;
    }

    /// Writes what operators are told, from time to time.
    fn tell(&mut self) {
        let now = Instant::now();
        if self.tell_at.is_none_or(|at| at <= now) {
            self.tell_at = Some(now + TELL_EVERY);
            self.status.tell(&self.node);
        }
    }

    fn begin_anew(&self, reason: String) {
        self.outdated.send_if_modified(|outdated| {
            let is_first = outdated.is_none();
            outdated.get_or_insert_with(|| Outdated {
                reason,
                known: self.node.known(),
            });
            is_first
        });
    }

    /// Keeps a checkpoint if it is time, and this node is the one to do so.
    fn keep_checkpoint(&mut self) {
        let now = self.clock.now().uptime;
        // What a node alone has made of the stream is no state for others to begin with.
        if !self.node.agrees_with_most(now) || !self.checkpoint_due.is_due(now) {
            return;
        }
        let mut members = self.node.replica().book().members().iter();
        let is_oldest = members.next().is_some_and(|one| one.id == self.node.id());
        if is_oldest && let Ok(place) = self.link.checkpoints.try_reserve() {
            place.send(self.node.replica().checkpoint());
        }
    }

    /// Tells the cluster which feeds have lost updates.
    fn tell_lost(&mut self) {
        let (node, now) = (&mut self.node, self.clock.now());
        self.lost.tell(&self.metrics, now, |feed, since| {
            node.offer_lost(feed, since);
        });
    }

    async fn offer(&mut self, Arrival { at, work }: Arrival) {
        let (mut ack, mut feed) = (None, None);
        if let Work::Updates(submission) = &work {
            (ack, feed) = (submission.ack, submission.feed);
            if feed.is_none()
                && let Some(ack) = ack
            {
                let unknown = self.node.replica().sequencer();
                let unknown = unknown.unknown_topics(&submission.updates);
                if let Err(retry_after_ms) = self.new_topics.take(ack, unknown, at.uptime) {
                    let reason = Unpublished::TooManyNewTopics { retry_after_ms };
                    self.refused_new_topics += submission.updates.len() as u64;
                    return self.refuse(ack, reason).await;
                }
            }
        }
        match self.node.offer(work) {
            Offered::Taken => {}
            Offered::Question(question) => {
                let answer = self.node.answer(*question);
                self.way.answer(answer).await;
            }
            Offered::TooLong { updates } => {
                self.status.stats.too_long.add(updates);
                let feed = feed.and_then(|feed| self.metrics.feeds.get(usize::from(feed)));
                if let Some(feed) = feed {
                    feed.metrics.lost.add(updates);
                }
                if let Some(ack) = ack {
                    self.refuse(ack, Unpublished::TooLong).await;
                }
            }
        }
    }

    /// Answers a client at this node, without the stream.
    async fn refuse(&self, ack: Ack, reason: Unpublished) {
        let mut strip = StripBuilder::new(self.node.replica().position() + 1);
        strip.acknowledge(AckResult {
            ack,
            result: Err(reason),
        });
        self.way.push(Arc::new(strip.build())).await;
    }

    fn count(&self) {
        count(
            &self.metrics,
            self.node.replica().sequencer(),
            &self.handoff,
        );
        let refused = &self.metrics.ingest.refused_new_topics;
        refused.set(self.refused_new_topics);
    }
}

/// Completes at an instant; never without one.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
