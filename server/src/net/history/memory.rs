//! Updates of one topic from the short history in memory.

use std::{collections::VecDeque, rc::Rc};

use tickcast_core::{
    sequencer::HISTORY_ANSWER_MAX_UPDATES,
    work::{Asked, HistoryQuestion, Past},
};
use tickcast_log::Order;
use tickcast_protocol::{codec, message::Position};

use super::params::Params;
use crate::{data::Told, net::shard_handle::ShardHandle};

/// What was found, in the order that was asked for.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The lines.
    pub told: VecDeque<Told>,
    /// Nothing of the topic from this position on is missing.
    pub complete_from: Position,
    /// Whether there are more than the limit.
    pub has_more: bool,
}

/// Asks the sequencer, a page after the other. It holds up to as many updates as the limit says.
/// `None` if the server is ending.
pub(super) async fn find(shard: &Rc<ShardHandle>, params: &Params) -> Option<Found> {
    let mut found = updates(shard, params).await?;
    // What was forgotten is only missing if its positions were asked for.
    let (first, complete) = (params.bounds().0, found.complete_from);
    if first > 0 && first < complete {
        let missing = Told::Missing(first, complete - 1);
        match params.order {
            Order::OldestFirst => found.told.push_front(missing),
            Order::NewestFirst if found.has_more => {}
            Order::NewestFirst => found.told.push_back(missing),
        }
    }
    Some(found)
}

async fn updates(shard: &Rc<ShardHandle>, params: &Params) -> Option<Found> {
    let (first, end) = params.bounds();
    let range = params.range;
    let mut before = (end < Position::MAX).then_some(end);
    let mut found = Found {
        complete_from: end.min(shard.with(|shard, _| shard.position()).saturating_add(1)),
        ..Found::default()
    };
    loop {
        let ask = |from| HistoryQuestion {
            from,
            topic: params.topic.clone(),
            asked: Asked::Updates {
                limit: HISTORY_ANSWER_MAX_UPDATES,
                before,
            },
        };
        let Past::Updates(stretch) = shard.ask(ask).await? else {
            return Some(found);
        };
        for index in (0..stretch.len()).rev() {
            let bytes = stretch.get(index);
            let head = codec::decode_update_head_bincode(bytes);
            let head = head.expect("the sequencer encoded it");
            // The first update of a topic: there was none before it.
            found.complete_from = if head.seq == 1 { 1 } else { head.position };
            if head.position < first {
                return Some(found);
            }
            before = Some(head.position);
            if !(range.from_ns..range.to_ns).contains(&head.ingest_time_ns) {
                continue;
            }
            let update = Told::Update(head.position, bytes.into());
            match params.order {
                Order::OldestFirst => {
                    found.told.push_front(update);
                    if found.told.len() > params.limit {
                        found.told.pop_back();
                        found.has_more = true;
                    }
                }
                Order::NewestFirst if found.told.len() == params.limit => {
                    found.has_more = true;
                    return Some(found);
                }
                Order::NewestFirst => found.told.push_back(update),
            }
        }
        if !stretch.more {
            return Some(found);
        }
    }
}
