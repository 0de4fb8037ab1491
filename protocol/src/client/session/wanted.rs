//! The filters that the caller wants, and their subscriptions on the current connection.

use std::collections::HashMap;

use crate::{
    client::chain::Chain,
    message::{ChannelId, Mode, Resume},
    topic::Filter,
};

/// What a subscription is asked to deliver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delivery {
    pub(super) mode: Mode,
    pub(super) max_rate_hz: Option<f64>,
}

/// A filter that the caller wants to be subscribed to.
#[derive(Debug)]
pub(super) struct WantedFilter {
    /// As the caller wants it.
    pub(super) delivery: Delivery,
    pub(super) state: FilterState,
    /// Where the caller is.
    pub(super) token: Option<Resume>,
}

/// The subscription of a wanted filter on the current connection.
#[derive(Debug)]
pub(super) enum FilterState {
    /// Not requested yet.
    Wanted,
    /// Requested.
    Requested,
    /// Accepted.
    Open { channel: ChannelId, chain: Chain },
}

/// All wanted filters, also by the channels of their subscriptions.
#[derive(Debug, Default)]
pub(super) struct WantedFilters {
    filters: HashMap<Filter, WantedFilter>,
    channels: HashMap<ChannelId, Filter>,
}

impl WantedFilters {
    /// Adds a filter.
    pub(super) fn insert(&mut self, filter: Filter, delivery: Delivery) {
        let wanted = WantedFilter {
            delivery,
            state: FilterState::Wanted,
            token: None,
        };
        self.filters.insert(filter, wanted);
    }

    /// Removes a filter. A channel that it has stays bound until [`Self::unbind`].
    pub(super) fn remove(&mut self, filter: &Filter) -> Option<WantedFilter> {
        self.filters.remove(filter)
    }

    pub(super) fn get_mut(&mut self, filter: &Filter) -> Option<&mut WantedFilter> {
        self.filters.get_mut(filter)
    }

    /// Where the caller is.
    pub(super) fn token(&self, filter: &Filter) -> Option<Resume> {
        self.filters.get(filter)?.token
    }

    /// Binds a channel to the filter that it is the subscription of.
    pub(super) fn bind(&mut self, channel: ChannelId, filter: Filter) {
        self.channels.insert(channel, filter);
    }

    /// Messages on this channel are ignored from now on.
    pub(super) fn unbind(&mut self, channel: ChannelId) {
        self.channels.remove(&channel);
    }

    /// The filter and the chain of a channel. `None` if the channel is about to end, or never
    /// existed.
    pub(super) fn chain(&mut self, channel: ChannelId) -> Option<(Filter, &mut Chain)> {
        let filter = self.channels.get(&channel)?.clone();
        match &mut self.filters.get_mut(&filter)?.state {
            FilterState::Open { chain, .. } => Some((filter, chain)),
            FilterState::Wanted | FilterState::Requested => None,
        }
    }

    /// The filter must be requested again: its channels are about to end.
    pub(super) fn restart(&mut self, filter: &Filter) {
        if let Some(wanted) = self.filters.get_mut(filter) {
            wanted.state = FilterState::Wanted;
        }
        self.channels.retain(|_, of| of != filter);
    }

    /// The connection is gone: all filters must be requested again.
    pub(super) fn restart_all(&mut self) {
        self.channels.clear();
        for wanted in self.filters.values_mut() {
            wanted.state = FilterState::Wanted;
        }
    }

    /// Removes all tokens. Returns the filters that had one.
    pub(super) fn clear_tokens(&mut self) -> Vec<Filter> {
        self.filters
            .iter_mut()
            .filter_map(|(filter, wanted)| wanted.token.take().map(|_| filter.clone()))
            .collect()
    }

    /// Marks the filters that were not requested yet as requested, and returns them by delivery.
    pub(super) fn take_wanted(&mut self) -> Vec<(Delivery, Vec<Filter>)> {
        let mut groups: Vec<(Delivery, Vec<Filter>)> = vec![];
        for (filter, wanted) in &mut self.filters {
            if !matches!(wanted.state, FilterState::Wanted) {
                continue;
            }
            wanted.state = FilterState::Requested;
            let delivery = wanted.delivery;
            match groups.iter_mut().find(|(of, _)| *of == delivery) {
                Some((_, filters)) => filters.push(filter.clone()),
                None => groups.push((delivery, vec![filter.clone()])),
            }
        }
        groups
    }
}
