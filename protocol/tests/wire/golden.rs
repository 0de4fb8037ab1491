//! `docs/golden/`: the bytes of one message of every kind, for authors of clients in other
//! languages. Old bytes must stay readable forever, so a difference here breaks the protocol.
//!
//! `TICKCAST_WRITE_GOLDEN=1 cargo test -p tickcast-protocol golden` writes the files again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Debug, Write as _},
    fs,
    path::PathBuf,
};

use tickcast_protocol::{
    codec::{self, CodecError, Encoding},
    message::{
        CandleState, ClientMessage, Mode, Quality, ServerMessage, Start, SubscribeResult, TopicId,
    },
    topic::Topic,
    value::{Side, Value},
};

use crate::samples;

/// Bytes per line of a `.hex` file.
const HEX_LINE_BYTES: usize = 32;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/golden")
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(HEX_LINE_BYTES) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2));
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The content that each file must have.
fn expected() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut add = |name: &str, bincode: &[u8], json: Vec<u8>| {
        files.insert(format!("{name}.hex"), to_hex(bincode).into_bytes());
        files.insert(format!("{name}.json"), [json.as_slice(), b"\n"].concat());
    };
    for (name, message) in samples::client_messages() {
        add(
            name,
            &codec::encode_client(&message, Encoding::Bincode),
            codec::encode_client(&message, Encoding::Json),
        );
    }
    let by_number = samples::server_messages::<TopicId>();
    let by_name = samples::server_messages::<Topic>();
    for ((name, numbered), (_, named)) in by_number.iter().zip(&by_name) {
        add(
            name,
            &codec::encode_server_bincode(numbered),
            codec::encode_server_json(named),
        );
    }
    files
}

#[test]
fn golden_files_equal_the_output_of_the_codec() {
    let expected = expected();
    if std::env::var_os("TICKCAST_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(directory()).unwrap();
        for (name, content) in &expected {
            fs::write(directory().join(name), content).unwrap();
        }
    }
    let found: BTreeSet<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected.keys().cloned().collect());
    for (name, content) in expected {
        let file = fs::read(directory().join(&name)).unwrap();
        assert_eq!(
            String::from_utf8(file).unwrap(),
            String::from_utf8(content).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn golden_files_are_decoded_to_their_messages() {
    #[track_caller]
    fn check<M: Debug + PartialEq>(
        name: &str,
        extension: &str,
        expected: &M,
        decode: impl Fn(&[u8]) -> Result<M, CodecError>,
    ) {
        let path = directory().join(format!("{name}.{extension}"));
        let text = fs::read_to_string(&path).unwrap();
        let bytes = match extension {
            "hex" => from_hex(&text),
            _ => text.trim_end().as_bytes().to_vec(),
        };
        assert_eq!(decode(&bytes).as_ref(), Ok(expected), "{}", path.display());
    }

    for (name, message) in samples::client_messages() {
        for (extension, encoding) in [("hex", Encoding::Bincode), ("json", Encoding::Json)] {
            check(name, extension, &message, |bytes| {
                codec::decode_client(bytes, encoding)
            });
        }
    }
    for (name, message) in samples::server_messages() {
        check(&name, "hex", &message, codec::decode_server_bincode);
    }
    for (name, message) in samples::server_messages() {
        check(&name, "json", &message, codec::decode_server_json);
    }
}

/// The tags that a decoder knows, found by trying all of them.
fn tags_of<M>(decode: impl Fn(&[u8]) -> Result<M, CodecError>) -> BTreeSet<u8> {
    (0..=u8::MAX)
        .take_while(|&tag| !matches!(decode(&[tag]), Err(CodecError::UnknownMessage(_))))
        .collect()
}

#[test]
fn every_message_has_a_golden_file() {
    let client = |bytes: &[u8]| codec::decode_client(bytes, Encoding::Bincode);
    let found: BTreeSet<u8> = samples::client_messages()
        .iter()
        .map(|(_, message)| codec::encode_client(message, Encoding::Bincode)[0])
        .collect();
    assert_eq!(found, tags_of(client));
    assert!(found.len() >= 6);

    let found: BTreeSet<u8> = samples::server_messages()
        .iter()
        .map(|(_, message)| codec::encode_server_bincode(message)[0])
        .collect();
    assert_eq!(found, tags_of(codec::decode_server_bincode));
    assert!(found.len() >= 12);
}

/// A function that names variants, and the list of all names. A variant without a name does not
/// compile.
macro_rules! variants {
    ($list:ident, $function:ident, $enum:ty { $($pattern:pat => $name:literal,)* }) => {
        const $list: &[&str] = &[$($name),*];
        fn $function(value: &$enum) -> &'static str {
            match value {
                $($pattern => $name,)*
            }
        }
    };
}

variants!(VALUES, value_name, Value {
    Value::Reading(_) => "value reading",
    Value::Trade(_) => "value trade",
    Value::Quote(_) => "value quote",
    Value::Text(_) => "value text",
    Value::Bytes(_) => "value bytes",
    Value::Absent(_) => "value absent",
});

variants!(SIDES, side_name, Side {
    Side::Buy => "side buy",
    Side::Sell => "side sell",
});

variants!(MODES, mode_name, Mode {
    Mode::Every => "mode every",
    Mode::Latest => "mode latest",
});

variants!(STARTS, start_name, Start {
    Start::Fresh => "start fresh",
    Start::Resumed => "start resumed",
    Start::EpochChanged => "start epoch_changed",
    Start::PositionAhead => "start position_ahead",
    Start::Existing => "start existing",
    Start::Truncated => "start truncated",
});

variants!(QUALITIES, quality_name, Quality {
    Quality::Live => "quality live",
    Quality::Retained => "quality retained",
    Quality::Stale => "quality stale",
    Quality::Historical => "quality historical",
});

variants!(STATES, state_name, CandleState {
    CandleState::Complete => "state complete",
    CandleState::Open => "state open",
    CandleState::Incomplete => "state incomplete",
});

variants!(RESULTS, result_name, SubscribeResult {
    SubscribeResult::Accepted(_) => "accepted",
    SubscribeResult::Refused(_) => "refused",
});

#[test]
fn every_variant_inside_a_message_is_in_a_golden_file() {
    let mut found = BTreeSet::new();
    let add_value = |value: &Value, found: &mut BTreeSet<&str>| {
        found.insert(value_name(value));
        if let Value::Trade(trade) = value {
            found.extend(trade.side.as_ref().map(side_name));
        }
    };
    for (_, message) in samples::client_messages() {
        match message {
            ClientMessage::Publish(publish) => {
                for update in &publish.updates {
                    add_value(&update.value, &mut found);
                }
            }
            ClientMessage::Subscribe(subscribe) => {
                found.insert(mode_name(&subscribe.mode));
            }
            _ => {}
        }
    }
    for (_, message) in samples::server_messages::<Topic>() {
        match message {
            ServerMessage::Batch(batch) => {
                for update in &batch.updates {
                    found.insert(quality_name(&update.quality));
                    add_value(&update.value, &mut found);
                }
            }
            ServerMessage::Subscribed(subscribed) => {
                for result in &subscribed.results {
                    found.insert(result_name(result));
                    if let SubscribeResult::Accepted(accepted) = result {
                        found.insert(start_name(&accepted.start));
                    }
                }
            }
            ServerMessage::Candles(candles) => {
                found.extend(
                    candles
                        .candles
                        .iter()
                        .map(|candle| state_name(&candle.state)),
                );
                found.extend(candles.rows.iter().map(|row| state_name(&row.state)));
            }
            _ => {}
        }
    }
    let all = [VALUES, SIDES, MODES, STARTS, QUALITIES, STATES, RESULTS].concat();
    assert_eq!(found, all.into_iter().collect());
}
