//! Operators' orders: from this node into the stream, and from the stream to this node's clients.

use std::{collections::VecDeque, pin::Pin, time::Duration};

use tickcast_cluster::{Node, Offered, Order};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_local,
    time::timeout,
};

/// Maximum number of orders that wait, on either way: an operator's script sends one after another.
const ORDERS_MAX: usize = 256;

/// Maximum time for an order to come back from the stream. It takes milliseconds, and the elections
/// of NATS a second or two; an answer over HTTP may take ten seconds.
const ORDER_TIMEOUT: Duration = Duration::from_secs(5);

/// Carries out an operator's order at this node.
pub(crate) type Obey = Box<dyn Fn(Order) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// An order, and how its operator is told that it is in the stream.
#[derive(Debug)]
pub(super) struct Asked {
    order: Order,
    told: oneshot::Sender<()>,
}

/// Hands orders to the ingest thread of a node.
#[derive(Debug, Clone)]
pub(crate) struct Orders(mpsc::Sender<Asked>);

impl Orders {
    /// Tells all nodes, and returns when the order is in the stream.
    ///
    /// # Errors
    ///
    /// If it is not there in time. It may still come there.
    pub(crate) async fn give(&self, order: Order) -> Result<(), String> {
        let (told, in_stream) = oneshot::channel();
        let sent = self.0.send(Asked { order, told });
        let given = async { sent.await.is_ok() && in_stream.await.is_ok() };
        match timeout(ORDER_TIMEOUT, given).await {
            Ok(true) => Ok(()),
            _ => Err(
                "this node has done it, and the stream does not take it for the others: repeat \
                 the command"
                    .to_owned(),
            ),
        }
    }
}

/// The orders that the ingest thread takes.
#[derive(Debug)]
pub(crate) struct OrderQueue(mpsc::Receiver<Asked>);

/// A way for orders to the ingest thread.
pub(crate) fn orders() -> (Orders, OrderQueue) {
    let (sender, receiver) = mpsc::channel(ORDERS_MAX);
    (Orders(sender), OrderQueue(receiver))
}

/// The orders on the ingest thread.
pub(super) struct NodeOrders {
    queue: mpsc::Receiver<Asked>,
    /// The operators at this node whose orders are not in the stream yet, in order.
    waiting: VecDeque<oneshot::Sender<()>>,
    obeyed: mpsc::Sender<Order>,
}

impl NodeOrders {
    /// Starts the task that obeys. It ends with this.
    pub(super) fn new(queue: OrderQueue, obey: Obey) -> Self {
        let (obeyed, mut to_obey) = mpsc::channel(ORDERS_MAX);
        spawn_local(async move {
            while let Some(order) = to_obey.recv().await {
                obey(order).await;
            }
        });
        Self {
            queue: queue.0,
            waiting: VecDeque::new(),
            obeyed,
        }
    }

    /// The next order of an operator at this node, once there is room for it.
    pub(super) async fn next(&mut self) -> Asked {
        if self.waiting.len() < ORDERS_MAX
            && let Some(asked) = self.queue.recv().await
        {
            return asked;
        }
        std::future::pending().await
    }

    /// Offers an order to the node. One that is too long is dropped, so that its operator is told.
    pub(super) fn offer(&mut self, Asked { order, told }: Asked, node: &mut Node) {
        if node.offer_order(order) == Offered::Taken {
            self.waiting.push_back(told);
        }
    }

    /// Takes an order from the stream. While many wait, the stream waits.
    ///
    /// What this node has revoked or restored is done again at its place in the stream: the order
    /// of another node may have come between. A client that was kicked may be back, and stays.
    pub(super) async fn note(&mut self, order: Order, is_own: bool) {
        let is_done = is_own && matches!(order, Order::Kick(_));
        if is_own && let Some(told) = self.waiting.pop_front() {
            // The operator may not wait any more.
            let _ = told.send(());
        }
        if !is_done {
            // The task ends after this.
            let _ = self.obeyed.send(order).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_core::identity::Revoked;
    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn what_is_revoked_last_in_the_stream_is_obeyed_last_at_every_node() {
        let subject = || Revoked::Subject("alice".into());
        let kick = || Order::Kick("subject=alice".to_owned());
        let (_orders, queue) = orders();
        let (obeyed, mut seen) = mpsc::channel(ORDERS_MAX);
        let obey: Obey = Box::new(move |order| {
            obeyed.try_send(order).unwrap();
            Box::pin(std::future::ready(()))
        });
        let noting = async {
            let mut orders = NodeOrders::new(queue, obey);
            orders.note(Order::Restore(subject()), false).await;
            orders.note(Order::Revoke(subject()), true).await;
            orders.note(kick(), true).await;
            orders.note(kick(), false).await;
            let expected = [Order::Restore(subject()), Order::Revoke(subject()), kick()];
            for order in expected {
                assert_eq!(seen.recv().await, Some(order));
            }
            drop(orders);
            assert_eq!(seen.recv().await, None);
        };
        LocalSet::new().run_until(noting).await;
    }
}
