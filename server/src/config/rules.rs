//! Settings that are lists of rules: tables such as `[[decode]]` in the file, and for some of them
//! a flag and an environment variable with a whole rule in one line.

use clap::{Args, Command};

use super::{
    entry::{Entry, Origin},
    file::Table,
    section::Draft,
};
use crate::settings::field::{command, key};

/// All rules of a kind: those of flags first, then those of the environment variable, then the
/// file's. `given` has rules in one line.
pub(super) fn read_rules<K: Args>(name: &str, given: &[Entry], file: &[Table]) -> Vec<Draft> {
    let command = command::<K>();
    let draft = |origin: &Origin, entries: Result<Vec<Entry>, String>| {
        let mut draft = Draft::new(origin.clone(), format!("[[{name}]]"), command.clone());
        match entries {
            Ok(entries) => draft.read(entries),
            Err(problem) => draft.problems.push(format!("{origin}{problem}")),
        }
        draft
    };
    let mut drafts = Vec::new();
    for given in given.iter().rev().filter(|entry| entry.key == name) {
        let origin = &given.origin;
        match given.list(false) {
            Ok(rules) => {
                let rules = rules.iter().map(|rule| split(rule, &command, origin));
                drafts.extend(rules.map(|entries| draft(origin, entries)));
            }
            Err(problem) => drafts.push(draft(origin, Err(format!(": {problem}")))),
        }
    }
    let tables = file.iter().filter(|table| table.name == name);
    drafts.extend(tables.map(|table| draft(&table.origin, Ok(table.entries.clone()))));
    drafts
}

/// The keys of a rule in one line. It begins with the values of the first two keys:
/// `FILTER=FORMAT,KEY=VALUE,...`.
fn split(rule: &str, command: &Command, origin: &Origin) -> Result<Vec<Entry>, String> {
    let first: Vec<_> = command.get_arguments().take(2).map(key).collect();
    let mut pairs = Vec::new();
    for (index, member) in rule.split(',').enumerate() {
        let problem = || format!(" {rule:?}: {member:?} is not of the form KEY=VALUE");
        let (left, right) = member.split_once('=').ok_or_else(problem)?;
        match index {
            0 => pairs.extend([(first[0], left), (first[1], right)]),
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
    problems: &mut Vec<String>,
) -> Vec<R> {
    let mut rules = Vec::new();
    for draft in drafts.iter().filter(|draft| draft.problems.is_empty()) {
        match draft.build::<K>().and_then(R::try_from) {
            Ok(rule) => rules.push(rule),
            Err(problem) => problems.push(format!("{}: {problem}", draft.origin)),
        }
    }
    rules
}
