//! What each decoder must do with any bytes: neither panic nor hang, keep to its limits, and
//! understand what it has written itself.
//!
//! `fuzz_targets/` hands these functions to libFuzzer. `server/tests/fuzz.rs` takes this file in as
//! a module and runs the corpus with some mutations of it in every test run.

use std::{
    cell::RefCell,
    ffi::OsString,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use smallvec::smallvec;
use tickcast_core::{
    Now,
    sequencer::Sequencer,
    work::{NewUpdate, Submission},
};
use tickcast_protocol::{
    codec::{self, Encoding},
    decimal::{Decimal, SCALE_MAX},
    message::{ClientMessage, Quality, TopicId, TopicInfo, Update},
    topic::{Filter, TOPIC_MAX_BYTES, Topic},
    value::Value,
};
use tickcast_server::{
    config::{self, Command},
    testing::{
        Inbound, InboundError, MessageReader, Source, Violation,
        decode::{DecodeRule, Decoder, Format, JsonFormat, Shape, SidePointer, time::TimeUnit},
        replay::{CsvFormat, Recording},
    },
};
use tokio::io::{AsyncRead, ReadBuf};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the name of their program and their corpus.
pub const TARGETS: [(&str, Target); 11] = [
    ("client_bincode", client_bincode),
    ("client_json", client_json),
    ("server_bincode", server_bincode),
    ("server_json", server_json),
    ("topics", topics),
    ("decimal", decimal),
    ("payload", payload),
    ("mqtt", mqtt),
    ("inbound", inbound),
    ("replay", replay),
    ("config", config),
];

/// What a client sends, in bincode.
pub fn client_bincode(bytes: &[u8]) {
    client(bytes, Encoding::Bincode);
}

/// What a client sends, in JSON.
pub fn client_json(bytes: &[u8]) {
    client(bytes, Encoding::Json);
}

/// A message that was understood is the same after it was written and read again, in either
/// encoding.
fn client(bytes: &[u8], encoding: Encoding) {
    let Ok(message) = codec::decode_client(bytes, encoding) else {
        return;
    };
    let encodings = match has_json(&message) {
        true => &[Encoding::Bincode, Encoding::Json][..],
        false => &[encoding],
    };
    for &encoding in encodings {
        let written = codec::encode_client(&message, encoding);
        // What is short in one encoding may be too long in the other.
        if written.len() > codec::CLIENT_MESSAGE_MAX_BYTES {
            continue;
        }
        let read = codec::decode_client(&written, encoding).expect("we understand ourselves");
        // As bytes, because NaN is not equal to itself.
        assert_eq!(codec::encode_client(&read, encoding), written);
    }
}

/// A rate that is not finite is refused in bincode and cannot be written in JSON.
fn has_json(message: &ClientMessage) -> bool {
    let rate = match message {
        ClientMessage::Subscribe(subscribe) => subscribe.max_rate_hz,
        ClientMessage::Change(change) => change.max_rate_hz,
        _ => None,
    };
    rate.is_none_or(f64::is_finite)
}

/// What a server sends, in bincode.
pub fn server_bincode(bytes: &[u8]) {
    let Ok(message) = codec::decode_server_bincode(bytes) else {
        return;
    };
    let written = codec::encode_server_bincode(&message);
    let read = codec::decode_server_bincode(&written).expect("we understand ourselves");
    assert_eq!(codec::encode_server_bincode(&read), written);
}

/// What a server sends, in JSON.
pub fn server_json(bytes: &[u8]) {
    let Ok(message) = codec::decode_server_json(bytes) else {
        return;
    };
    let written = codec::encode_server_json(&message);
    let read = codec::decode_server_json(&written).expect("we understand ourselves");
    assert_eq!(codec::encode_server_json(&read), written);
}

/// Two filters and a topic, one per line.
pub fn topics(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (one, other, name) = (next(), next(), next());
    if let Ok(topic) = Topic::new(name) {
        assert!(topic.as_str().len() <= TOPIC_MAX_BYTES);
        let itself = Filter::new(name).expect("a name is a filter, too");
        assert!(itself.is_exact() && itself.matches(name));
        assert_eq!(Filter::all().matches(name), !name.starts_with('$'));
    }
    let (Ok(one), Ok(other)) = (Filter::new(one), Filter::new(other)) else {
        return;
    };
    assert!(one.includes(&one));
    if Topic::new(name).is_err() {
        return;
    }
    for filter in [&one, &other] {
        assert_eq!(filter.matches(name), should_match(filter.as_str(), name));
    }
    if one.includes(&other) && other.matches(name) {
        assert!(one.matches(name), "{one} includes {other}, but not {name}");
    }
}

/// MQTT 5.0, section 4.7, word by word.
fn should_match(filter: &str, topic: &str) -> bool {
    fn levels_match(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) => true,
            ([], []) => true,
            ([wanted, filter @ ..], [level, topic @ ..]) if wanted == &"+" || wanted == level => {
                levels_match(filter, topic)
            }
            _ => false,
        }
    }
    let is_hidden = topic.starts_with('$') && filter.starts_with(['+', '#']);
    let (filter, topic): (Vec<_>, Vec<_>) =
        (filter.split('/').collect(), topic.split('/').collect());
    !is_hidden && levels_match(&filter, &topic)
}

/// Two decimals, one per line.
pub fn decimal(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (one, other) = text.split_once('\n').unwrap_or((&text, "0"));
    let Ok(one) = one.parse::<Decimal>() else {
        return;
    };
    assert!(one.scale() <= SCALE_MAX);
    let again: Decimal = one.to_string().parse().expect("we understand ourselves");
    assert_eq!(
        (again.mantissa(), again.scale()),
        (one.mantissa(), one.scale())
    );
    assert!(one.to_f64().is_finite());
    if let Ok(other) = other.parse::<Decimal>() {
        assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
        // Rounding may make two of them equal, but never turns them round.
        let rounded = one.to_f64().total_cmp(&other.to_f64());
        assert!(rounded.is_eq() || one.to_f64() == other.to_f64() || rounded == one.cmp(&other));
    }
}

/// Formats that a rule may name, with every kind of pointer.
fn formats() -> Vec<Format> {
    let pointer = |text: &str| text.parse().expect("a good pointer");
    let json = |shape, time: Option<TimeUnit>| {
        let time = time.map(|unit| (pointer("/t"), unit));
        Format::Json(Box::new(JsonFormat { shape, time }))
    };
    let trade = |side| Shape::Trade {
        price: pointer("/p"),
        size: pointer("/a/0"),
        side,
    };
    let quote = Shape::Quote {
        bid: pointer("/b"),
        ask: pointer("/a/b"),
        bid_size: Some(pointer("/s/0")),
        ask_size: Some(pointer("/s/1")),
    };
    let mut formats = vec![
        Format::Automatic,
        Format::Number,
        Format::Text,
        Format::Bytes,
        json(trade(None), None),
        json(trade(Some(SidePointer::Side(pointer("/s")))), None),
        json(trade(Some(SidePointer::BuyerMaker(pointer("/s")))), None),
        json(quote, None),
        json(Shape::Value(pointer("")), None),
    ];
    let with_time = |(_, unit)| json(Shape::Value(pointer("/v")), Some(unit));
    formats.extend(TimeUnit::NAMES.map(with_time));
    formats
}

/// A payload as a feed gets it; the first byte chooses how it is to be read.
pub fn payload(bytes: &[u8]) {
    thread_local! {
        static FORMATS: Vec<Format> = formats();
    }
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    let format = FORMATS.with(|formats| formats[usize::from(*choice) % formats.len()].clone());
    let rule = DecodeRule {
        filter: Filter::all(),
        format,
        unit: None,
    };
    let mut decoder = Decoder::new(Arc::new([rule]));
    match decoder.decode("t", payload) {
        Ok(update) => survives(&update.value, update.source_time_ns),
        Err(error) => assert!(error.to_string().len() < 1000 + payload.len().min(1000)),
    }
}

/// A value is the same when it arrives at a subscriber, in either encoding.
fn survives(value: &Value, source_time_ns: Option<i64>) {
    let update = Update {
        topic: 7,
        position: 1,
        seq: 1,
        source_time_ns,
        ingest_time_ns: 5,
        quality: Quality::Live,
        value: value.clone(),
    };
    let mut written = Vec::new();
    codec::append_update_bincode(&update, &mut written);
    let read = codec::decode_update_bincode(&written).expect("we understand ourselves");
    assert_eq!(read.source_time_ns, source_time_ns);
    let has_same_value = |other: &Value| match (value, other) {
        (Value::Reading(one), Value::Reading(other)) => {
            one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan()
        }
        (one, other) => one == other,
    };
    assert!(has_same_value(&read.value), "{value:?} is {:?}", read.value);

    let named = Update {
        topic: Topic::new("t").expect("a good name"),
        position: 1,
        seq: 1,
        source_time_ns,
        ingest_time_ns: 5,
        quality: Quality::Live,
        value: value.clone(),
    };
    let mut written =
        br#"{"type":"batch","channel":1,"from":0,"to":1,"snapshot":false,"updates":["#.to_vec();
    codec::append_update_json(&named, &mut written);
    written.extend_from_slice(codec::batch_tail(Encoding::Json));
    let read = codec::decode_server_json(&written).expect("we understand ourselves");
    let tickcast_protocol::message::ServerMessage::Batch(batch) = read else {
        panic!("a batch is {read:?}");
    };
    assert_eq!(batch.updates[0].source_time_ns, source_time_ns);
    let read = &batch.updates[0].value;
    assert!(has_same_value(read), "{value:?} is {read:?}");
}

/// The way of an MQTT message to the tape: a topic, a line's end, and a payload, several of them
/// divided by zero bytes.
pub fn mqtt(bytes: &[u8]) {
    let mut decoder = Decoder::new(Arc::new([]));
    let mut sequencer = Sequencer::new(3);
    let mut decoded: Vec<NewUpdate> = Vec::new();
    for message in bytes.split(|byte| *byte == 0) {
        let end = message.iter().position(|byte| *byte == b'\n');
        let (topic, payload) = message.split_at(end.unwrap_or(message.len()));
        // rumqttc has checked that it is UTF-8, and nothing more.
        let topic = String::from_utf8_lossy(topic);
        let Ok(update) = decoder.decode(&topic, payload.get(1..).unwrap_or_default()) else {
            continue;
        };
        decoded.push(update.clone());
        let submission = Submission {
            updates: smallvec![update],
            ..Submission::default()
        };
        let now = Now {
            uptime: Duration::ZERO,
            wall_ns: 5,
        };
        sequencer.push(submission, now);
    }
    let known = sequencer.position() + sequencer.refused();
    assert_eq!(
        known,
        decoded.len() as u64,
        "each is on the tape or counted"
    );
    let Some(strip) = sequencer.take_strip() else {
        return;
    };
    let names: Vec<&TopicInfo> = strip.topics().iter().collect();
    let name_of = |id: TopicId| &names[id as usize].topic;
    let mut expected = decoded.iter();
    for update in strip.updates() {
        let read = codec::decode_update_bincode(update.bincode).expect("we understand ourselves");
        let name = name_of(update.topic);
        let same = expected
            .find(|new| new.topic == *name)
            .expect("in the same order");
        assert_eq!(read.source_time_ns, same.source_time_ns);
        survives(&same.value, same.source_time_ns);
    }
}

/// Longest message for the reader under test, short enough that a fuzzer finds it.
const MESSAGE_MAX_BYTES: usize = 200;

/// What a client sends, as frames.
pub fn inbound(bytes: &[u8]) {
    let (messages, end) = read_messages(bytes, bytes.len().max(1));
    for message in &messages {
        match message {
            Inbound::Text(text) => {
                assert!(text.len() <= MESSAGE_MAX_BYTES && std::str::from_utf8(text).is_ok());
            }
            Inbound::Binary(payload) => assert!(payload.len() <= MESSAGE_MAX_BYTES),
            Inbound::Ping(payload) => assert!(payload.len() <= 125),
            Inbound::Pong | Inbound::Close(None) => {}
            Inbound::Close(Some(code)) => assert!((1000..5000).contains(code)),
        }
    }
    // It makes no difference in which pieces they come.
    for piece in [1, 2, 5] {
        assert_eq!(read_messages(bytes, piece), (messages.clone(), end));
    }
}

/// All messages, and the broken rule that ends them, if one does.
fn read_messages(bytes: &[u8], piece: usize) -> (Vec<Inbound>, Option<Violation>) {
    // The first bytes come with the handshake.
    let (first, rest) = bytes.split_at(piece.min(bytes.len()));
    let stream = Pieces { bytes: rest, piece };
    let mut reader = MessageReader::new(stream, &Bytes::copy_from_slice(first), MESSAGE_MAX_BYTES);
    let mut messages = Vec::new();
    loop {
        match now(reader.next()) {
            Ok(message) => messages.push(message),
            Err(InboundError::Lost) => return (messages, None),
            Err(InboundError::Violation(violation)) => return (messages, Some(violation)),
        }
    }
}

/// A future that has nothing to wait for.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits for what is there already"),
    }
}

/// A stream of which so many bytes come at once.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = self.piece.min(self.bytes.len()).min(out.remaining());
        let (piece, rest) = self.bytes.split_at(len);
        out.put_slice(piece);
        self.bytes = rest;
        Poll::Ready(Ok(()))
    }
}

/// Where a file is only memory, if there is such a place.
const MEMORY: &str = "/dev/shm";

/// Does something with a file of this content.
fn with_file<T>(content: &[u8], act: impl FnOnce(&std::path::Path) -> T) -> T {
    thread_local! {
        static FILE: RefCell<Option<tempfile::NamedTempFile>> = const { RefCell::new(None) };
    }
    FILE.with_borrow_mut(|file| {
        let create = || {
            let in_memory = tempfile::NamedTempFile::new_in(MEMORY);
            in_memory
                .or_else(|_| tempfile::NamedTempFile::new())
                .expect("a file")
        };
        let file = file.get_or_insert_with(create);
        std::fs::write(file.path(), content).expect("room for a small file");
        act(file.path())
    })
}

/// A recorded file behind a line that names its format.
pub fn replay(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (format, content) = bytes.split_at(end.map_or(0, |end| end + 1));
    let format = std::str::from_utf8(format).ok();
    let format = match format.and_then(|format| format.trim_end_matches('\n').parse().ok()) {
        Some(format) => format,
        None => CsvFormat::Automatic,
    };
    let written = format.to_string().parse::<CsvFormat>();
    assert_eq!(written.as_ref(), Ok(&format));
    with_file(content, |path| {
        let Ok(mut recording) = Recording::open(path, &format) else {
            return;
        };
        let (mut rows, mut line) = (0, 0);
        while let Some(row) = recording.next() {
            rows += 1;
            assert!(rows <= content.len() + 1, "more rows than bytes");
            match row {
                Ok(row) => survives(&row.value, Some(row.time_ns)),
                Err(bad) => {
                    assert!(bad.line >= line, "lines are counted upwards");
                    line = bad.line;
                }
            }
        }
    });
}

/// A settings file, then flags and variables, divided by zero bytes. Variables have a `=` and do not
/// begin with `-`.
pub fn config(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0);
    let content = parts.next().unwrap_or_default();
    let mut flags: Vec<OsString> = vec!["tickcast-server".into()];
    let mut environment: Vec<(OsString, OsString)> = Vec::new();
    for part in parts {
        let part = String::from_utf8_lossy(part);
        match part.split_once('=') {
            Some((name, value)) if !name.starts_with('-') => {
                environment.push((format!("TICKCAST_{name}").into(), value.into()));
            }
            _ => flags.push(part.as_ref().into()),
        }
    }
    let load = |content: &[u8], flags: &[OsString], environment: &[(OsString, OsString)]| {
        with_file(content, |path| {
            let file = ["--config".into(), path.into()];
            let flags = flags[..1].iter().chain(&file).chain(&flags[1..]);
            config::load(flags.cloned(), environment.iter().cloned())
        })
    };
    let settings = match load(content, &flags, &environment) {
        Ok(Command::Run(settings)) => settings,
        Ok(Command::Print(_)) => return,
        Err(error) => {
            assert!(!error.problems.is_empty());
            return;
        }
    };
    // What is printed is a file that says the same, but for secrets.
    flags.insert(1, "--print-config".into());
    let Ok(Command::Print(printed)) = load(content, &flags, &environment) else {
        panic!("good settings cannot be printed");
    };
    let has_secret = settings.feeds.iter().any(|feed| match &feed.source {
        Source::Mqtt(mqtt) => mqtt.password.is_some() || mqtt.url.password.is_some(),
        _ => false,
    });
    if has_secret {
        return;
    }
    match load(printed.as_bytes(), &flags[..1], &[]) {
        Ok(Command::Run(read)) => {
            let mut expected = settings;
            expected.warnings.clear();
            assert_eq!(read, expected, "{printed}");
        }
        other => panic!("{other:?} is what became of\n{printed}"),
    }
}
