//! A subscriber that checks with each message that none is missing, and a publisher.

use tickcast_protocol::{
    client::{Chain, ConnectOptions, Connection},
    codec::Encoding,
    message::{
        Accepted, Batch, ClientMessage, Epoch, FilterRequest, Gap, Lineage, Mode, Position,
        Publication, Publish, Resume, ServerMessage, Subscribe, SubscribeResult, Update,
    },
    topic::Topic,
    value::Value,
};

use crate::waiting::soon;

/// Both encodings.
pub const ENCODINGS: [Encoding; 2] = [Encoding::Bincode, Encoding::Json];
/// Both modes.
pub const MODES: [Mode; 2] = [Mode::Every, Mode::Latest];

/// Connects with the default options.
///
/// # Panics
///
/// If the server refuses.
pub async fn connect(url: &str, encoding: Encoding) -> Connection {
    let options = ConnectOptions::new(url, encoding);
    Connection::connect(&options).await.expect("it connects")
}

/// Reads messages until `pick` returns something for one.
pub async fn answer<T>(
    connection: &mut Connection,
    mut pick: impl FnMut(ServerMessage<Topic>) -> Option<T>,
) -> T {
    soon("an answer", async {
        loop {
            let message = connection.next().await.expect("a message");
            if let Some(picked) = pick(message) {
                return picked;
            }
        }
    })
    .await
}

/// What a subscription receives.
#[derive(Debug)]
pub enum News {
    /// Updates.
    Batch(Batch<Topic>),
    /// A loss, with its count.
    Gap(Gap),
}

/// One connection with one subscription.
#[derive(Debug)]
pub struct Subscriber {
    /// The connection, for other messages.
    pub connection: Connection,
    /// How the server accepted the subscription.
    pub accepted: Accepted,
    chain: Chain,
}

impl Subscriber {
    /// Subscribes to a filter afresh.
    pub async fn start(url: &str, encoding: Encoding, filter: &str, mode: Mode) -> Self {
        Self::resume(url, encoding, filter, mode, None).await
    }

    /// Subscribes to a filter, and resumes if there is a token.
    pub async fn resume(
        url: &str,
        encoding: Encoding,
        filter: &str,
        mode: Mode,
        resume: Option<Resume>,
    ) -> Self {
        Self::request(
            url,
            encoding,
            Subscribe {
                id: 1,
                filters: vec![FilterRequest {
                    filter: filter.to_owned(),
                    resume,
                }],
                mode,
                max_rate_hz: None,
            },
        )
        .await
    }

    /// Subscribes with a request for one filter.
    pub async fn request(url: &str, encoding: Encoding, request: Subscribe) -> Self {
        let token = request.filters[0].resume;
        let mut connection = connect(url, encoding).await;
        connection
            .send(&ClientMessage::Subscribe(request))
            .await
            .expect("it is open");
        let mut lineage = Lineage::new(Epoch(0));
        let accepted = answer(&mut connection, |message| match message {
            ServerMessage::Welcome(welcome) => {
                lineage = welcome.lineage();
                None
            }
            ServerMessage::Subscribed(subscribed) => match &subscribed.results[..] {
                [SubscribeResult::Accepted(accepted)] => Some(accepted.clone()),
                other => panic!("{other:?}"),
            },
            _ => None,
        })
        .await;
        let (chain, check) = Chain::resume(&accepted, token.as_ref(), &lineage);
        check.expect("it resumes where it was");
        Self {
            connection,
            accepted,
            chain,
        }
    }

    /// The next news. They must continue the news before them.
    pub async fn next(&mut self) -> News {
        soon("news of a subscription", async {
            loop {
                match self.connection.next().await.expect("it is open") {
                    ServerMessage::Batch(batch) => {
                        self.chain.batch(&batch).expect("nothing is missing");
                        return News::Batch(batch);
                    }
                    ServerMessage::Gap(gap) => {
                        self.chain.gap(&gap).expect("the gap continues");
                        return News::Gap(gap);
                    }
                    ServerMessage::Heartbeat(heartbeat) => {
                        for channel in heartbeat.channels {
                            self.chain
                                .heartbeat(channel.position)
                                .expect("the position is ours");
                        }
                    }
                    // Not part of the chain.
                    ServerMessage::Status(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
    }

    /// The updates of the next batch. A gap fails the test.
    pub async fn updates(&mut self) -> Vec<Update<Topic>> {
        match self.next().await {
            News::Batch(batch) => batch.updates,
            News::Gap(gap) => panic!("{gap:?}"),
        }
    }

    /// The next `count` updates. A gap, or more updates, fail the test.
    pub async fn take(&mut self, count: usize) -> Vec<Update<Topic>> {
        let mut updates = Vec::with_capacity(count);
        while updates.len() < count {
            updates.extend(self.updates().await);
        }
        assert_eq!(updates.len(), count, "more came than was published");
        updates
    }

    /// The position that it has reached.
    pub fn position(&self) -> Position {
        self.chain.position()
    }

    /// Whether a snapshot is still incomplete.
    pub fn has_snapshot(&self) -> bool {
        self.chain.has_snapshot()
    }

    /// A token to resume with.
    pub fn token(&self) -> Resume {
        self.chain.token()
    }
}

/// A reading to publish.
pub fn reading(topic: &str, number: f64) -> Publication {
    publication(topic, Value::Reading(number))
}

/// A value to publish, without a source time.
pub fn publication(topic: &str, value: Value) -> Publication {
    Publication {
        topic: topic.to_owned(),
        value,
        source_time_ns: None,
    }
}

/// The number of an update that must be a reading.
pub fn number(update: &Update<Topic>) -> f64 {
    match update.value {
        Value::Reading(number) => number,
        ref other => panic!("{other:?}"),
    }
}

/// A connection that publishes and waits for each acknowledgement.
#[derive(Debug)]
pub struct Publisher {
    connection: Connection,
    requests: u32,
}

impl Publisher {
    /// Connects.
    pub async fn start(url: &str) -> Self {
        Self {
            connection: connect(url, Encoding::Bincode).await,
            requests: 0,
        }
    }

    /// Publishes, and returns the position of the last update.
    pub async fn publish(&mut self, updates: Vec<Publication>) -> Position {
        self.requests += 1;
        let id = self.requests;
        let message = ClientMessage::Publish(Publish {
            id: Some(id),
            updates,
        });
        self.connection.send(&message).await.expect("it is open");
        answer(&mut self.connection, |message| match message {
            ServerMessage::Published(published) if published.id == id => Some(published.position),
            ServerMessage::Error(error) => panic!("{error:?}"),
            _ => None,
        })
        .await
    }

    /// Publishes readings of a topic in one message.
    pub async fn readings(
        &mut self,
        topic: &str,
        numbers: impl IntoIterator<Item = u32>,
    ) -> Position {
        let updates = numbers.into_iter().map(|n| reading(topic, n.into()));
        self.publish(updates.collect()).await
    }
}
