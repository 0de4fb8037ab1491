//! Requests that cannot be read, sent to a server: each answer has the id where the bytes hold one,
//! and none has a word of the libraries that decode. `TICKCAST_FUZZ_MUTATIONS` sets the number of
//! requests per encoding, `TICKCAST_FUZZ_SEED` the first seed.

use std::{env, fs, path::Path};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};
use tickcast_protocol::{
    codec::{self, Encoding},
    error::ErrorCode,
    message::{ClientMessage, ErrorMessage, ServerMessage, TimeRequest},
};
use tickcast_server_testkit::{
    Program,
    raw::{BINARY, PING, RawSocket, TEXT},
};

#[path = "../../../protocol/src/codec/explain/own_words.rs"]
mod own_words;

use own_words::{FORBIDDEN, own_words};

/// Requests per encoding by default.
const MUTATIONS: u64 = 1_500;

/// The id of the question that follows each request. Its answer tells that the request's came.
const FENCE: u32 = 4_000_000_000;

/// A request, and the id that its answer must have, if the bytes certainly have one.
struct Mutated {
    bytes: Vec<u8>,
    id: Option<u32>,
}

/// The requests of the golden files.
fn golden(extension: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/golden");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("client-")
        })
        .collect();
    paths.sort();
    assert!(paths.len() >= 7);
    paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

fn odd_value(random: &mut StdRng) -> Value {
    let odd = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("+1"),
        json!(".5"),
        json!("1e3"),
        json!("every"),
        json!([]),
        json!({}),
        json!([[[{}]]]),
        json!({"reading": "x"}),
        json!({"text": 1, "bytes": 2}),
        json!("x".repeat(3_000)),
        json!("a\u{0}\"\\b"),
    ];
    odd.choose(random).unwrap().clone()
}

/// Changes one of the values below `value`.
fn change(value: &mut Value, random: &mut StdRng) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let names: Vec<_> = members.keys().cloned().collect();
            let name = names.choose(random).unwrap();
            match random.random_range(0..6) {
                0 => drop(members.remove(name)),
                1 => {
                    let moved = members.remove(name).unwrap();
                    members.insert(format!("{name}s"), moved);
                }
                2 => drop(members.insert(name.clone(), odd_value(random))),
                3 => drop(members.insert("extra".to_owned(), odd_value(random))),
                _ => change(members.get_mut(name).unwrap(), random),
            }
        }
        Value::Array(list) if !list.is_empty() && random.random_bool(0.8) => {
            change(list.choose_mut(random).unwrap(), random);
        }
        other => *other = odd_value(random),
    }
}

trait ChooseMut {
    fn choose_mut(&mut self, random: &mut StdRng) -> Option<&mut Value>;
}

impl ChooseMut for Vec<Value> {
    fn choose_mut(&mut self, random: &mut StdRng) -> Option<&mut Value> {
        let index = random.random_range(0..self.len());
        self.get_mut(index)
    }
}

/// The id comes first, so that it is in every text that is cut after it.
fn mutated_json(seeds: &[String], random: &mut StdRng) -> Mutated {
    let seed: Map<String, Value> = serde_json::from_str(seeds.choose(random).unwrap()).unwrap();
    let id = random.random_range(0..1_000_000);
    let mut rest = seed;
    rest.remove("id");
    for _ in 0..random.random_range(0..3) {
        let mut value = Value::Object(rest);
        change(&mut value, random);
        rest = match value {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        rest.remove("id");
    }
    let head = format!("{{\"id\":{id},");
    let mut text = format!("{head}{}", &Value::Object(rest).to_string()[1..]);
    if random.random_bool(0.3) {
        let cut = random.random_range(head.len()..=text.len());
        text.truncate(
            (0..=cut)
                .rev()
                .find(|&at| text.is_char_boundary(at))
                .unwrap(),
        );
    }
    let mut bytes = text.into_bytes();
    if random.random_bool(0.3) {
        let at = random.random_range(head.len()..=bytes.len());
        if at < bytes.len() {
            bytes[at] ^= 1 << random.random_range(0..8);
        }
    }
    Mutated {
        bytes,
        id: Some(id),
    }
}

/// The length of an integer that begins with this byte.
fn varint_len(first: u8) -> usize {
    match first {
        251 => 3,
        252 => 5,
        253 => 9,
        _ => 1,
    }
}

/// Changes only what follows the id.
fn mutated_bincode(seeds: &[String], random: &mut StdRng) -> Mutated {
    let digits: Vec<u32> = seeds
        .choose(random)
        .unwrap()
        .chars()
        .filter_map(|c| c.to_digit(16))
        .collect();
    let mut bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect();
    let decoded = codec::decode_client(&bytes, Encoding::Bincode).unwrap();
    let is_publish = matches!(decoded, ClientMessage::Publish(_));
    let (id, head) = match request_id(&decoded) {
        Some(id) => {
            let at = 1 + usize::from(is_publish);
            (Some(id), at + varint_len(bytes[at]))
        }
        None => (None, 2),
    };
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(head..=bytes.len());
        match random.random_range(0..4) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => {
                let pieces: [&[u8]; 4] = [&[9], &[253; 9], &[255], &[0, 0]];
                let piece = pieces.choose(random).unwrap();
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
        }
    }
    Mutated { bytes, id }
}

fn request_id(message: &ClientMessage) -> Option<u32> {
    match message {
        ClientMessage::Subscribe(request) => Some(request.id),
        ClientMessage::Unsubscribe(request) => Some(request.id),
        ClientMessage::Publish(request) => request.id,
        ClientMessage::Time(request) => Some(request.id),
        ClientMessage::List(request) => Some(request.id),
        ClientMessage::Change(request) => Some(request.id),
        ClientMessage::History(request) => Some(request.id),
        ClientMessage::Candles(request) => Some(request.id),
        ClientMessage::Authenticate(request) => Some(request.id),
        ClientMessage::PublishOnce(request) => Some(request.id),
    }
}

/// The errors that come before the fence's answer.
async fn errors(socket: &mut RawSocket, encoding: Encoding) -> Vec<ErrorMessage> {
    let mut errors = Vec::new();
    loop {
        let (first, payload) = socket.frame().await;
        if first == PING {
            continue;
        }
        assert!(
            [TEXT, BINARY].contains(&first),
            "{first}: {}",
            payload.escape_ascii()
        );
        let (error, fence) = match encoding {
            Encoding::Json => split(codec::decode_server_json(&payload).unwrap()),
            Encoding::Bincode => split(codec::decode_server_bincode(&payload).unwrap()),
        };
        // The sequencer may answer an earlier publish at any time.
        errors.extend(error.filter(|error| error.code != ErrorCode::NumberTooOld));
        if fence == Some(FENCE) {
            return errors;
        }
    }
}

fn split<T>(message: ServerMessage<T>) -> (Option<ErrorMessage>, Option<u32>) {
    match message {
        ServerMessage::Error(error) => (Some(error), None),
        ServerMessage::Time(answer) => (None, Some(answer.id)),
        _ => (None, None),
    }
}

async fn check(encoding: Encoding, mutate: impl Fn(&mut StdRng) -> Mutated) {
    let rate = ["--requests-per-s", "1000000", "--request-burst", "1000000"];
    let none = ["--feed", "none", "--shards", "1"];
    let server = Program::start(&[&none[..], &rate[..]].concat()).await;
    let protocol = format!("Sec-WebSocket-Protocol: {}\r\n", encoding.subprotocol());
    let mut socket = RawSocket::open(server.address, "/ws", &protocol).await;
    let kind = match encoding {
        Encoding::Json => TEXT,
        Encoding::Bincode => BINARY,
    };
    let fence = ClientMessage::Time(TimeRequest {
        id: FENCE,
        client_time_ns: 0,
    });
    let fence = codec::encode_client(&fence, encoding);
    let number = |name: &str, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    let first = number("TICKCAST_FUZZ_SEED", 1);
    let mut unreadable = 0;
    for seed in first..first + number("TICKCAST_FUZZ_MUTATIONS", MUTATIONS) {
        let Mutated { bytes, id } = mutate(&mut StdRng::seed_from_u64(seed));
        // A text that is not UTF-8 ends the connection.
        if encoding == Encoding::Json && std::str::from_utf8(&bytes).is_err() {
            continue;
        }
        socket.send(kind, &bytes).await;
        socket.send(kind, &fence).await;
        let errors = errors(&mut socket, encoding).await;
        let shown = || format!("seed {seed}: {}: {errors:?}", bytes.escape_ascii());
        for error in &errors {
            let own = own_words(&error.reason);
            let found = FORBIDDEN.iter().find(|text| own.contains(**text));
            assert_eq!(found, None, "{}", shown());
            assert!(error.reason.len() < 2_000, "{}", shown());
        }
        if codec::decode_client(&bytes, encoding).is_err() {
            unreadable += 1;
            let [error] = errors.as_slice() else {
                panic!("{}", shown());
            };
            assert_eq!(error.id, id, "{}", shown());
            assert!([100, 101].contains(&error.code.number()), "{}", shown());
        }
    }
    assert!(
        unreadable > 300,
        "only {unreadable} requests could not be read"
    );
}

#[tokio::test]
async fn mutated_requests_in_json_are_answered_with_their_id_and_in_the_protocols_words() {
    let seeds = golden("json");
    check(Encoding::Json, |random| mutated_json(&seeds, random)).await;
}

#[tokio::test]
async fn mutated_requests_in_bincode_are_answered_with_their_id_and_in_the_protocols_words() {
    let seeds = golden("hex");
    check(Encoding::Bincode, |random| mutated_bincode(&seeds, random)).await;
}

#[tokio::test]
async fn requests_that_outsiders_got_wrong_are_answered_with_what_to_do() {
    let server = Program::start(&["--feed", "none", "--shards", "1"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    for (text, code, reason) in [
        (
            r#"{"type":"publish","id":7,"updates":[{"topic":"a","value":21.5}]}"#,
            100,
            "updates[0].value is 21.5: it must be an object with one member, which is reading, \
             trade, quote, text, bytes or absent, such as {\"reading\":21.5}",
        ),
        (
            r#"{"type":"change","id":7,"channel":1}"#,
            100,
            "mode is missing: it must be \"every\" or \"latest\"",
        ),
        (
            r#"{"type":"subscribe","id":7,"filter":["a"]}"#,
            100,
            "filter is not a member of subscribe; did you mean filters?",
        ),
        (
            r#"{"type":"subscribed","id":7}"#,
            101,
            "type is \"subscribed\": it must be \"subscribe\", \"unsubscribe\", \"publish\", \
             \"time\", \"list\", \"change\", \"history\", \"candles\", \"authenticate\" or \
             \"publish_once\"; did you mean subscribe?",
        ),
    ] {
        socket.send(TEXT, text.as_bytes()).await;
        let error = socket.json("error").await;
        assert_eq!(
            (&error["id"], &error["code"]),
            (&json!(7), &json!(code)),
            "{error}"
        );
        assert_eq!(error["reason"], reason);
    }
}
