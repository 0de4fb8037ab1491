//! What a payload must say for a rule to apply: `/channel=trade&/type=update`.

use std::{borrow::Cow, str::FromStr};

use super::{
    error::ConditionError,
    json::{Pointer, Scalar},
    pattern::TextPattern,
    payload::Payload,
};

/// The conditions of a rule, all of which must hold. A rule without any applies to every payload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conditions(Box<[Condition]>);

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    is_negated: bool,
    pointer: Pointer,
    /// The texts of which the part must be one. Without any, it must exist.
    texts: Option<Box<[TextPattern]>>,
}

impl FromStr for Conditions {
    type Err = ConditionError;

    /// Conditions with `&` between them. Each is a pointer, or a pointer, `=`, and texts with `|`
    /// between them; after a `!` it is negated.
    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let conditions = text.split('&').map(str::parse);
        conditions.collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let (is_negated, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (pointer, texts) = match rest.split_once('=') {
            Some((pointer, texts)) => (pointer, Some(texts)),
            None => (rest, None),
        };
        if pointer.is_empty() && texts.is_none() {
            return Err(ConditionError::Empty);
        }
        let wrong = |reason| ConditionError::Pointer {
            text: pointer.to_owned(),
            reason,
        };
        Ok(Self {
            is_negated,
            pointer: pointer.parse().map_err(wrong)?,
            texts: texts.map(|texts| texts.split('|').map(TextPattern::from).collect()),
        })
    }
}

impl Conditions {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all hold.
    pub(super) fn hold(&self, payload: &Payload<'_>) -> bool {
        self.0.iter().all(|condition| condition.holds(payload))
    }
}

impl Condition {
    fn holds(&self, payload: &Payload<'_>) -> bool {
        self.is_met(payload) != self.is_negated
    }

    fn is_met(&self, payload: &Payload<'_>) -> bool {
        let Some(texts) = &self.texts else {
            let found = payload.document().ok();
            let found = found.and_then(|document| document.find(&self.pointer));
            return found.is_some_and(|raw| Scalar::of(raw) != Scalar::Null);
        };
        let Some(text) = self.text(payload) else {
            return false;
        };
        texts.iter().any(|wanted| wanted.star(&text).is_some())
    }

    /// The text of the part. The empty pointer means the payload as it is, JSON or not.
    fn text<'p>(&self, payload: &'p Payload<'_>) -> Option<Cow<'p, str>> {
        if self.pointer.is_whole() {
            return payload.text().ok().map(|text| text.trim_ascii().into());
        }
        match Scalar::of(payload.document().ok()?.find(&self.pointer)?) {
            Scalar::Text(text) => Some(text),
            Scalar::Number(text) => Some(text.into()),
            Scalar::Bool(true) => Some("true".into()),
            Scalar::Bool(false) => Some("false".into()),
            Scalar::Null => Some("null".into()),
            Scalar::Array | Scalar::Object => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(conditions: &str, payload: &str, expected: bool) {
        let found: Conditions = conditions.parse().unwrap();
        let holds = found.hold(&Payload::new(payload.as_bytes()));
        assert_eq!(holds, expected, "{conditions} {payload}");
    }

    #[test]
    fn a_condition_is_about_a_part_of_the_payload() {
        let trade = r#"{"channel":"trade","n":1.0,"ok":true,"none":null,"data":[{"p":1}]}"#;
        for (conditions, expected) in [
            ("/channel=trade", true),
            ("/channel=ticker|trade", true),
            ("/channel=tr*", true),
            ("/channel=Trade", false),
            ("/channel", true),
            ("!/channel", false),
            ("!/channel=ticker", true),
            ("/n=1.0", true),
            ("/n=1", false),
            ("/ok=true", true),
            ("/none=null", true),
            ("/none", false),
            ("/data", true),
            ("/data=*", false),
            ("/data/0/p=1", true),
            ("/nothing", false),
            ("!/nothing=x", true),
            ("/channel=trade&/ok=true", true),
            ("/channel=trade&/ok=false", false),
            ("/channel=ticker&/ok=true", false),
        ] {
            check(conditions, trade, expected);
        }
    }

    #[test]
    fn the_empty_pointer_is_about_the_whole_payload_which_need_not_be_json() {
        check("=pong", "pong", true);
        check("=pong", " pong\n", true);
        check("=pong", "\"pong\"", false);
        check("=po*|ping", "ping", true);
        check("!=pong", "ping", true);
        check("/a=1", "pong", false);
        check("!/a=1", "pong", true);
        check("=*", "{\"a\":1}", true);
    }

    #[test]
    fn a_condition_without_a_pointer_is_refused() {
        for text in ["", "!", "a=1", "/a&", "&/a", "a"] {
            assert!(text.parse::<Conditions>().is_err(), "{text}");
        }
    }
}
