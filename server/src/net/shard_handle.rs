//! The handle with which the tasks of a thread call its shard, one call at a time.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    thread::panicking,
    time::Duration,
};

use hashbrown::HashMap;
use tickcast_core::{
    Now,
    identity::{Review, Standing},
    permissions::Access,
    shard::{ConnectionKey, Event, SLICE_MAX_STEPS, Shard, SlowClient, Steps},
    totals::Totals,
    wire::Wire,
    work::{Ack, HistoryQuestion, Past, Work},
};
use tickcast_protocol::{
    message::{ClientMessage, Position, TopicId},
    topic::Filter,
};
use tokio::{
    sync::{Notify, Semaphore},
    task::{AbortHandle, spawn_local, yield_now},
};

use super::{
    operator_questions::{SlowRow, WhoRow},
    outlet::Outlet,
    peer::Peer,
    questions::Questions,
};
use crate::{
    audit::AuditLog,
    auth::Auth,
    clock::Clock,
    cpu_time::IdleTime,
    data::LogReads,
    ingest::{Handoff, Ingest, NewStrips},
};

/// Answers about candles and rows for which the log is read at a time. The others wait, so that
/// clients that catch up have the thread that reads for at least as long.
const OLDER_READS_MAX: usize = 2;

/// A shard, and the state that the tasks of its thread share.
#[derive(Debug)]
pub(super) struct ShardHandle {
    /// The queue to the sequencer.
    pub(super) ingest: Ingest,
    /// The clock.
    pub(super) clock: Clock,
    /// The identities, if the server has any.
    pub(super) auth: Option<Arc<Auth>>,
    /// The audit, if there is one.
    pub(super) audit: Option<Arc<AuditLog>>,
    /// How the log on disk is read, if there is one.
    pub(super) log_reads: Option<LogReads>,
    shard: RefCell<Shard<Outlet>>,
    /// The source of strips.
    handoff: Arc<Handoff>,
    /// Wakes the shard's loop.
    wake: Arc<Notify>,
    sessions: RefCell<HashMap<ConnectionKey, Session>>,
    pub(super) questions: Questions,
    /// Answers for which the log is read at a time.
    pub(super) older_reads: Semaphore,
    /// How long the thread has had nothing to do.
    idle: IdleTime,
    /// Whether a task of the thread has panicked, so that the shard may be half changed.
    has_failed: Cell<bool>,
}

/// A client that is let in.
#[derive(Debug)]
pub(super) struct Guest {
    /// Its address.
    pub peer: Peer,
    /// The same, if the socket does not tell it.
    pub name: Option<Box<str>>,
    /// What the settings allow it.
    pub access: Access,
    /// Its identity, if the server has any.
    pub standing: Option<Standing>,
    /// What all connections of its address use together, if that is limited.
    pub address: Option<Arc<Totals>>,
}

/// The work that remains after a turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Whether the handoff had no new strips.
    pub is_idle: bool,
    /// Whether the next turn should follow at once.
    pub has_more: bool,
    /// See [`Shard::has_unsent`].
    pub has_unsent: bool,
    /// Whether a client that comes back from the log was served.
    pub has_served_log: bool,
    /// See [`Shard::next_due`].
    pub due: Option<Duration>,
    /// See [`Shard::quiet_until`].
    pub quiet_until: Option<Duration>,
}

/// The parts of a session that the shard uses.
#[derive(Debug)]
struct Session {
    outlet: Outlet,
    /// The client's address, if the socket does not tell it.
    name: Option<Box<str>>,
    broken: Rc<Notify>,
    /// Wakes the session when its request is carried out.
    ready: Rc<Notify>,
    waiter: Option<AbortHandle>,
}

impl Session {
    /// The client's address, for operators.
    fn client(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => self.outlet.client(),
        }
    }
}

impl ShardHandle {
    /// Wraps a shard, so that several tasks can share it.
    pub(super) fn new(
        shard: Shard<Outlet>,
        handoff: Arc<Handoff>,
        ingest: Ingest,
        clock: Clock,
        (auth, audit, log_reads): (Option<Arc<Auth>>, Option<Arc<AuditLog>>, Option<LogReads>),
    ) -> Rc<Self> {
        Rc::new(Self {
            ingest,
            clock,
            auth,
            audit,
            log_reads,
            wake: handoff.wake(shard.index()),
            shard: RefCell::new(shard),
            handoff,
            sessions: RefCell::default(),
            questions: Questions::default(),
            older_reads: Semaphore::new(OLDER_READS_MAX),
            idle: IdleTime::of_this_thread(),
            has_failed: Cell::new(false),
        })
    }

    /// Whether updates wait, because the log on disk cannot be written.
    pub(super) fn is_stopped(&self) -> bool {
        self.handoff.is_stopped()
    }

    /// Calls the shard, then handles the events that result.
    pub(super) fn with<T>(self: &Rc<Self>, call: impl FnOnce(&mut Shard<Outlet>, Now) -> T) -> T {
        let (result, events) = self.call(call);
        self.react(events);
        result
    }

    /// Calls the shard. The events that result have to be handled.
    fn call<T>(&self, call: impl FnOnce(&mut Shard<Outlet>, Now) -> T) -> (T, Vec<Event>) {
        let _watched = Watched::new(self);
        let mut shard = self.shard.borrow_mut();
        let due = shard.next_due();
        let result = call(&mut shard, self.clock.now());
        let events = shard.take_events();
        if shard.has_catching_up() || shard.has_work() || shard.next_due() != due {
            self.wake.notify_one();
        }
        (result, events)
    }

    fn react(self: &Rc<Self>, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Blocked(key) => self.wait_until_writable(key),
                Event::Broken(key) => self.break_off(key),
                Event::Ready(key) => self.wake_session(key),
                Event::Read { from, until } => self.read_log(from, until),
                Event::Posted(answer) => self.questions.answer_posted(answer),
            }
        }
    }

    /// Reads the log for clients that the tape has left behind. The shard goes on meanwhile.
    fn read_log(self: &Rc<Self>, from: Position, until: Position) {
        if let Some(reads) = self.log_reads.clone() {
            let shard = Rc::clone(self);
            spawn_local(async move {
                let part = reads.window(from, until).await;
                if !shard.has_failed() {
                    shard.with(|shard, now| shard.take_window(from, part, now));
                }
            });
        }
    }

    /// Records that a task of the thread has failed, and wakes the shard's loop.
    pub(super) fn fail(&self) {
        self.has_failed.set(true);
        self.wake.notify_one();
    }

    /// Whether a task of the thread has failed. The shard must not be used any more.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    /// Runs a turn: applies new strips up to a limit, writes to some of the connections that wait,
    /// goes on with requests, and lets clients catch up after a round.
    pub(super) fn turn(self: &Rc<Self>) -> Turn {
        self.with(|shard, now| {
            // New strips wait in the handoff, where they push back on feeds.
            let mut new = match shard.is_applying() {
                true => NewStrips::default(),
                false => self.handoff.take(shard.index()),
            };
            let is_idle = new.strips.is_empty() && !shard.is_applying();
            shard.turn(&new.strips, now);
            self.questions.take(&mut new.answers);
            self.deepen_some(shard, &mut new.answers);
            shard.answer_history(new.answers);
            let has_work = shard.work(now);
            let is_over = shard.is_round_over();
            let has_served_log = is_over && shard.is_log_due(now);
            let is_behind = is_over && self.catch_up(shard, has_served_log, now);
            Turn {
                is_idle,
                has_more: !is_over || is_behind || has_work || new.more || shard.is_applying(),
                has_unsent: shard.has_unsent(),
                has_served_log,
                due: shard.next_due(),
                quiet_until: shard.quiet_until(now),
            }
        })
    }

    /// Lets clients catch up, of which `is_log_due` says whether one comes back from the log.
    /// Returns whether more can be done now.
    fn catch_up(&self, shard: &mut Shard<Outlet>, is_log_due: bool, now: Now) -> bool {
        let begin = is_log_due.then(|| self.clock.now().uptime);
        let has_more = shard.catch_up(now);
        let Some(begin) = begin else {
            return has_more;
        };
        let uptime = self.clock.now().uptime;
        let idle = self.idle.until(uptime);
        shard.rest_log(uptime.saturating_sub(begin), idle, now)
    }

    /// Waits until the shard has applied all strips that exist now. A client that comes from
    /// another shard must not find this shard behind the client's position.
    pub(super) async fn reach_handoff(self: &Rc<Self>) {
        let index = self.shard.borrow().index();
        let goal = self.handoff.pushed();
        while self.handoff.taken(index) < goal || self.shard.borrow().is_applying() {
            self.take_in();
            tokio::task::yield_now().await;
        }
    }

    /// Applies new strips even if the shard dozes.
    pub(super) fn take_in(self: &Rc<Self>) {
        self.turn();
        // A client may wait for the next turn.
        self.wake.notify_one();
    }

    /// Carries out a client's request. Returns work for the sequencer, if there is any.
    pub(super) async fn handle(
        self: &Rc<Self>,
        key: ConnectionKey,
        message: ClientMessage,
    ) -> Option<Work> {
        let subscribes = matches!(
            message,
            ClientMessage::Subscribe(_) | ClientMessage::Change(_)
        );
        if subscribes {
            self.reach_handoff().await;
            // The shard may doze, and an update may now be due for a client at any time.
            self.wake.notify_one();
        }
        self.with(|shard, now| shard.handle(key, message, now))
    }

    /// Waits until a client's request is carried out. The client is not read meanwhile.
    pub(super) async fn finished(self: &Rc<Self>, key: ConnectionKey) {
        let ready = |session: &Session| Rc::clone(&session.ready);
        let ready = self.sessions.borrow().get(&key).map(ready);
        while let Some(ready) = &ready
            && self.with(|shard, _| shard.is_busy(key))
        {
            ready.notified().await;
        }
    }

    /// Searches for the topics that a filter matches, ascending, a slice between two turns at a
    /// time.
    pub(super) async fn search(self: &Rc<Self>, filter: &Filter) -> Vec<TopicId> {
        let steps = &mut Steps::new(SLICE_MAX_STEPS);
        let mut search = self.with(|shard, _| shard.topics().search(filter, steps));
        let mut found = Vec::new();
        while !self.with(|shard, _| {
            let mut steps = Steps::new(SLICE_MAX_STEPS);
            let topics = shard.topics();
            topics.advance(&mut search, &mut steps, |id| found.push(id))
        }) {
            yield_now().await;
        }
        found.sort_unstable();
        found
    }

    /// Asks the sequencer about the past. `None` if the server is ending.
    pub(super) async fn ask(
        self: &Rc<Self>,
        question: impl FnOnce(Ack) -> HistoryQuestion,
    ) -> Option<Past> {
        let index = self.shard.borrow().index();
        let (ack, answer) = self.questions.next(index);
        let work = Work::History(question(ack));
        self.ingest.hand_over(work).await.ok()?;
        answer.await.ok().map(|answer| answer.past)
    }

    /// The clients with the largest lag, with their addresses.
    pub(super) fn slowest(self: &Rc<Self>, limit: usize) -> Vec<SlowRow> {
        let slowest = self.with(|shard, now| shard.slowest(limit, now));
        let sessions = self.sessions.borrow();
        let row = |(key, slow): (ConnectionKey, SlowClient)| {
            let session = sessions.get(&key);
            let client = session.map_or("gone".to_owned(), Session::client);
            SlowRow { client, slow }
        };
        slowest.into_iter().map(row).collect()
    }

    /// The connections.
    pub(super) fn clients(&self) -> Vec<ConnectionKey> {
        self.sessions.borrow().keys().copied().collect()
    }

    /// A client; `None` if it is gone. Without an identity its subject and its role are empty.
    pub(super) fn row(self: &Rc<Self>, key: ConnectionKey) -> Option<WhoRow> {
        let identity = self.with(|shard, _| shard.identity(key).cloned());
        let sessions = self.sessions.borrow();
        let client = sessions.get(&key).map(Session::client)?;
        let Some(identity) = identity else {
            return Some(WhoRow {
                client,
                ..WhoRow::default()
            });
        };
        let claims = &identity.claims;
        Some(WhoRow {
            client,
            subject: claims.subject.to_string(),
            role: claims.role.to_string(),
            is_known: true,
            token: claims.token_id.as_deref().map(str::to_owned),
        })
    }

    /// Applies what a client's identity may do now. Returns whether that has changed.
    pub(super) fn review(self: &Rc<Self>, key: ConnectionKey) -> bool {
        let Some(auth) = &self.auth else {
            return false;
        };
        self.with(|shard, now| {
            let Some(identity) = shard.identity(key) else {
                return false;
            };
            let review = auth.review(identity, now);
            let has_changed = review != Review::Keep;
            shard.review(key, review, now);
            has_changed
        })
    }

    fn wait_until_writable(self: &Rc<Self>, key: ConnectionKey) {
        if let Some(session) = self.sessions.borrow_mut().get_mut(&key) {
            let shard = Rc::clone(self);
            let outlet = session.outlet.clone();
            let task = spawn_local(async move {
                while outlet.writable().await
                    && shard.with(|shard, now| shard.on_writable(key, now))
                {}
            });
            session.waiter = Some(task.abort_handle());
        }
    }

    fn break_off(&self, key: ConnectionKey) {
        let is_unread = self.shard.borrow_mut().is_unread(key);
        if let Some(session) = self.sessions.borrow().get(&key) {
            session.outlet.break_off(is_unread);
            session.broken.notify_one();
        }
    }

    fn wake_session(&self, key: ConnectionKey) {
        if let Some(session) = self.sessions.borrow().get(&key) {
            session.ready.notify_one();
        }
    }

    /// Begins a session. Returns the connection's key, and the notification that the connection is
    /// broken.
    pub(super) fn begin(
        self: &Rc<Self>,
        outlet: Outlet,
        wire: Wire,
        Guest {
            peer,
            name,
            access,
            standing,
            address,
        }: Guest,
    ) -> (ConnectionKey, Rc<Notify>) {
        let broken = Rc::new(Notify::new());
        let socket = outlet.clone();
        let index = self.shard.borrow().index();
        let who = standing.as_ref().and_then(Standing::identity).cloned();
        let (key, events) =
            self.call(|shard, now| shard.connect_as(socket, wire, access, standing, now));
        let session = Session {
            outlet,
            name,
            broken: Rc::clone(&broken),
            ready: Rc::default(),
            waiter: None,
        };
        self.sessions.borrow_mut().insert(key, session);
        // The socket may be full already, and the session waits for it.
        self.react(events);
        if let Some(totals) = address {
            self.with(|shard, _| shard.join_address(key, totals));
        }
        if let Some(audit) = &self.audit {
            audit.connected((index, key.to_u64()), peer, who.as_deref());
        }
        // The identities may have changed since the standing was found.
        self.review(key);
        (key, broken)
    }

    /// Ends a session.
    pub(super) fn end(self: &Rc<Self>, key: ConnectionKey) {
        if self.has_failed.get() {
            return;
        }
        self.with(|shard, _| shard.disconnect(key));
        let session = self.sessions.borrow_mut().remove(&key);
        if let Some(waiter) = session.and_then(|session| session.waiter) {
            waiter.abort();
        }
    }
}

/// Notices a panic in a call of the shard.
struct Watched<'a> {
    shard: &'a ShardHandle,
    /// Whether the thread was panicking before. A session that ends by a panic calls the shard.
    was_panicking: bool,
}

impl<'a> Watched<'a> {
    fn new(shard: &'a ShardHandle) -> Self {
        let was_panicking = panicking();
        Self {
            shard,
            was_panicking,
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if panicking() && !self.was_panicking {
            self.shard.fail();
        }
    }
}
