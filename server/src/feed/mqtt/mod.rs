//! The MQTT feed: subscribes at a broker, 3.1.1 or 5, and stays subscribed whatever happens to it.
//!
//! While the sequencer's queue is full, messages gather in a bounded buffer; when that is full too,
//! the feed stops reading, which holds the broker back by TCP. But pings and their answers travel
//! in the same stream as messages: a feed that does not read for too long loses its connection. So
//! it waits for a few seconds at most; then it goes on reading and gives up the oldest updates in
//! the buffer, which are counted as lost.

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

/// Longest time at the end for updates that the broker has got its acknowledgement for to reach the
/// sequencer.
const FLUSH_MAX: Duration = Duration::from_secs(1);

type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Ended>> + Send + 'a>>;

/// Receives from the broker until `shutdown` is done.
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
            // The server ends: its clients need not know that the source was gone.
            intake.pending.take_down();
            handover.submit(intake.pending.take_batch()).await?;
        }
        Ok(())
    };
    let flushed = timeout(FLUSH_MAX, flush).await;
    intake.give_up_rest();
    client.say_farewell().await;
    flushed.unwrap_or(Ok(()))
}

/// Waits for ever if there is nothing to finish.
async fn finish(sending: &mut Option<Sending<'_>>) -> Result<(), Ended> {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}
