//! Random JSON: every number of a payload is a reading, or is told of.

use proptest::prelude::*;
use tickcast_protocol::{decimal::Decimal, value::Value};

use super::*;

/// JSON of a few levels.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        // Too small to be times.
        (-1_000_000..1_000_000i32).prop_map(Into::into),
        "[a-z]{0,3}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let members = prop::collection::btree_map("[b-h]{1,2}", inner.clone(), 1..6);
        prop_oneof![
            prop::collection::vec(inner, 1..6).prop_map(Into::into),
            members.prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn leaves(value: &serde_json::Value) -> u64 {
    match value {
        serde_json::Value::Array(elements) => elements.iter().map(leaves).sum(),
        serde_json::Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

/// Names that mean something to the decoder, and others.
const NAMES: [&str; 12] = [
    "value", "v", "val", "t", "time", "ts", "unit", "name", "symbol", "a", "b", "c",
];

/// JSON with these names, whose numbers are all different.
fn numbered() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        5 => Just(serde_json::Value::from(0)),
        // Exchanges write numbers in quotes.
        2 => Just("0".into()),
        1 => Just(serde_json::Value::Null),
        1 => Just("text".into()),
    ];
    let value = leaf.prop_recursive(4, 60, 6, |inner| {
        let name = prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(name, inner, 1..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    });
    value.prop_map(|mut value| {
        number_all(&mut value, &mut 0);
        value
    })
}

fn number_all(value: &mut serde_json::Value, count: &mut u64) {
    match value {
        serde_json::Value::Array(elements) => {
            elements
                .iter_mut()
                .for_each(|value| number_all(value, count));
        }
        serde_json::Value::Object(members) => {
            members
                .values_mut()
                .for_each(|value| number_all(value, count));
        }
        serde_json::Value::Number(_) => {
            *count += 1;
            *value = (*count).into();
        }
        serde_json::Value::String(text) if text == "0" => {
            *count += 1;
            *text = count.to_string();
        }
        _ => {}
    }
}

/// All numbers that are no times and no names.
fn readings(value: &serde_json::Value, list: &mut Vec<u64>) {
    match value {
        serde_json::Value::Array(elements) => {
            elements.iter().for_each(|value| readings(value, list));
        }
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                let is_time = ["time", "ts"].contains(&name.as_str());
                let is_name = ["unit", "name", "symbol"].contains(&name.as_str());
                let is_about = is_time && !value.is_array() && !value.is_object()
                    || is_name && value.is_string();
                if !is_about {
                    readings(value, list);
                }
            }
        }
        serde_json::Value::Number(number) => list.extend(number.as_u64()),
        serde_json::Value::String(text) => list.extend(text.parse::<u64>()),
        _ => {}
    }
}

proptest! {
    #[test]
    fn every_number_of_a_payload_is_a_reading_whatever_the_names(value in numbered()) {
        let text = value.to_string();
        let decoded = Decoder::new([].into()).decode("t", text.as_bytes(), NOW_NS).unwrap();
        if decoded.left_out == 0 {
            let mut expected = Vec::new();
            readings(&value, &mut expected);
            let found: Vec<u64> = decoded.updates.iter().filter_map(|update| match update.value {
                Value::Reading(number) => Some(number as u64),
                _ => None,
            }).collect();
            for number in expected {
                prop_assert!(found.contains(&number), "{number} of {text}: {:?}", lines(&decoded));
            }
        }
    }

    #[test]
    fn every_leaf_of_a_payload_is_an_update_or_counted(value in json()) {
        let text = value.to_string();
        let mut decoder = Decoder::new([].into());
        let decoded = decoder.decode("t", text.as_bytes(), NOW_NS).unwrap();
        prop_assert_eq!(decoded.parts(), leaves(&value), "{}: {:?}", text, lines(&decoded));
        let mut topics: Vec<_> = decoded.updates.iter().map(|update| &update.topic).collect();
        topics.sort_unstable();
        prop_assert!(topics.iter().all(|topic| topic.as_str().starts_with('t')));
    }

    #[test]
    fn no_payload_makes_the_decoder_panic(payload in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Decoder::new([].into()).decode("t", &payload, NOW_NS);
    }

    #[test]
    fn no_json_like_text_makes_the_decoder_panic(payload in r#"[{}\[\]":,a-dpv0-9.eE+\\ u~/-]{0,48}"#) {
        let _ = Decoder::new([].into()).decode("t", payload.as_bytes(), NOW_NS);
    }

    #[test]
    fn every_decimal_in_json_keeps_its_digits(
        mantissa in any::<i64>(), scale in 0u8..=18, quoted in any::<bool>()
    ) {
        let price = Decimal::new(mantissa, scale).unwrap();
        let quote = if quoted { "\"" } else { "" };
        let decoded = decoded(format!(r#"{{"size":1,"price":{quote}{price}{quote}}}"#));
        let Value::Trade(trade) = &decoded.updates[0].value else { panic!("{decoded:?}") };
        prop_assert_eq!((trade.price.mantissa(), trade.price.scale()), (mantissa, scale));
    }

    #[test]
    fn every_finite_number_is_a_reading_of_exactly_that_number(number in any::<f64>()) {
        prop_assume!(number.is_finite());
        let bare = number.to_string();
        let object = format!(r#"{{"value":{number:e}}}"#);
        for payload in [bare, object] {
            prop_assert_eq!(&decoded(payload).updates[0].value, &Value::Reading(number));
        }
    }
}
