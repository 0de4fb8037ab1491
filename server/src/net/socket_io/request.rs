//! Events of clients as requests of the protocol, in JSON.
//!
//! The name of an event is the type of a request, and its argument has the request's fields. Some
//! short forms make the first steps easier: `emit("subscribe", "market/#")`.

use serde::Deserialize;
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use tickcast_core::wire::NO_ACK;
use tickcast_protocol::{
    codec::{explain_form, explain_json},
    message::ChannelId,
};

/// The request of an event, as text; the error says what is wrong. `channels_of` finds a client's
/// subscriptions to a filter.
pub fn request(
    args: &str,
    id: Option<u32>,
    channels_of: impl Fn(&str) -> Vec<ChannelId>,
) -> Result<String, String> {
    let list = "an event is a list in JSON, of its name and its data";
    let args: Vec<&RawValue> =
        serde_json::from_str(args).map_err(|error| explain_form(list, args.as_bytes(), &error))?;
    let [name, rest @ ..] = args.as_slice() else {
        return Err("the event has no name".to_owned());
    };
    let name: String = serde_json::from_str(name.get())
        .map_err(|_| "the name of an event is a text".to_owned())?;
    let given = match rest {
        [] => "{}",
        [one] => one.get(),
        more => {
            let count = more.len();
            return Err(format!(
                "{name:?} has {count} arguments: send one, an object"
            ));
        }
    };
    let fields = match name.as_str() {
        "subscribe" => subscribe(given)?,
        "unsubscribe" => unsubscribe(given, channels_of)?,
        "publish" => publish(given)?,
        _ => given.to_owned(),
    };
    let fields = fields.trim();
    let inner = fields
        .strip_prefix('{')
        .and_then(|fields| fields.strip_suffix('}'))
        .ok_or_else(|| format!("the data of {name:?} is no object: send its fields"))?;
    let comma = if inner.trim().is_empty() { "" } else { "," };
    let name = serde_json::to_string(&name).map_err(|error| error.to_string())?;
    // A publish without an acknowledgement is answered only if it is refused.
    let id = match id {
        None if name == "\"publish\"" => String::new(),
        id => format!(",\"id\":{}", id.unwrap_or(NO_ACK)),
    };
    Ok(format!("{{\"type\":{name}{id}{comma}{inner}}}"))
}

/// A filter, a list of filters, or the fields. The field `filter` stands for one of `filters`, with
/// its `resume`.
fn subscribe(given: &str) -> Result<String, String> {
    match given.as_bytes().first() {
        Some(b'"') => return Ok(format!("{{\"filters\":[{given}]}}")),
        Some(b'[') => return Ok(format!("{{\"filters\":{given}}}")),
        _ => {}
    }
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, default)]
        filter: Option<&'a RawValue>,
    }
    let is_named = serde_json::from_str(given).is_ok_and(|named: Named<'_>| named.filter.is_some());
    if !is_named {
        return Ok(given.to_owned());
    }
    let mut fields: Map<String, Value> =
        serde_json::from_str(given).map_err(|error| explain_json(given.as_bytes(), &error))?;
    if fields.contains_key("filters") {
        return Err("\"subscribe\" has filter and filters: send one of them".to_owned());
    }
    let mut filter = Map::new();
    for name in ["filter", "resume"] {
        if let Some(value) = fields.remove(name) {
            filter.insert(name.to_owned(), value);
        }
    }
    fields.insert("filters".to_owned(), vec![Value::Object(filter)].into());
    serde_json::to_string(&fields).map_err(|error| error.to_string())
}

/// A filter, a channel, a list of both, or the fields.
fn unsubscribe(
    given: &str,
    channels_of: impl Fn(&str) -> Vec<ChannelId>,
) -> Result<String, String> {
    let value: Value =
        serde_json::from_str(given).map_err(|error| explain_json(given.as_bytes(), &error))?;
    let list = match value {
        Value::Array(list) => list,
        Value::String(_) | Value::Number(_) => vec![value],
        _ => return Ok(given.to_owned()),
    };
    let mut channels = Vec::new();
    for one in list {
        match one {
            Value::String(filter) => {
                let of_filter = channels_of(&filter);
                if of_filter.is_empty() {
                    return Err(format!("there is no subscription to {filter:?}"));
                }
                channels.extend(of_filter.into_iter().map(Value::from));
            }
            other => channels.push(other),
        }
    }
    let channels = to_raw_value(&channels).map_err(|error| error.to_string())?;
    Ok(format!("{{\"channels\":{channels}}}"))
}

/// A list of updates, one update, or the fields.
fn publish(given: &str) -> Result<String, String> {
    if given.starts_with('[') {
        return Ok(format!("{{\"updates\":{given}}}"));
    }
    #[derive(Deserialize)]
    struct One<'a> {
        #[serde(borrow, default)]
        topic: Option<&'a RawValue>,
    }
    let is_one = serde_json::from_str(given).is_ok_and(|one: One<'_>| one.topic.is_some());
    Ok(match is_one {
        true => format!("{{\"updates\":[{given}]}}"),
        false => given.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tickcast_protocol::{
        codec::{self, Encoding},
        message::{ClientMessage, Mode},
    };

    use super::*;

    fn channels(filter: &str) -> Vec<ChannelId> {
        match filter {
            "a/#" => vec![3, 5],
            "b" => vec![7],
            _ => Vec::new(),
        }
    }

    fn made(args: &str, id: Option<u32>) -> ClientMessage {
        let text = request(args, id, channels).unwrap();
        codec::decode_client(text.as_bytes(), Encoding::Json).expect(&text)
    }

    #[test]
    fn the_short_forms_are_requests_of_the_protocol() {
        let full = r#"["subscribe",{"filters":["a/#"],"mode":"every"}]"#;
        let ClientMessage::Subscribe(subscribe) = made(full, Some(4)) else {
            panic!("it subscribes");
        };
        assert_eq!((subscribe.id, subscribe.mode), (4, Mode::Every));
        for (short, count) in [
            (r#"["subscribe","a/#"]"#, 1),
            (r#"["subscribe",["a/#","b"]]"#, 2),
            (r#"["subscribe",{"filter":"a/#"}]"#, 1),
        ] {
            let ClientMessage::Subscribe(subscribe) = made(short, None) else {
                panic!("it subscribes");
            };
            assert_eq!((subscribe.id, subscribe.filters.len()), (NO_ACK, count));
            assert_eq!(subscribe.filters[0].filter, "a/#");
        }
        let resume = r#"["subscribe",{"filter":"b","mode":"every",
            "resume":{"epoch":"18c504b1f00d0001","position":7,"count":3}}]"#;
        let ClientMessage::Subscribe(subscribe) = made(resume, Some(1)) else {
            panic!("it subscribes");
        };
        let token = subscribe.filters[0].resume.expect("it has a token");
        assert_eq!((token.position, token.count), (7, Some(3)));

        for (short, expected) in [
            (r#"["unsubscribe","a/#"]"#, vec![3, 5]),
            (r#"["unsubscribe",["a/#",9,"b"]]"#, vec![3, 5, 9, 7]),
            (r#"["unsubscribe",9]"#, vec![9]),
            (r#"["unsubscribe",{"channels":[1]}]"#, vec![1]),
        ] {
            let ClientMessage::Unsubscribe(unsubscribe) = made(short, Some(2)) else {
                panic!("it unsubscribes");
            };
            assert_eq!(unsubscribe.channels, expected, "{short}");
        }

        let update = r#"{"topic":"a","value":{"text":"x"}}"#;
        for form in [
            format!(r#"["publish",{update}]"#),
            format!(r#"["publish",[{update}]]"#),
            format!(r#"["publish",{{"updates":[{update}]}}]"#),
        ] {
            for id in [None, Some(8)] {
                let ClientMessage::Publish(publish) = made(&form, id) else {
                    panic!("it publishes");
                };
                assert_eq!((publish.id, publish.updates.len()), (id, 1), "{form}");
            }
        }
        assert!(matches!(
            made(r#"["list"]"#, Some(1)),
            ClientMessage::List(_)
        ));
        let history = r#"["history",{"topic":"a"}]"#;
        assert!(matches!(made(history, Some(1)), ClientMessage::History(_)));
    }

    #[test]
    fn what_is_no_request_has_a_reason() {
        for (args, part) in [
            ("", "list in JSON"),
            ("{}", "list in JSON"),
            ("[]", "no name"),
            ("[1]", "is a text"),
            (r#"["list",1]"#, "no object"),
            (r#"["list",{},{}]"#, "2 arguments"),
            (r#"["unsubscribe","x"]"#, "no subscription to \"x\""),
            (
                r#"["subscribe",{"filter":"a","filters":[]}]"#,
                "one of them",
            ),
        ] {
            let reason = request(args, Some(1), channels).unwrap_err();
            assert!(reason.contains(part), "{args}: {reason}");
        }
    }

    #[test]
    fn a_field_that_is_the_servers_is_refused_by_the_decoder() {
        let text = request(r#"["list",{"id":3}]"#, Some(1), channels).unwrap();
        assert!(codec::decode_client(text.as_bytes(), Encoding::Json).is_err());
    }

    proptest! {
        #[test]
        fn any_arguments_are_a_request_or_have_a_reason(
            args in r#"\[("[a-z]{0,11}"|subscribe|1)?(,("a/#"|\[[0-9"b,]{0,6}\]|\{[a-z":,0-9]{0,20}\}))?\]?"#,
        ) {
            if let Ok(text) = request(&args, Some(1), channels) {
                let _ = codec::decode_client(text.as_bytes(), Encoding::Json);
            }
        }
    }
}
