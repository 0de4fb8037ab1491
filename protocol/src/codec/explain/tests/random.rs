//! Random changes of requests, against the decoders.

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::*;

/// Values that take the place of others.
fn odd_value() -> impl Strategy<Value = Value> {
    let odd = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(7.0),
        json!(1e300),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("every"),
        json!("sell"),
        json!("+1"),
        json!(".5"),
        json!("1e3"),
        json!("007"),
        json!("-5"),
        json!("NaN"),
        json!("AA="),
        json!("18C504B1F00D0001"),
        json!("a/#"),
        json!([]),
        json!([7]),
        json!({}),
        json!({"reading": 1}),
        json!({"every": null}),
        json!({"text": "x", "reading": 1}),
        json!({"filter": "a"}),
        json!([[[]]]),
    ];
    proptest::sample::select(odd)
}

#[derive(Debug, Clone)]
enum Change {
    Remove,
    Rename(String),
    Replace(Value),
    /// An object becomes the list of its members' values, a name an object.
    Reshape,
    Add(String, Value),
}

fn change() -> impl Strategy<Value = (Index, Change)> {
    let change = prop_oneof![
        Just(Change::Remove),
        "[a-z_]{0,3}".prop_map(Change::Rename),
        odd_value().prop_map(Change::Replace),
        Just(Change::Reshape),
        ("[a-z_]{0,8}", odd_value()).prop_map(|(name, value)| Change::Add(name, value)),
    ];
    (any::<Index>(), change)
}

/// The places of all values in a tree, as pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let at = format!("{at}/{name}");
                places(value, &at, found);
                found.push(at);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let at = format!("{at}/{index}");
                places(value, &at, found);
                found.push(at);
            }
        }
        _ => {}
    }
}

fn apply(request: &mut Value, index: Index, change: &Change) {
    let mut found = Vec::new();
    places(request, "", &mut found);
    found.retain(|place| !place.contains('~'));
    let Some(place) = (!found.is_empty()).then(|| index.get(&found)) else {
        return;
    };
    let (parent, name) = place.rsplit_once('/').unwrap();
    if let (Change::Remove | Change::Rename(_), Some(Value::Object(members))) =
        (change, request.pointer_mut(parent))
    {
        let value = members.remove(name);
        if let (Change::Rename(end), Some(value)) = (change, value) {
            members.insert(format!("{name}{end}"), value);
        }
        return;
    }
    let Some(target) = request.pointer_mut(place) else {
        return;
    };
    match (change, &mut *target) {
        (Change::Replace(value), _) => *target = value.clone(),
        (Change::Reshape, Value::Object(members)) => {
            *target = members.values().cloned().collect();
        }
        (Change::Reshape, Value::String(name)) => *target = json!({name.as_str(): null}),
        (Change::Add(name, value), Value::Object(members)) => {
            members.insert(name.clone(), value.clone());
        }
        _ => {}
    }
}

/// Changes of bytes: cuts, flipped bits, and pieces that are difficult in one of the encodings.
fn change_bytes(bytes: &mut Vec<u8>, changes: &[(Index, Index, u8)]) {
    const PIECES: &[&[u8]] = &[
        b"\"id\":1,",
        b"{",
        b"[",
        b"}",
        b"]",
        b"\"",
        b",",
        b":",
        b"\\",
        b"NaN",
        b"1e999",
        b"-0",
        b"\xff",
        b"\xfb\x05\x00",
        b"\xfc\xff\xff\xff\xff",
        b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for (at, piece, what) in changes {
        let at = at.index(bytes.len() + 1);
        match what % 4 {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << (what >> 5),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => drop(bytes.splice(at..at, piece.get(PIECES).iter().copied())),
        }
    }
}

#[test]
fn the_table_agrees_with_the_decoders_on_every_request() {
    for request in requests() {
        let json = request.to_string();
        let bincode = bincode_of(&request);
        assert!(is_readable(json.as_bytes(), Encoding::Json), "{json}");
        assert!(is_readable(&bincode, Encoding::Bincode), "{json}");
        for end in 0..bincode.len() {
            check(&bincode[..end], Encoding::Bincode);
        }
        for end in 0..json.len() {
            check(&json.as_bytes()[..end], Encoding::Json);
        }
        for at in 0..bincode.len() {
            for bit in 0..8 {
                let mut bytes = bincode.clone();
                bytes[at] ^= 1 << bit;
                check(&bytes, Encoding::Bincode);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases * 16))]

    #[test]
    fn the_table_agrees_with_the_decoder_of_json_on_changed_requests(
        request in any::<Index>(),
        changes in proptest::collection::vec(change(), 0..4),
        bytes in proptest::collection::vec(any::<(Index, Index, u8)>(), 0..3),
    ) {
        let mut request = request.get(&requests()).clone();
        for (index, change) in &changes {
            apply(&mut request, *index, change);
        }
        let id = request.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let mut text = request.to_string().into_bytes();
        if bytes.is_empty() {
            prop_assert_eq!(explain_request(&text, Encoding::Json).id, id);
        }
        change_bytes(&mut text, &bytes);
        check(&text, Encoding::Json);
    }

    #[test]
    fn the_table_agrees_with_the_decoder_of_bincode_on_changed_requests(
        request in any::<Index>(),
        bytes in proptest::collection::vec(any::<(Index, Index, u8)>(), 0..4),
    ) {
        let mut message = bincode_of(request.get(&requests()));
        change_bytes(&mut message, &bytes);
        check(&message, Encoding::Bincode);
    }
}
