//! The MQTT feed: subscribes at a broker (MQTT 3.1.1 or 5), and reconnects whenever the connection
//! ends.
//!
//! While the sequencer's queue is full, messages collect in a bounded buffer. When the buffer is
//! full too, the feed stops reading, and TCP holds the broker back. But pings and their answers
//! share the stream with messages: a feed that does not read for too long loses its connection. So
//! the feed waits for a few seconds at most. Then it reads on and drops the oldest updates in the
//! buffer, which are counted as lost.
//!
//! The client of the broker is that of [`mqtt`](crate::mqtt). The files in reading order:
//!
//! * `settings`: what an operator configures
//! * `subscriptions`, `retained`: what a message means, by what came before
//! * `pending`, `reports`, `intake`: the buffer, and what is done with each packet
//! * `sparkplug`: what a host application of Sparkplug does at the broker
//! * `announcements`: what an operator should know at the start
//! * this file: the loop that joins them

mod announcements;
mod intake;
mod pending;
mod reports;
mod retained;
mod settings;
mod sparkplug;
mod subscriptions;

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout};

use self::{
    intake::{Intake, PUSH_BACK_MAX},
    pending::Pending,
    reports::Report,
};
use super::{decode::Decoder, handover::Handover};
use crate::{
    ingest::{Ended, Room},
    mqtt::MqttClient,
};

pub use settings::MqttSettings;

/// Longest time at shutdown for acknowledged updates to reach the sequencer.
const FLUSH_MAX: Duration = Duration::from_secs(1);

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Room<'a>, Ended>> + Send + 'a>>;

/// The feed. What it has received is kept here, so that a failure loses nothing.
pub(super) struct MqttFeed {
    settings: MqttSettings,
    handover: Handover,
    client: MqttClient,
    intake: Intake,
}

impl MqttFeed {
    pub(super) fn new(settings: MqttSettings, decoder: Decoder, handover: Handover) -> Self {
        announcements::announce(&settings, &handover);
        let client = MqttClient::new(settings.client());
        let mut intake = Intake::new(settings.clone(), decoder, handover.clone());
        intake.publish_with(&client);
        Self {
            client,
            intake,
            settings,
            handover,
        }
    }

    /// Receives from the broker until `shutdown` completes.
    pub(super) async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Result<(), Ended> {
        let Self {
            handover,
            client,
            intake,
            ..
        } = self;
        let handover = &*handover;
        let mut waiting: Option<Waiting<'_>> = None;
        let mut shutdown = pin!(shutdown);
        loop {
            let received = {
                // One future until it is done: the client's work must not be cancelled.
                let mut next = pin!(client.next(intake.take_wait()));
                let mut read_on_at = Instant::now() + PUSH_BACK_MAX;
                loop {
                    let due = intake.next_due();
                    if waiting.is_none() && intake.pending.has_next() {
                        waiting = Some(Box::pin(handover.room()));
                    }
                    tokio::select! {
                        received = &mut next, if intake.may_read() => break Some(received),
                        room = finish(&mut waiting) => {
                            waiting = None;
                            hand_over(&mut intake.pending, handover, room?);
                            intake.is_stalled = false;
                            read_on_at = Instant::now() + PUSH_BACK_MAX;
                        }
                        () = sleep_until(read_on_at), if !intake.may_read() => {
                            intake.is_stalled = true;
                        }
                        () = sleep_until(due.unwrap_or(read_on_at)), if due.is_some() => {
                            intake.poll();
                        }
                        () = &mut shutdown => break None,
                    }
                }
            };
            let Some(received) = received else {
                break;
            };
            intake.take(client, received);
        }
        drop(waiting);
        intake.disconnect(client).await;
        let flush = async {
            while !intake.pending.is_empty() {
                // The server is ending: its clients need not know that sources are gone.
                while intake.pending.take_report().is_some() {}
                let room = handover.room().await?;
                handover.submit_into(room, intake.pending.take_batch());
            }
            Ok(())
        };
        let flushed = timeout(FLUSH_MAX, flush).await;
        intake.count_rest_as_lost();
        flushed.unwrap_or(Ok(()))
    }

    /// Hands over what was received before a failure, and makes a new client: the broker may have
    /// its acknowledgement already. May fail again, at another message.
    pub(super) async fn recover(&mut self) -> Result<(), Ended> {
        self.intake.take_buffered(&mut self.client);
        self.intake.disconnect(&mut self.client).await;
        self.intake.replace_client();
        while self.intake.pending.has_next() {
            let room = self.handover.room().await?;
            hand_over(&mut self.intake.pending, &self.handover, room);
        }
        self.client = MqttClient::new(self.settings.client());
        self.intake.publish_with(&self.client);
        Ok(())
    }

    /// Number of updates that wait for the sequencer.
    pub(super) fn waiting(&self) -> usize {
        self.intake.pending.len()
    }
}

/// Hands over the next updates, or that sources are gone.
fn hand_over(pending: &mut Pending, handover: &Handover, room: Room<'_>) {
    match pending.take_report() {
        Some(Report::Down) => room.tell_down(),
        Some(Report::Dead(topics)) => room.tell_dead(topics),
        None => handover.submit_into(room, pending.take_batch()),
    }
}

/// Never completes if there is nothing to finish.
async fn finish<'a>(waiting: &mut Option<Waiting<'a>>) -> Result<Room<'a>, Ended> {
    match waiting {
        Some(waiting) => waiting.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
