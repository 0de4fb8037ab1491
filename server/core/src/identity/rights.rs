//! What may be done: filters for each action, and limits.

use tickcast_protocol::topic::{Filter, Topic};

use crate::totals::TotalLimits;

/// Most filters for one action of an identity. They are looked through one after the other.
pub const FILTERS_MAX: usize = 64;

/// The filters for each action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// Topics that may be subscribed to.
    pub subscribe: Vec<Filter>,
    /// Topics whose past may be read.
    pub history: Vec<Filter>,
    /// Topics that may be published to.
    pub publish: Vec<Filter>,
}

/// Limits of an identity, on all its connections together. The server's settings limit each
/// connection as well.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// The greatest rate of a subscription, in Hz. Its mode is then `latest`.
    pub max_rate_hz: Option<f64>,
    /// Connections at a time.
    pub connections: Option<u32>,
    /// Subscriptions at a time.
    pub subscriptions: Option<u32>,
    /// Requests per second.
    pub requests_per_s: Option<u32>,
    /// Updates published per second.
    pub publish_updates_per_s: Option<u32>,
    /// Bytes of publishes per second.
    pub publish_bytes_per_s: Option<u32>,
}

/// What a token leaves of its role. A missing list leaves the role's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Narrowing {
    /// See [`Rights::subscribe`].
    pub subscribe: Option<Vec<Filter>>,
    /// See [`Rights::history`]. A missing list is as `subscribe`.
    pub history: Option<Vec<Filter>>,
    /// See [`Rights::publish`].
    pub publish: Option<Vec<Filter>>,
    /// Lower limits.
    pub limits: Limits,
}

impl Rights {
    /// What remains of the rights. `None` if that takes more than [`FILTERS_MAX`] filters.
    pub fn narrowed(self, by: &Narrowing) -> Option<Self> {
        Some(Self {
            subscribe: both(self.subscribe, by.subscribe.as_ref())?,
            // A token that narrows reading narrows the past as well.
            history: both(self.history, by.history.as_ref().or(by.subscribe.as_ref()))?,
            publish: both(self.publish, by.publish.as_ref())?,
        })
    }
}

impl Limits {
    /// The lower of both, one by one.
    pub fn narrowed(self, by: Self) -> Self {
        Self {
            max_rate_hz: lower(self.max_rate_hz, by.max_rate_hz, f64::min),
            connections: lower(self.connections, by.connections, u32::min),
            subscriptions: lower(self.subscriptions, by.subscriptions, u32::min),
            requests_per_s: lower(self.requests_per_s, by.requests_per_s, u32::min),
            publish_updates_per_s: lower(
                self.publish_updates_per_s,
                by.publish_updates_per_s,
                u32::min,
            ),
            publish_bytes_per_s: lower(self.publish_bytes_per_s, by.publish_bytes_per_s, u32::min),
        }
    }

    /// The limits of what is counted in [`Totals`](crate::totals::Totals).
    pub fn totals(&self) -> TotalLimits {
        TotalLimits {
            subscriptions: self.subscriptions,
            requests_per_s: self.requests_per_s,
            publish_updates_per_s: self.publish_updates_per_s,
            publish_bytes_per_s: self.publish_bytes_per_s,
        }
    }
}

/// Whether one of the filters selects a topic.
pub(crate) fn select(filters: &[Filter], topic: &Topic) -> bool {
    filters.iter().any(|filter| filter.matches(topic.as_str()))
}

/// Whether one of the filters selects everything that another filter selects.
pub(crate) fn include(filters: &[Filter], wanted: &Filter) -> bool {
    filters.iter().any(|filter| filter.includes(wanted))
}

fn lower<T>(one: Option<T>, other: Option<T>, min: impl Fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(min(one, other)),
        (one, other) => one.or(other),
    }
}

/// Filters that select what both lists select.
fn both(role: Vec<Filter>, token: Option<&Vec<Filter>>) -> Option<Vec<Filter>> {
    let Some(token) = token else {
        return (role.len() <= FILTERS_MAX).then_some(role);
    };
    let mut both: Vec<Filter> = Vec::new();
    for one in &role {
        for other in token {
            let Some(common) = one.intersection(other) else {
                continue;
            };
            if include(&both, &common) {
                continue;
            }
            both.retain(|filter| !common.includes(filter));
            both.push(common);
            if both.len() > FILTERS_MAX {
                return None;
            }
        }
    }
    Some(both)
}
