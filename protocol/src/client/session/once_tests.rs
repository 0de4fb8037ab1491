//! Random histories of a client that publishes once, against a model of the server. The model loses
//! connections at any place, refuses for now, and forgets its publishers. Whatever happens: nothing
//! is on the tape twice, and what the caller is told is so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::{tests::limits, *};
use crate::{
    client::{
        command::ClientCommand,
        event::{Event, Unpublished},
        request_ids::RequestIds,
    },
    codec::Encoding,
    error::ErrorCode,
    message::{
        ClientMessage, Epoch, ErrorMessage, PUBLISHER_WINDOW, Position, Publication, PublishNumber,
        PublishOnce, Published, PublisherId, RequestId, ServerMessage, Welcome,
    },
    topic::Topic,
    value::Value,
};

#[derive(Debug, Clone)]
enum Op {
    /// The caller publishes, if the client takes commands.
    Publish,
    /// The server gets a message.
    Receive,
    /// The client gets an answer.
    Answer,
    /// The server refuses the next message for now.
    RefuseForNow,
    /// The server refuses the next message for good.
    Refuse,
    /// What was refused for now is due.
    Retry,
    /// The connection ends with all that was on its way, and another one begins.
    Reconnect,
    /// The server forgets its publishers, and the connection ends.
    Forget,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => Just(Op::Publish),
        10 => Just(Op::Receive),
        10 => Just(Op::Answer),
        1 => Just(Op::RefuseForNow),
        1 => Just(Op::Refuse),
        2 => Just(Op::Retry),
        2 => Just(Op::Reconnect),
        1 => Just(Op::Forget),
    ]
}

struct World {
    session: Session,
    ids: RequestIds,
    /// What each request publishes.
    values: BTreeMap<RequestId, u64>,
    to_server: VecDeque<PublishOnce>,
    to_client: VecDeque<ServerMessage<Topic>>,
    /// The value of each update.
    tape: Vec<u64>,
    book: BTreeMap<PublisherId, BTreeMap<PublishNumber, Position>>,
    published: BTreeSet<u64>,
    /// What the caller was told not to be on the tape.
    unpublished: BTreeSet<u64>,
    /// What may be on the tape.
    unknown: BTreeSet<u64>,
    refuses: bool,
    forgets: bool,
    /// Refusals that the caller was told of.
    told: usize,
}

impl World {
    fn new() -> Self {
        let ids = RequestIds::default();
        let mut world = Self {
            session: Session::new(Encoding::Json, ids.clone(), u64::MAX),
            ids,
            values: BTreeMap::new(),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            tape: Vec::new(),
            book: BTreeMap::new(),
            published: BTreeSet::new(),
            unpublished: BTreeSet::new(),
            unknown: BTreeSet::new(),
            refuses: false,
            forgets: false,
            told: 0,
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        let welcome = Welcome {
            server: "model".to_owned(),
            epoch: Epoch(1),
            position: 0,
            server_time_ns: 0,
            heartbeat_ms: 5_000,
            limits: limits(),
            continues: Vec::new(),
        };
        self.give(ServerMessage::Welcome(welcome));
    }

    fn disconnect(&mut self) {
        self.to_server.clear();
        self.to_client.clear();
        self.session.disconnected();
    }

    fn give(&mut self, message: ServerMessage<Topic>) {
        self.session.message(message, 0).unwrap();
        self.pump();
    }

    fn pump(&mut self) {
        while let Some(message) = self.session.next_request() {
            let ClientMessage::PublishOnce(request) = message else {
                panic!("{message:?}");
            };
            self.to_server.push_back(request);
        }
        while let Some(event) = self.session.next_event() {
            match event {
                Event::Published(Published { id, position }) => {
                    let value = self.values.remove(&id).unwrap();
                    assert_eq!(self.tape[position as usize - 1], value);
                    self.published.insert(value);
                }
                Event::Unpublished { id, why } => {
                    let value = self.values.remove(&id).unwrap();
                    match why {
                        Unpublished::Unknown => self.unknown.insert(value),
                        _ => self.unpublished.insert(value),
                    };
                }
                Event::Error(_) => self.told += 1,
                Event::Connected(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn publish(&mut self) {
        if !self.session.takes_commands() {
            return;
        }
        let id = self.ids.next();
        self.values.insert(id, id.into());
        let update = Publication {
            topic: "a".to_owned(),
            value: Value::Text(id.to_string()),
            source_time_ns: None,
        };
        let updates = vec![update];
        self.session
            .command(ClientCommand::PublishOnce { id, updates });
        self.pump();
    }

    /// The server gets the next message. `refused` is the answer, if it is refused.
    fn receive(&mut self, refused: Option<ErrorCode>) {
        let Some(request) = self.to_server.pop_front() else {
            return;
        };
        let PublishOnce {
            id,
            publisher,
            number,
            updates,
        } = request;
        let known = self.book.get(&publisher);
        let newest = known.and_then(|all| all.keys().next_back());
        let is_too_old = match newest {
            Some(newest) => number + PUBLISHER_WINDOW <= *newest,
            None => number != 1,
        };
        let found = known.and_then(|all| all.get(&number)).copied();
        let result = match (refused, found) {
            (Some(code), _) => Err(code),
            _ if is_too_old => Err(ErrorCode::NumberTooOld),
            (None, Some(position)) => Ok(position),
            (None, None) => {
                for update in updates {
                    let Value::Text(text) = update.value else {
                        panic!("{update:?}");
                    };
                    self.tape.push(text.parse().unwrap());
                }
                let position = self.tape.len() as Position;
                let all = self.book.entry(publisher).or_default();
                all.insert(number, position);
                Ok(position)
            }
        };
        self.to_client.push_back(match result {
            Ok(position) => ServerMessage::Published(Published { id, position }),
            Err(code) => ServerMessage::Error(ErrorMessage {
                id: Some(id),
                code,
                reason: String::new(),
                temporary: code.is_temporary(),
                retry_after_ms: None,
            }),
        });
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Publish => self.publish(),
            Op::Receive => self.receive(None),
            Op::Answer => {
                if let Some(answer) = self.to_client.pop_front() {
                    let (told, ServerMessage::Error(error)) = (self.told, &answer) else {
                        return self.give(answer);
                    };
                    let is_for_now = error.temporary;
                    self.give(answer);
                    assert!(self.told > told || !is_for_now, "it waits without a word");
                }
            }
            Op::RefuseForNow => self.receive(Some(ErrorCode::NotRecorded)),
            Op::Refuse => {
                self.refuses = true;
                self.receive(Some(ErrorCode::PublishForbidden));
            }
            Op::Retry => {
                self.session.retry();
                self.pump();
            }
            Op::Reconnect | Op::Forget => {
                if matches!(op, Op::Forget) {
                    self.forgets = true;
                    self.book.clear();
                }
                self.disconnect();
                self.pump();
                self.connect();
            }
        }
    }

    fn check(&self) {
        let on_tape: BTreeSet<_> = self.tape.iter().copied().collect();
        assert_eq!(on_tape.len(), self.tape.len(), "doubled: {:?}", self.tape);
        assert!(self.published.is_subset(&on_tape), "{:?}", self.published);
        let wrong: Vec<_> = self.unpublished.intersection(&on_tape).collect();
        assert!(wrong.is_empty(), "on the tape: {wrong:?}");
        if !self.refuses {
            assert!(self.unpublished.is_empty(), "{:?}", self.unpublished);
            assert!(self.forgets || self.unknown.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases * 8))]

    #[test]
    fn nothing_is_doubled_and_each_publish_is_told(ops in proptest::collection::vec(op(), 0..300)) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
        }
        while !(world.values.is_empty() && world.to_server.is_empty()) {
            for op in [Op::Retry, Op::Receive, Op::Answer] {
                world.apply(&op);
            }
        }
        world.check();
    }
}

#[test]
fn updates_keep_their_order_if_nothing_is_refused() {
    let mut world = World::new();
    for round in 0..400 {
        world.apply(&Op::Publish);
        if round % 3 != 0 {
            world.apply(&Op::Receive);
        }
        if round % 2 == 0 {
            world.apply(&Op::Answer);
        }
        if round % 17 == 0 {
            world.apply(&Op::Reconnect);
        }
    }
    world.check();
    assert!(world.tape.is_sorted(), "{:?}", world.tape);
    assert!(world.tape.len() > 50, "{:?}", world.tape);
}

#[test]
fn as_many_publishes_wait_as_the_server_can_tell_apart_and_all_are_told_at_the_end() {
    let mut world = World::new();
    for _ in 0..2 * PUBLISHER_WINDOW {
        world.publish();
    }
    assert_eq!(world.values.len() as u64, PUBLISHER_WINDOW);
    // The publisher is not known yet, so only number 1 is on its way.
    assert_eq!(world.to_server.len(), 1);
    world.apply(&Op::Receive);
    world.apply(&Op::Answer);
    assert_eq!(world.to_server.len() as u64, PUBLISHER_WINDOW);
    world.disconnect();
    world.session.end();
    world.pump();
    assert_eq!(world.unknown.len() as u64, PUBLISHER_WINDOW);
}
