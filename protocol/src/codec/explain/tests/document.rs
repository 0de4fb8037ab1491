//! The table against the document of the protocol.

use super::super::schema::{Kind, Object, Presence, REQUESTS};

/// Compares an object with the first table after a line of docs/protocol.md.
#[track_caller]
fn check_table(document: &str, line: &str, object: &Object) {
    let (_, rest) = document
        .split_once(&format!("\n{line}\n"))
        .unwrap_or_else(|| panic!("no line {line:?}"));
    let rows: Vec<(&str, &str, &str)> = rest
        .lines()
        .skip_while(|line| !line.starts_with("| `"))
        .map_while(|line| {
            let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            let (kind, text) = rest.split_once(" |")?;
            Some((name, kind, text))
        })
        .collect();
    let names: Vec<_> = rows.iter().map(|(name, ..)| *name).collect();
    let members: Vec<_> = object.members.iter().map(|member| member.name).collect();
    assert_eq!(names, members, "{line}");
    for ((name, kind, text), member) in rows.iter().zip(object.members) {
        let plain = kind.strip_prefix("optional ");
        assert_eq!(
            plain.is_some(),
            member.presence == Presence::Optional,
            "{line}: {name}"
        );
        if *name != "id" {
            let may_be_missing = text.contains("may be missing in JSON");
            assert_eq!(
                may_be_missing,
                member.presence == Presence::Defaulted,
                "{line}: {name}"
            );
        }
        let is_right = match member.kind {
            Kind::List(_) => kind.starts_with("list"),
            Kind::Name(names) => names.iter().all(|name| kind.contains(&format!("`{name}`"))),
            Kind::OneOf(_) => *kind == "[value](#values)",
            Kind::Hex => ["epoch", "publisher"].contains(&plain.unwrap_or(kind)),
            Kind::Object(object) => object.name.contains(plain.unwrap_or(kind)),
            simple => {
                let known = match simple {
                    Kind::U32 => "u32",
                    Kind::U64 => "u64",
                    Kind::F64 => "f64",
                    Kind::Text => "string",
                    Kind::Time => "time",
                    Kind::Decimal => "decimal",
                    _ => "none",
                };
                plain.unwrap_or(kind) == known
            }
        };
        assert!(is_right, "{line}: {name} is {kind}, {:?}", member.kind);
    }
}

/// An object inside a request.
fn inner(request: &str, member: &str) -> &'static Object {
    let request = REQUESTS.iter().find(|object| object.name == request);
    let mut members = request.unwrap().members.iter();
    match members.find(|found| found.name == member).unwrap().kind {
        Kind::List(Kind::Object(object) | Kind::ObjectOrText(object)) => object,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_document_describes_every_member_of_every_request() {
    let document = include_str!("../../../../../docs/protocol.md");
    for (number, request) in REQUESTS.iter().enumerate() {
        check_table(
            document,
            &format!("### `{}` ({number})", request.name),
            request,
        );
    }
    let filter = inner("subscribe", "filters");
    check_table(document, "A filter request:", filter);
    let Kind::Object(token) = filter.members[1].kind else {
        panic!("{filter:?}");
    };
    check_table(document, "[resume](#resume)):", token);
    check_table(
        document,
        "Each of the `updates`:",
        inner("publish", "updates"),
    );
}
