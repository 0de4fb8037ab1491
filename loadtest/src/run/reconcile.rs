//! Compares the server's counters with the receivers' counts.

use super::runner::Runner;
use crate::{
    observe::scrape::{self, Counters},
    plan::UpdateSource,
    publish::{PublishTarget, PublisherTotals},
    summary::{CounterPair, Reconciliation},
};

impl Runner<'_> {
    /// Compares the growth of the server's counters with the receivers' counts.
    pub(super) fn reconcile(&self, published: &PublisherTotals) -> Reconciliation {
        let plan = self.plan;
        let totals = &self.collected.totals;
        let mut ours = vec![
            (scrape::DELIVERIES, totals.received()),
            (scrape::CONFLATED, totals.sum(|tally| tally.conflated)),
            (scrape::GAP_UPDATES, totals.sum(|tally| tally.announced)),
        ];
        // Others may send updates through the same broker.
        let is_client = matches!(
            plan.source,
            UpdateSource::Own(PublishTarget::WebSocket { .. })
        );
        if is_client {
            ours.push((scrape::UPDATES, published.updates));
        }
        let pairs = |before: &Counters, after: &Counters| -> Vec<CounterPair> {
            let fed = scrape::growth(scrape::FEED_UPDATES, before, after);
            let has_feeds = fed.is_some_and(|updates| updates > 0);
            let known = ours.iter().filter_map(|&(name, ours)| {
                if name == scrape::UPDATES && has_feeds {
                    return None;
                }
                let server = scrape::growth(name, before, after)?;
                Some(CounterPair {
                    name: name.to_owned(),
                    server,
                    ours,
                })
            });
            known.collect()
        };
        let agree = |before: &Counters, after: &Counters| {
            pairs(before, after)
                .iter()
                .all(|pair| pair.server == pair.ours)
        };
        let (before, after) = match self.server.counters(agree) {
            Ok(counters) => counters,
            Err(error) => {
                return Reconciliation {
                    counters: Vec::new(),
                    remark: Some(error),
                };
            }
        };
        let counts = &totals.counts;
        let others = before.get(scrape::CONNECTIONS).copied().unwrap_or(0.0);
        let remark = if others > 0.0 {
            Some("other clients were connected to the server".to_owned())
        } else if counts.closed + counts.churned > 0 || plan.hindered.slow + plan.hindered.gone > 0
        {
            Some("connections ended while updates were on the way".to_owned())
        } else if self.is_interrupted() {
            Some("the run was interrupted".to_owned())
        } else if matches!(plan.source, UpdateSource::Server) {
            Some("the server continued to publish".to_owned())
        } else {
            None
        };
        Reconciliation {
            counters: pairs(before, &after),
            remark,
        }
    }
}
