//! How many requests all connections of an address, and of an identity, send together over HTTP.
//! The shard counts the messages of WebSockets in the same way.

use std::{sync::Arc, time::Duration};

use hyper::StatusCode;
use tickcast_core::{
    identity::Standing,
    totals::{TotalLimits, Totals},
};

use super::{
    answer::{Answer, retry_in, text},
    gate::Ends,
    routes::Routes,
};
use crate::metrics::RefusalReason;

impl Routes {
    /// Takes a request of an address, or refuses it. `totals` is missing if it is not counted.
    pub(super) fn take_of_address(
        &self,
        totals: Option<&Arc<Totals>>,
        ends: Ends,
    ) -> Result<(), Box<Answer>> {
        let Some(totals) = totals else {
            return Ok(());
        };
        let limits = self.settings.of_address();
        let taken = totals.take_request(&limits, self.shard.clock.now().uptime);
        let reason = RefusalReason::AddressRequests;
        taken.map_err(|wait| self.too_many_requests(reason, "your address", &limits, wait, ends))
    }

    /// Takes a request of an identity, or refuses it.
    pub(super) fn take_of_identity(
        &self,
        standing: &Standing,
        ends: Ends,
    ) -> Result<(), Box<Answer>> {
        let (Some(identity), Some(totals)) = (standing.identity(), standing.totals()) else {
            return Ok(());
        };
        let limits = identity.limits.totals();
        let taken = totals.take_request(&limits, self.shard.clock.now().uptime);
        let reason = RefusalReason::IdentityRequests;
        taken.map_err(|wait| self.too_many_requests(reason, &identity.name(), &limits, wait, ends))
    }

    fn too_many_requests(
        &self,
        reason: RefusalReason,
        whose: &str,
        limits: &TotalLimits,
        wait: Duration,
        ends: Ends,
    ) -> Box<Answer> {
        let message = limits.too_many_requests(whose);
        self.gate.note(reason, ends.peer, &message);
        let answer = text(StatusCode::TOO_MANY_REQUESTS, message);
        Box::new(retry_in(answer, wait))
    }
}
