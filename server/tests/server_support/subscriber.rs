//! A subscriber that proves with each message that it has missed none, and a publisher.

use tickcast_protocol::{
    client::{Chain, ConnectOptions, Connection},
    codec::Encoding,
    message::{
        Accepted, Batch, ClientMessage, FilterRequest, Gap, Mode, Position, Publication, Publish,
        Resume, ServerMessage, Subscribe, SubscribeResult, Update,
    },
    topic::Topic,
    value::Value,
};

use super::soon;

pub(crate) const ENCODINGS: [Encoding; 2] = [Encoding::Bincode, Encoding::Json];
pub(crate) const MODES: [Mode; 2] = [Mode::Every, Mode::Latest];

pub(crate) async fn connect(url: &str, encoding: Encoding) -> Connection {
    let options = ConnectOptions::new(url, encoding);
    Connection::connect(&options).await.expect("it connects")
}

/// Reads on until the answer comes that `pick` is looking for.
pub(crate) async fn answer<T>(
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

/// What happened to a subscription.
#[derive(Debug)]
pub(crate) enum News {
    Batch(Batch<Topic>),
    Gap(Gap),
}

/// One connection with one subscription.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) connection: Connection,
    pub(crate) accepted: Accepted,
    chain: Chain,
}

impl Subscriber {
    pub(crate) async fn start(url: &str, encoding: Encoding, filter: &str, mode: Mode) -> Self {
        Self::resume(url, encoding, filter, mode, None).await
    }

    pub(crate) async fn resume(
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

    /// With a request for one filter.
    pub(crate) async fn request(url: &str, encoding: Encoding, request: Subscribe) -> Self {
        let token = request.filters[0].resume;
        let mut connection = connect(url, encoding).await;
        connection
            .send(&ClientMessage::Subscribe(request))
            .await
            .expect("it is open");
        let accepted = answer(&mut connection, |message| match message {
            ServerMessage::Subscribed(subscribed) => match &subscribed.results[..] {
                [SubscribeResult::Accepted(accepted)] => Some(accepted.clone()),
                other => panic!("{other:?}"),
            },
            _ => None,
        })
        .await;
        let (chain, check) = Chain::resume(&accepted, token.as_ref());
        check.expect("it resumes where it was");
        Self {
            connection,
            accepted,
            chain,
        }
    }

    /// The next news, which continue what came before without a hole.
    pub(crate) async fn next(&mut self) -> News {
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
                                .expect("the server knows where we are");
                        }
                    }
                    // Outside of the chain.
                    ServerMessage::Status(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
    }

    /// The updates of the next batch; nothing may be lost.
    pub(crate) async fn updates(&mut self) -> Vec<Update<Topic>> {
        match self.next().await {
            News::Batch(batch) => batch.updates,
            News::Gap(gap) => panic!("{gap:?}"),
        }
    }

    /// So many updates, one by one; nothing may be lost.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Update<Topic>> {
        let mut updates = Vec::with_capacity(count);
        while updates.len() < count {
            updates.extend(self.updates().await);
        }
        assert_eq!(updates.len(), count, "more came than was published");
        updates
    }

    pub(crate) fn position(&self) -> Position {
        self.chain.position()
    }

    pub(crate) fn has_snapshot(&self) -> bool {
        self.chain.has_snapshot()
    }

    pub(crate) fn token(&self) -> Resume {
        self.chain.token()
    }
}

pub(crate) fn reading(topic: &str, number: f64) -> Publication {
    publication(topic, Value::Reading(number))
}

pub(crate) fn publication(topic: &str, value: Value) -> Publication {
    Publication {
        topic: topic.to_owned(),
        value,
        source_time_ns: None,
    }
}

/// The number of a reading.
pub(crate) fn number(update: &Update<Topic>) -> f64 {
    match update.value {
        Value::Reading(number) => number,
        ref other => panic!("{other:?}"),
    }
}

/// A connection that publishes, and knows after each call that all is on the tape.
pub(crate) struct Publisher {
    connection: Connection,
    requests: u32,
}

impl Publisher {
    pub(crate) async fn start(url: &str) -> Self {
        Self {
            connection: connect(url, Encoding::Bincode).await,
            requests: 0,
        }
    }

    /// Returns the position of the last update.
    pub(crate) async fn publish(&mut self, updates: Vec<Publication>) -> Position {
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

    pub(crate) async fn readings(
        &mut self,
        topic: &str,
        numbers: impl IntoIterator<Item = u32>,
    ) -> Position {
        let updates = numbers.into_iter().map(|n| reading(topic, n.into()));
        self.publish(updates.collect()).await
    }
}
