//! Ends a run early that would measure nothing: no update that is published arrives at a
//! subscriber, or none can be published.

use super::{error::RunError, first_arrival::FirstArrival, runner::Runner};
use crate::{plan::UpdateSource, publish::PublishTarget};

/// From the first update on, one must arrive within this time. It is more than a busy machine and a
/// feed that connects to a broker need, and little compared with a run.
const ARRIVAL_MAX_NS: i64 = 5_000_000_000;

/// At a low maximum rate a batch comes that much later: two of them must have been due.
const BATCHES: f64 = 2.0;

/// Bytes of a published message besides topic and payload, at most.
const MESSAGE_OVERHEAD_BYTES: usize = 128;

impl Runner<'_> {
    /// Fails if no update has arrived for too long since the first one was published.
    pub(super) fn check_arrival(&mut self) -> Result<(), RunError> {
        let is_server = matches!(self.plan.source, UpdateSource::Server);
        let since_ns = match self.first_arrival {
            FirstArrival::Seen => return Ok(()),
            FirstArrival::NotDue if !is_server && self.published() == 0 => return Ok(()),
            FirstArrival::NotDue => {
                let now_ns = self.clock.now_ns();
                self.first_arrival = FirstArrival::Due(now_ns);
                now_ns
            }
            FirstArrival::Due(since_ns) => since_ns,
        };
        if self
            .collected
            .response
            .values()
            .any(|timed| !timed.is_empty())
        {
            self.first_arrival = FirstArrival::Seen;
            return Ok(());
        }
        let slow_ns = match self.plan.params.max_rate_hz {
            Some(rate_hz) => (BATCHES / rate_hz * 1e9) as i64,
            None => 0,
        };
        let wait_ns = ARRIVAL_MAX_NS.max(slow_ns);
        if self.clock.now_ns() - since_ns < wait_ns {
            return Ok(());
        }
        let seconds = wait_ns / 1_000_000_000;
        let what = match &self.plan.source {
            UpdateSource::Server => format!(
                "no update of the server's feed arrived within {seconds} s: --filter matches none \
                 of its topics, or it has no feed that publishes"
            ),
            UpdateSource::Own(PublishTarget::Mqtt { address, .. }) => format!(
                "{} updates were published to the broker {address}, and none arrived within \
                 {seconds} s: start the server with a feed of this broker and a filter that \
                 matches {:?}",
                self.published(),
                self.first_topic()
            ),
            UpdateSource::Own(PublishTarget::WebSocket { .. }) => format!(
                "{} updates were published, and none arrived within {seconds} s: see the server's \
                 log, and whether its --publish-allow has {:?}",
                self.published(),
                self.first_topic()
            ),
        };
        Err(RunError::Nothing(what))
    }

    /// Fails if the server's welcome says that it refuses what will be published.
    pub(super) fn check_limits(&self) -> Result<(), RunError> {
        let (UpdateSource::Own(PublishTarget::WebSocket { .. }), Some(server)) =
            (&self.plan.source, &self.collected.totals.server)
        else {
            return Ok(());
        };
        let limits = &server.limits;
        let topic_bytes = self.plan.topics.iter().map(String::len).max().unwrap_or(0);
        let message_bytes = topic_bytes + self.plan.payload_bytes + MESSAGE_OVERHEAD_BYTES;
        let refused = |what: &str, bytes: usize, limit: u32| {
            Err(RunError::Nothing(format!(
                "the server refuses {what} of {bytes} bytes (limit {limit})"
            )))
        };
        if topic_bytes > limits.topic_bytes as usize {
            return refused("topics", topic_bytes, limits.topic_bytes);
        }
        if message_bytes > limits.message_bytes as usize {
            return refused("messages", message_bytes, limits.message_bytes);
        }
        Ok(())
    }

    fn first_topic(&self) -> &str {
        self.plan.topics.first().map_or("", String::as_str)
    }
}
