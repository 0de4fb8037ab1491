//! The value that was published last, and what the server answered.

use tickcast_protocol::{
    message::{Position, RequestId},
    topic::Topic,
};

use super::format;

/// The value that was published last.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LastPublished {
    topic: Topic,
    /// The value in words.
    value: String,
    /// The request, if it was sent.
    id: Option<RequestId>,
    pub(crate) state: PublishState,
}

/// What became of a published value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublishState {
    /// The server has not answered yet.
    Waiting,
    /// It is on the tape.
    Done(Position),
    /// It is not, or may not be.
    Failed(String),
}

impl LastPublished {
    /// A value that was sent, or why it was not.
    pub(crate) fn new(topic: Topic, value: String, sent: Result<RequestId, String>) -> Self {
        let (id, state) = match sent {
            Ok(id) => (Some(id), PublishState::Waiting),
            Err(why) => (None, PublishState::Failed(why)),
        };
        Self {
            topic,
            value,
            id,
            state,
        }
    }

    /// What became of it, in words.
    pub(crate) fn words(&self) -> String {
        let (topic, value) = (&self.topic, &self.value);
        let state = match &self.state {
            PublishState::Waiting => "waiting for the server's answer",
            PublishState::Done(position) => {
                let position = format::count(*position);
                return format!("{topic} = {value}: the server has it, at position {position}");
            }
            PublishState::Failed(why) => why,
        };
        format!("{topic} = {value}: {state}")
    }

    /// The server answered a request.
    pub(crate) fn answered(&mut self, id: RequestId, answer: Result<Position, String>) {
        if self.id == Some(id) {
            self.state = match answer {
                Ok(position) => PublishState::Done(position),
                Err(why) => PublishState::Failed(why),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_last_request_counts() {
        let topic = Topic::new("a").unwrap();
        let mut last = LastPublished::new(topic.clone(), "1".to_owned(), Ok(7));
        last.answered(6, Err("refused".to_owned()));
        assert_eq!(last.state, PublishState::Waiting);
        last.answered(7, Ok(42));
        assert_eq!(last.state, PublishState::Done(42));
        let unsent = LastPublished::new(topic, "1".to_owned(), Err("why".to_owned()));
        assert_eq!(unsent.state, PublishState::Failed("why".to_owned()));
    }
}
