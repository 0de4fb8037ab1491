//! Keys that are no setting where they stand: which one was probably meant, and where it belongs.

use clap::Command;

use super::{
    entry::{Entry, Section},
    problem::Problem,
    section::Draft,
};
use crate::settings::{
    field::{key, question},
    kinds::Kinds,
};

/// What is wrong with the unknown keys of a draft.
pub(super) fn problems(draft: &Draft, top: &Command, kinds: &Kinds) -> Vec<Problem> {
    let hint = |entry: &Entry| {
        let misplaced = misplaced(draft, top, kinds, &entry.key);
        misplaced.unwrap_or_else(
            || match question(&draft.command, &entry.key, str::to_owned) {
                guess if guess.is_empty() && draft.section != Section::Top => {
                    let keys: Vec<_> = draft.command.get_arguments().map(key).collect();
                    match keys.as_slice() {
                        [] => String::new(),
                        keys => format!("; expected one of {}", keys.join(", ")),
                    }
                }
                guess => guess,
            },
        )
    };
    let unknown = draft.unknown.iter().map(|entry| {
        let place = entry.origin.place(draft.section, &entry.key);
        let of = match (draft.section, draft.section.name()) {
            (Section::Feed, _) => format!(" of feeds of kind {}", draft.command.get_name()),
            (_, Some(name)) => format!(" of [[{name}]]"),
            _ => String::new(),
        };
        let text = format!("{place}: there is no such setting{of}{}", hint(entry));
        Problem::new(&entry.origin, text)
    });
    unknown.collect()
}

/// Where a setting belongs that exists elsewhere.
fn misplaced(draft: &Draft, top: &Command, kinds: &Kinds, name: &str) -> Option<String> {
    let has = |command: &Command, name: &str| command.get_arguments().any(|arg| key(arg) == name);
    let name = name.replace('-', "_");
    if draft.section == Section::Top {
        let mut sections = kinds.sections().filter_map(|(prefix, kind)| {
            let key = name.strip_prefix(&prefix)?;
            has(kind, key).then(|| (kind.get_name().to_owned(), key.to_owned()))
        });
        let (kind, key) = sections.next()?;
        return Some(format!(
            "; in the file, write {key} in a table [[feed]] with kind = {kind:?}"
        ));
    }
    if has(top, &name) {
        return Some("; it is a setting of the server: write it above all tables".into());
    }
    let mut short = kinds.sections().filter_map(|(prefix, _)| {
        let key = name.strip_prefix(&prefix)?;
        (draft.section == Section::Feed && has(&draft.command, key)).then(|| key.to_owned())
    });
    short.next().map(|key| format!("; did you mean {key}?"))
}
