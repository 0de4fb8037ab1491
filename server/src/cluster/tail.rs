//! Follows the end of the stream for the node, at a server of NATS that sees it.
//!
//! The leader of the stream tells of each message that it has taken, and gives each message that it
//! is asked for. So what is read is what the leader has, and nothing at the servers must be made,
//! found and moved when one of them dies, as a consumer must be. While the leader of all streams is
//! chosen, servers refuse that request, and any that keeps the stream is asked instead.
//!
//! Members write at least once per second. If nothing comes, the server that is reached may be cut
//! off from the others: then another one is taken, if it answers.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};
use tickcast_cluster::{Mark, Sequence};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    engine::{Compared, Engine, is_leaderless, told_sequence},
    link::{Incoming, StreamMessage},
    settings::ClusterSettings,
    status::ClusterStatus,
};

/// How long is waited after a failure of the engine. It chooses another leader in seconds.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Number of messages that are asked for at once: 16 MiB of the longest ones.
const ASKED_MAX: usize = 32;

/// How often the stream is compared with what was read, in case it was replaced in silence.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// Time without a message after which the stream is asked what it has.
const SILENT_AFTER: Duration = Duration::from_millis(1_200);

/// Time without a message after which another server is taken, even if this one answers: a leader
/// that was cut off answers for some seconds more.
const CUT_OFF_AFTER: Duration = Duration::from_millis(3_000);

/// Time between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// How long an answer to them may take, and a connection to another server.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How long the stream must be another one before that is believed: a server that has just become
/// the leader may not know yet all that it has.
const BELIEVED_AFTER: Duration = Duration::from_secs(6);

/// The node does not want any more.
pub(super) struct Unwanted;

/// What is used from now on.
pub(super) type Current = watch::Sender<Arc<Engine>>;

/// See the module.
pub(super) struct Tail<'a> {
    settings: &'a ClusterSettings,
    current: &'a Current,
    incoming: mpsc::Sender<Incoming>,
    status: &'a ClusterStatus,
    /// The last message that was read.
    read: Option<Mark>,
    /// When it was read, or the server was chosen.
    heard: Instant,
    /// Since when the stream seems to be another one.
    suspected: Option<Instant>,
    /// Whether operators were told that no server is reached.
    is_told: bool,
}

/// Why another attempt begins.
enum Ended {
    /// Another server is better, for this reason.
    Elsewhere(Box<Engine>, String),
    Failed(String),
}

/// What a question has brought.
struct Answer {
    compared: Result<Compared, String>,
    elsewhere: Option<(Box<Engine>, String)>,
}

/// What is under way at one server.
struct Reading<'e> {
    engine: &'e Engine,
    asked: FuturesOrdered<Asked<'e>>,
    /// The next message to ask for.
    next: Sequence,
    /// The last message that the stream is known to have.
    end: Sequence,
}

type Asked<'e> =
    Pin<Box<dyn Future<Output = (Sequence, Result<Option<StreamMessage>, String>)> + 'e>>;

impl<'e> Reading<'e> {
    fn after(engine: &'e Engine, sequence: Sequence) -> Self {
        Self {
            engine,
            asked: FuturesOrdered::new(),
            next: sequence + 1,
            end: sequence,
        }
    }

    /// Asks for as much as may be asked for.
    fn ask(&mut self) {
        while self.asked.len() < ASKED_MAX && self.next <= self.end {
            let (engine, sequence) = (self.engine, self.next);
            self.asked.push_back(Box::pin(async move {
                (sequence, engine.message(sequence).await)
            }));
            self.next += 1;
        }
    }

    fn is_at_end(&self) -> bool {
        self.asked.is_empty() && self.next > self.end
    }
}

impl<'a> Tail<'a> {
    /// Goes on after the last message that was read, if one was.
    pub(super) fn new(
        settings: &'a ClusterSettings,
        current: &'a Current,
        incoming: mpsc::Sender<Incoming>,
        status: &'a ClusterStatus,
        read: Option<Mark>,
    ) -> Self {
        Self {
            settings,
            current,
            incoming,
            status,
            read,
            heard: Instant::now(),
            suspected: None,
            is_told: false,
        }
    }

    pub(super) async fn run(mut self) -> Result<Infallible, Unwanted> {
        loop {
            let engine = Arc::clone(&self.current.borrow());
            match self.follow(&engine).await? {
                Ended::Elsewhere(other, reason) => {
                    let (before, now) = (engine.server(), other.server());
                    tracing::info!(before, now, reason, "another server of NATS is used");
                    self.current.send_replace(Arc::from(other));
                    self.heard = Instant::now();
                    self.send(Incoming::Moved).await?;
                }
                Ended::Failed(reason) => {
                    tracing::debug!(reason, "the stream is read again");
                    sleep(RETRY_AFTER).await;
                }
            }
            self.status.stats.reader_restarts.add(1);
            if self.incoming.is_closed() {
                return Err(Unwanted);
            }
        }
    }

    /// Reads at one server, until that fails.
    async fn follow(&mut self, engine: &Engine) -> Result<Ended, Unwanted> {
        let mut told = match timeout(ANSWER_WITHIN, engine.told()).await {
            Ok(Ok(told)) => told,
            Ok(Err(reason)) => return Ok(Ended::Failed(reason)),
            Err(elapsed) => return Ok(Ended::Failed(elapsed.to_string())),
        };
        let mut reading = Reading::after(engine, self.sequence());
        let mut question = Some(Box::pin(ask(self.settings, engine, self.read, None)));
        let mut ask_at = Instant::now() + ASK_EVERY;
        let mut compare_at = Instant::now() + COMPARE_EVERY;
        loop {
            reading.ask();
            tokio::select! {
                Some((sequence, got)) = reading.asked.next() => match got {
                    Ok(Some(message)) => {
                        self.take(message, &reading).await?;
                    }
                    // Another leader may not know yet that it has it.
                    Ok(None) => reading = Reading::after(engine, sequence - 1),
                    Err(reason) => return Ok(Ended::Failed(reason)),
                },
                message = told.next() => match message {
                    Some(message) => {
                        let sequence = told_sequence(&message).unwrap_or(0);
                        reading.end = reading.end.max(sequence);
                    }
                    None => return Ok(Ended::Failed("the connection has ended".to_owned())),
                },
                answer = answered(&mut question) => {
                    question = None;
                    if let Some((other, reason)) = answer.elsewhere {
                        return Ok(Ended::Elsewhere(other, reason));
                    }
                    if let Some(end) = self.believe(answer.compared).await? {
                        reading.end = reading.end.max(end);
                        if reading.is_at_end() {
                            self.send(Incoming::AtEnd).await?;
                        }
                    }
                }
                () = sleep_until(ask_at), if question.is_none() => {
                    let now = Instant::now();
                    ask_at = now + ASK_EVERY;
                    let silence = now - self.heard;
                    if silence >= SILENT_AFTER || self.suspected.is_some() || now >= compare_at {
                        compare_at = now + COMPARE_EVERY;
                        let silence = (silence >= SILENT_AFTER).then_some(silence);
                        question = Some(Box::pin(ask(self.settings, engine, self.read, silence)));
                    }
                }
                () = self.incoming.closed() => return Err(Unwanted),
            }
        }
    }

    /// The sequence of the last message that was read.
    fn sequence(&self) -> Sequence {
        self.read.map_or(0, |read| read.sequence)
    }

    /// Hands on the next message.
    async fn take(
        &mut self,
        message: StreamMessage,
        reading: &Reading<'_>,
    ) -> Result<(), Unwanted> {
        self.read = Some(message.delivered().mark());
        self.heard = Instant::now();
        let stats = &self.status.stats;
        let pending = reading.end.saturating_sub(message.sequence);
        stats.pending.set(pending);
        stats.connected.set(1);
        if std::mem::take(&mut self.is_told) {
            tracing::info!("the stream is reached again");
        }
        let is_last = reading.is_at_end();
        self.send(Incoming::Message { message, is_last }).await
    }

    /// The end of the stream, if it is the one that was read. Tells the node if it is another one,
    /// once that is certain.
    async fn believe(
        &mut self,
        compared: Result<Compared, String>,
    ) -> Result<Option<Sequence>, Unwanted> {
        match compared {
            Ok(Compared::Same { end }) => {
                self.suspected = None;
                self.status.stats.connected.set(1);
                Ok(Some(end))
            }
            Ok(Compared::Other(reason)) => {
                let since = *self.suspected.get_or_insert_with(Instant::now);
                if since.elapsed() < BELIEVED_AFTER {
                    return Ok(None);
                }
                self.send(Incoming::Other(reason)).await?;
                // The server begins anew.
                self.incoming.closed().await;
                Err(Unwanted)
            }
            Err(reason) => {
                tracing::debug!(reason, "the stream gives no answer");
                self.status.stats.connected.set(0);
                if self.heard.elapsed() >= CUT_OFF_AFTER && !self.is_told {
                    self.is_told = true;
                    tracing::warn!(reason, "no server of NATS has the stream: updates wait");
                }
                Ok(None)
            }
        }
    }

    async fn send(&self, incoming: Incoming) -> Result<(), Unwanted> {
        self.incoming.send(incoming).await.map_err(|_| Unwanted)
    }
}

/// Asks the stream what it has, and after some silence the other servers, if it says nothing new.
async fn ask(
    settings: &ClusterSettings,
    engine: &Engine,
    read: Option<Mark>,
    silence: Option<Duration>,
) -> Answer {
    let compared = timeout(ANSWER_WITHIN, engine.compare(read)).await;
    let compared = compared.unwrap_or_else(|elapsed| Err(elapsed.to_string()));
    let sequence = read.map_or(0, |read| read.sequence);
    let wanted = match (&compared, silence) {
        (_, None) => None,
        (Ok(Compared::Same { end }), Some(_)) if *end > sequence => None,
        (Ok(Compared::Same { .. }), Some(silence)) if silence < CUT_OFF_AFTER => {
            Some((sequence + 1, "the other one has more".to_owned()))
        }
        (Ok(Compared::Same { .. }), Some(_)) => Some((sequence, "nothing comes".to_owned())),
        // Another server would say the same for a moment.
        (Err(reason), Some(silence)) if is_leaderless(reason) && silence < CUT_OFF_AFTER => None,
        (Ok(Compared::Other(reason)) | Err(reason), Some(_)) => Some((sequence, reason.clone())),
    };
    let elsewhere = match wanted {
        Some((reaches, reason)) => {
            let connecting = timeout(ANSWER_WITHIN, Engine::elsewhere(settings, reaches));
            let engine = connecting.await.ok().flatten();
            engine.map(|engine| (Box::new(engine), reason))
        }
        None => None,
    };
    Answer {
        compared,
        elsewhere,
    }
}

/// The answer to a question; never without one.
async fn answered(question: &mut Option<Pin<Box<impl Future<Output = Answer>>>>) -> Answer {
    match question {
        Some(question) => question.await,
        None => std::future::pending().await,
    }
}
