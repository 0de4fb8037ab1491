//! Settings that are lists of rules: tables such as `[[decode]]` in the file, and for some of them
//! a flag and an environment variable with a whole rule in one line.

use clap::{Args, Command};

use super::{
    entry::{Entry, Origin, Section},
    file::Table,
    problem::Problem,
    section::Draft,
};
use crate::settings::field::{command, key};

/// All rules of a kind: those of flags first, then those of the environment variable, then the
/// file's. `given` has rules in one line.
pub(super) fn read_rules<K: Args>(section: Section, given: &[Entry], file: &[Table]) -> Vec<Draft> {
    let command = command::<K>();
    let draft = |origin: &Origin, entries: Result<Vec<Entry>, String>| {
        let mut draft = Draft::new(origin.clone(), section, command.clone());
        match entries {
            Ok(entries) => draft.read(entries),
            Err(problem) => {
                let problem = Problem::new(origin, format!("{origin}{problem}"));
                draft.problems.push(problem);
            }
        }
        draft
    };
    let mut drafts = Vec::new();
    for given in given
        .iter()
        .rev()
        .filter(|entry| Some(&*entry.key) == section.name())
    {
        let origin = &given.origin;
        match given.list(false) {
            Ok(rules) => {
                let rules = rules
                    .iter()
                    .map(|rule| split(rule, section, &command, origin));
                drafts.extend(rules.map(|entries| draft(origin, entries)));
            }
            Err(problem) => drafts.push(draft(origin, Err(format!(": {problem}")))),
        }
    }
    let tables = file.iter().filter(|table| table.section == section);
    drafts.extend(tables.map(|table| {
        let mut draft = draft(&table.origin, Ok(table.entries.clone()));
        draft.is_partial = table.is_partial;
        draft
    }));
    drafts
}

/// The keys of a rule in one line. It begins with the values of the first two keys:
/// `FILTER=FORMAT,KEY=VALUE,...`.
fn split(
    rule: &str,
    section: Section,
    command: &Command,
    origin: &Origin,
) -> Result<Vec<Entry>, String> {
    let (form, example) = match section {
        Section::Liveness => ("FILTER=TIME[,dead_after=TIME]", "plant/#=5s,dead_after=10m"),
        _ => (
            "FILTER=FORMAT[,KEY=VALUE]...",
            "plant/+/temperature=number,unit=°C",
        ),
    };
    let first: Vec<_> = command.get_arguments().take(2).map(key).collect();
    let mut pairs = Vec::new();
    for (index, member) in rule.split(',').enumerate() {
        let problem = || {
            let which = match index {
                0 => String::new(),
                _ => format!("{member:?} has no =; "),
            };
            format!(" {rule:?}: {which}expected {form}, as in {example:?}")
        };
        let (left, right) = member.split_once('=').ok_or_else(problem)?;
        match index {
            0 => pairs.extend([(first[0], left), (first[1], right)]),
            // Without this the later value would count, also of the first two keys.
            _ if pairs.iter().any(|(key, _)| *key == left) => {
                return Err(format!(" {rule:?}: {left} is given twice"));
            }
            _ => pairs.push((left, right)),
        }
    }
    let entries = pairs.into_iter().map(|(key, text)| {
        let (key, texts, origin) = (key.into(), Ok(vec![text.into()]), origin.clone());
        Entry { key, texts, origin }
    });
    Ok(entries.collect())
}

/// The finished rules. What is wrong with the keys of one together is a problem.
pub(super) fn build_rules<K: Args, R: TryFrom<K, Error = String>>(
    drafts: &[Draft],
    problems: &mut Vec<Problem>,
) -> Vec<R> {
    let mut rules = Vec::new();
    for draft in drafts.iter().filter(|draft| draft.is_right()) {
        match draft.build::<K>().and_then(R::try_from) {
            Ok(rule) => rules.push(rule),
            Err(problem) => {
                let (origin, name) = (&draft.origin, draft.section.name());
                // A flag and a variable have the rule's name already.
                let name = name.filter(|_| origin.at().is_some());
                let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
                problems.push(Problem::new(origin, format!("{origin}: {name}{problem}")));
            }
        }
    }
    rules
}
