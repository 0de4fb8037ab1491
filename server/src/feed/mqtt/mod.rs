//! The MQTT feed: subscribes at a broker (MQTT 3.1.1 or 5), and reconnects whenever the connection
//! ends.
//!
//! While the sequencer's queue is full, messages collect in a bounded buffer. When the buffer is
//! full too, the feed stops reading, and TCP holds the broker back. But pings and their answers
//! share the stream with messages: a feed that does not read for too long loses its connection. So
//! the feed waits for a few seconds at most. Then it reads on and drops the oldest updates in the
//! buffer, which are counted as lost.
//!
//! The files in reading order:
//!
//! * `settings`, `url`: what an operator configures
//! * `client`: the connection to the broker; only this file names the MQTT library
//! * `pending`, `intake`: the buffer, and what is done with each packet
//! * this file: the loop that joins them

mod client;
mod intake;
mod pending;
mod settings;
mod url;

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout};

use self::{
    client::MqttClient,
    intake::{Intake, PUSH_BACK_MAX},
};
use super::{decode::Decoder, handover::Handover};
use crate::ingest::Ended;

pub use settings::{MqttSettings, MqttVersion};
pub use url::{HIDDEN, MqttUrl, Secret};

/// Longest time at shutdown for acknowledged updates to reach the sequencer.
const FLUSH_MAX: Duration = Duration::from_secs(1);

type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Ended>> + Send + 'a>>;

/// Receives from the broker until `shutdown` completes.
pub(super) async fn run(
    settings: MqttSettings,
    decoder: Decoder,
    handover: Handover,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Ended> {
    let mut client = MqttClient::new(&settings);
    let mut intake = Intake::new(settings, decoder, handover.clone());
    let mut sending: Option<Sending<'_>> = None;
    let mut shutdown = pin!(shutdown);
    loop {
        let received = {
            // One future until it is done: the client's work must not be cancelled.
            let mut next = pin!(client.next(intake.take_wait()));
            let mut read_on_at = Instant::now() + PUSH_BACK_MAX;
            loop {
                if sending.is_none() && intake.pending.take_down() {
                    sending = Some(Box::pin(handover.tell_down()));
                } else if sending.is_none() && !intake.pending.is_empty() {
                    let batch = intake.pending.take_batch();
                    sending = Some(Box::pin(handover.submit(batch)));
                }
                tokio::select! {
                    received = &mut next, if intake.may_read() => break Some(received),
                    result = finish(&mut sending) => {
                        result?;
                        sending = None;
                        intake.is_stalled = false;
                        read_on_at = Instant::now() + PUSH_BACK_MAX;
                    }
                    () = sleep_until(read_on_at), if !intake.may_read() => intake.is_stalled = true,
                    () = &mut shutdown => break None,
                }
            }
        };
        let Some(received) = received else {
            break;
        };
        intake.take(&mut client, received);
    }
    let flush = async {
        if sending.is_some() {
            finish(&mut sending).await?;
        }
        while !intake.pending.is_empty() {
            // The server is ending: its clients need not know that the source is gone.
            intake.pending.take_down();
            handover.submit(intake.pending.take_batch()).await?;
        }
        Ok(())
    };
    let flushed = timeout(FLUSH_MAX, flush).await;
    intake.count_rest_as_lost();
    client.disconnect().await;
    flushed.unwrap_or(Ok(()))
}

/// Never completes if there is nothing to finish.
async fn finish(sending: &mut Option<Sending<'_>>) -> Result<(), Ended> {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}
