//! What operators do to the clients of a shard: review all, end some, list them.

use std::{rc::Rc, time::Duration};

use tickcast_core::shard::ConnectionKey;
use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
    time::timeout,
};

use super::{
    operator_questions::{Affected, Command, Question, SlowQuestion},
    shard_handle::ShardHandle,
};

/// Maximum time for a shard to answer. It works in slices between its rounds; with 100,000 clients
/// a review takes less than a second.
const SHARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Clients that are looked at between two rounds. Most of them keep what they have, and a client
/// with a thousand subscriptions takes about 100 µs.
const AT_ONCE: usize = 32;

/// Answers the questions of operators.
pub(super) async fn answer_all(shard: Rc<ShardHandle>, mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        // The requester may have stopped waiting.
        match question {
            Question::Slow(SlowQuestion { limit, answer }) => {
                let _ = answer.send(shard.slowest(limit));
            }
            Question::Identities(command, answer) => {
                let _ = answer.send(carry_out(&shard, &command).await);
            }
        }
    }
}

async fn carry_out(shard: &Rc<ShardHandle>, command: &Command) -> Affected {
    let mut affected = Affected::default();
    for some in shard.clients().chunks(AT_ONCE) {
        for &key in some {
            let Some(row) = shard.row(key) else {
                continue;
            };
            let is_affected = match command {
                Command::Review => shard.review(key),
                Command::Kick(target) => target.includes(&row) && kick(shard, key),
                Command::Who => row.is_known,
            };
            if is_affected {
                affected.add(row);
            }
        }
        yield_now().await;
    }
    affected
}

fn kick(shard: &Rc<ShardHandle>, key: ConnectionKey) -> bool {
    shard.with(|shard, now| shard.kick(key, now));
    true
}

/// Has all shards carry out a command. Returns the clients that it has affected. An error names the
/// shards that have not answered in time.
pub(crate) async fn ask(
    shards: &[mpsc::Sender<Question>],
    command: &Command,
) -> Result<Affected, String> {
    let pending = shards.iter().map(|shard| {
        let (answer, answered) = oneshot::channel();
        // A shard that does not accept the question will not answer it.
        let _ = shard.try_send(Question::Identities(command.clone(), answer));
        answered
    });
    let (mut affected, mut silent) = (Affected::default(), Vec::new());
    for (shard, answered) in pending.collect::<Vec<_>>().into_iter().enumerate() {
        match timeout(SHARD_TIMEOUT, answered).await {
            Ok(Ok(some)) => affected.join(some),
            _ => silent.push(shard),
        }
    }
    if silent.is_empty() {
        Ok(affected)
    } else {
        Err(format!("the shards {silent:?} do not answer"))
    }
}
