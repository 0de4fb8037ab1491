//! What nodes are asked to write: updates, publishes of clients, orders and feeds.

use std::sync::Arc;

use smallvec::smallvec;
use tickcast_core::{
    identity::Revoked,
    work::{Ack, NewUpdate, Once, Submission, TopicFacts, Work},
};
use tickcast_protocol::{message::Quality, topic::Topic, value::Value};

use super::{FEEDS, World};
use crate::{Offered, Order, tests::publishers::Sent};

fn reading(topic: &str, value: u64) -> NewUpdate {
    NewUpdate::live(Topic::new(topic).unwrap(), Value::Reading(value as f64))
}

impl World {
    /// A client of a node publishes.
    pub(crate) fn publish(&mut self, index: usize) {
        self.count += 1;
        let life = self.places[index].life;
        let mut update = reading(&format!("client/{index}/{life}"), self.count);
        let other = Topic::new(&format!("client/{}/{}", self.count % 3, self.count % 4)).unwrap();
        match self.count % 16 {
            0 => update.unit = Some(Arc::from(format!("u{}", self.count % 3))),
            1 => {
                let facts = TopicFacts {
                    name: Some(Arc::from(format!("n{}", self.count % 5))),
                    ..TopicFacts::default()
                };
                update.facts = Some(Box::new([(other, facts)]));
            }
            2 | 3 => {
                let says = if self.count % 16 == 2 { "gone" } else { "here" };
                let topic = Topic::new(&format!("will/{index}")).unwrap();
                update = NewUpdate::live(topic, Value::Text(says.to_owned()));
            }
            4 => update.quality = Quality::Historical,
            _ => {}
        }
        let ack = Ack {
            shard: index,
            connection: 1,
            id: Some(self.count as u32),
        };
        self.offer(index, update, None, Some(ack), None);
    }

    /// A client publishes once at the node that it is connected to.
    pub(crate) fn publish_once(&mut self, client: usize) {
        let Some((node, life)) = self.publishers.connection(client) else {
            return;
        };
        if self.places[node].life != life || !self.places[node].node.has_room() {
            return;
        }
        self.count += 1;
        let sent = self.publishers.publish(client, self.count);
        self.send(client, node, sent);
    }

    /// A client connects to a node, and sends what is not answered again.
    pub(crate) fn connect(&mut self, client: usize, node: usize) {
        let place = &self.places[node];
        if place.node.has_room() {
            for sent in self.publishers.connect(client, (node, place.life)) {
                self.send(client, node, sent);
            }
        }
    }

    fn send(&mut self, client: usize, node: usize, Sent { once, value }: Sent) {
        let ack = Ack {
            shard: node,
            connection: 2,
            id: Some(value as u32),
        };
        let update = reading(&format!("once/{client}"), value);
        self.offer(node, update, None, Some(ack), Some(once));
    }

    /// An operator orders something at a node.
    pub(crate) fn order(&mut self, index: usize) {
        self.count += 1;
        let subject = Revoked::Subject((self.count % 7 / 3).to_string().into());
        let order = match self.count % 3 {
            0 => Order::Kick("subject=0".to_owned()),
            1 => Order::Revoke(subject),
            _ => Order::Restore(subject),
        };
        let place = &mut self.places[index];
        let offered = place.node.offer_order(order.clone());
        assert_eq!(offered, Offered::Taken);
        place.ordered.push_back(order);
    }

    /// A feed of a node brings an update, if the node runs it.
    pub(crate) fn feed(&mut self, index: usize, feed: usize) {
        if self.places[index].runs[feed] {
            self.count += 1;
            let update = reading(&format!("feed/{}", FEEDS[feed]), self.count);
            self.offer(index, update, Some(feed as u16), None, None);
        }
    }

    fn offer(
        &mut self,
        index: usize,
        update: NewUpdate,
        feed: Option<u16>,
        ack: Option<Ack>,
        once: Option<Once>,
    ) {
        let place = &mut self.places[index];
        if place.node.has_room() {
            let updates = smallvec![update];
            let work = Work::Updates(Submission {
                updates,
                ack,
                feed,
                once,
            });
            assert_eq!(place.node.offer(work), Offered::Taken);
        }
    }
}
