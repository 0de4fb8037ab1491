//! Orders of operators in a cluster's stream, carried out for the clients of this node.

use std::sync::Arc;

use tickcast_cluster::Order;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    admin_commands::target,
    identity_commands::ask,
    operator_questions::{Command, Question},
};
use crate::{auth::Auth, cluster::Obey, metrics::Metrics};

/// What carries them out.
pub(crate) fn obey(
    auth: Option<Arc<Auth>>,
    shards: Vec<mpsc::Sender<Question>>,
    metrics: Arc<Metrics>,
) -> Obey {
    Box::new(move |order| {
        let (auth, shards, metrics) = (auth.clone(), shards.clone(), Arc::clone(&metrics));
        Box::pin(async move {
            match carry_out(auth, &shards, order).await {
                Ok(number) => tracing::info!(
                    number,
                    "an order in the cluster's stream has affected clients"
                ),
                Err(reason) => {
                    if let Some(stats) = &metrics.cluster {
                        stats.orders_failed.add(1);
                    }
                    tracing::error!("an order in the cluster's stream has failed: {reason}");
                }
            }
        })
    })
}

/// Returns the number of clients that it has affected.
async fn carry_out(
    auth: Option<Arc<Auth>>,
    shards: &[mpsc::Sender<Question>],
    order: Order,
) -> Result<usize, String> {
    if let Order::Kick(query) = &order {
        let command = Command::Kick(target(query)?);
        return Ok(ask(shards, &command).await?.count);
    }
    // The revocations are written to a file.
    let changing = spawn_blocking(move || match (auth, order) {
        (Some(auth), Order::Revoke(revoked)) => auth.revoke(revoked),
        (Some(auth), Order::Restore(revoked)) => auth.lift(&revoked),
        (_, Order::Kick(_)) | (None, _) => Ok(false),
    });
    changing.await.map_err(|error| error.to_string())??;
    Ok(ask(shards, &Command::Review).await?.count)
}
