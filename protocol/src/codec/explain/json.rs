//! Requests in JSON.

use super::{
    json_syntax,
    json_tree::Json,
    problem::{Path, Problem, expected, one_of, question, shown_text},
    schema::{Kind, Object, Presence, REQUESTS},
};
use crate::{
    decimal::Decimal,
    json::{any_f64, base64_bytes, hex_digits},
};

/// The member that names the request.
const TYPE: &str = "type";

/// Finds the first problem of a request.
pub(super) fn check(bytes: &[u8]) -> Result<(), Problem> {
    let json = json_syntax::parse(bytes)?;
    let Json::Object(members) = json else {
        let reason = format!("the message is {json}: it must be an object with a type");
        return Err(Problem::malformed(reason));
    };
    let request = request(&members)?;
    check_members(request, &members, true, &mut Path::default())
}

/// Finds the first problem of a part of a message by itself.
pub(super) fn check_part(bytes: &[u8], kind: Kind) -> Result<(), Problem> {
    let json = json_syntax::parse(bytes)?;
    check_kind(kind, &json, &mut Path::default())
}

/// Finds the first problem of an object that may have further members.
pub(super) fn check_open(bytes: &[u8], object: &'static Object) -> Result<(), Problem> {
    let mut json = json_syntax::parse(bytes)?;
    if let Json::Object(members) = &mut json {
        members.retain(|(name, _)| object.members.iter().any(|member| member.name == name));
    }
    check_kind(Kind::Object(object), &json, &mut Path::default())
}

fn request(members: &[(String, Json)]) -> Result<&'static Object, Problem> {
    let names = || REQUESTS.iter().map(|request| request.name);
    let must = || {
        format!(
            "it must be {}",
            one_of(names().map(|name| format!("{name:?}")))
        )
    };
    match members.iter().find(|(name, _)| name == TYPE) {
        None => Err(Problem::malformed(format!("type is missing: {}", must()))),
        Some((_, Json::Text(name))) => {
            let known = REQUESTS.iter().find(|request| request.name == name);
            known.ok_or_else(|| {
                let (name, hint) = (shown_text(name), question(name, names()));
                Problem::unknown_message(format!("type is {name}: {}{hint}", must()))
            })
        }
        Some((_, other)) => Err(Problem::malformed(format!("type is {other}: {}", must()))),
    }
}

/// Checks each member in the order of the text, and then whether one is missing.
fn check_members<'a>(
    object: &Object,
    members: &'a [(String, Json)],
    has_type: bool,
    path: &mut Path<'a>,
) -> Result<(), Problem> {
    for (index, (name, json)) in members.iter().enumerate() {
        if members[..index].iter().any(|(before, _)| before == name) {
            return path.member(name, |path| Err(path.problem("occurs twice")));
        }
        if has_type && name == TYPE {
            continue;
        }
        let Some(member) = object.members.iter().find(|member| member.name == name) else {
            let hint = question(name, object.members.iter().map(|member| member.name));
            let says = format!("is not a member of {}{hint}", object.name);
            return path.member(name, |path| Err(path.problem(says)));
        };
        if matches!(json, Json::Null) && member.presence != Presence::Required {
            continue;
        }
        path.member(name, |path| check_kind(member.kind, json, path))?;
    }
    let is_missing = |name: &str| !members.iter().any(|(member, _)| member == name);
    let mut required = object.members.iter();
    match required.find(|member| member.presence == Presence::Required && is_missing(member.name)) {
        None => Ok(()),
        Some(member) => path.member(member.name, |path| {
            let expected = expected(member.kind);
            Err(path.problem(format!("is missing: it must be {expected}")))
        }),
    }
}

fn check_kind<'a>(kind: Kind, json: &'a Json, path: &mut Path<'a>) -> Result<(), Problem> {
    let is_right = match (kind, json) {
        (Kind::U32, Json::Unsigned(number)) => u32::try_from(*number).is_ok(),
        (Kind::U64, Json::Unsigned(_)) => true,
        (Kind::I64, Json::Unsigned(number)) => i64::try_from(*number).is_ok(),
        (Kind::I64, Json::Negative(_)) | (Kind::Bool, Json::Bool(_)) => true,
        (Kind::F64 | Kind::Reading, Json::Unsigned(_) | Json::Negative(_) | Json::Float(_)) => true,
        (Kind::Text | Kind::ObjectOrText(_), Json::Text(_)) => true,
        (Kind::Time, Json::Text(text)) => !text.starts_with('+') && text.parse::<i64>().is_ok(),
        (Kind::Hex, Json::Text(text)) => hex_digits::parse(text).is_some(),
        (Kind::Decimal, Json::Text(text)) => Decimal::from_message(text).is_ok(),
        (Kind::Reading, Json::Text(text)) => any_f64::from_name(text).is_some(),
        (Kind::Bytes, Json::Text(text)) => base64_bytes::decode(text).is_some(),
        (Kind::Name(names), Json::Text(text)) => names.contains(&text.as_str()),
        (Kind::List(kind), Json::List(list)) => {
            for (index, element) in (0..).zip(list) {
                path.element(index, |path| check_kind(*kind, element, path))?;
            }
            true
        }
        (Kind::Object(object) | Kind::ObjectOrText(object), Json::Object(members)) => {
            check_members(object, members, false, path)?;
            true
        }
        (Kind::OneOf(kinds), Json::Object(members)) => {
            if let [(name, json)] = members.as_slice() {
                let names = kinds.iter().map(|(name, _)| *name);
                let Some((_, kind)) = kinds.iter().find(|(kind, _)| kind == name) else {
                    let (kinds, hint) = (one_of(names.clone()), question(name, names));
                    let says = format!("is not a kind of value, which are {kinds}{hint}");
                    return path.member(name, |path| Err(path.problem(says)));
                };
                return path.member(name, |path| check_kind(*kind, json, path));
            }
            let (number, expected) = (members.len(), expected(kind));
            let says = format!("is an object with {number} members: it must be {expected}");
            return Err(path.problem(says));
        }
        _ => false,
    };
    if is_right {
        return Ok(());
    }
    let hint = match (kind, json) {
        (Kind::Name(names), Json::Text(text)) => question(text, names.iter().copied()),
        _ => String::new(),
    };
    let expected = expected(kind);
    Err(path.problem(format!("is {json}: it must be {expected}{hint}")))
}
