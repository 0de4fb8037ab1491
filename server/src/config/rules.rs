//! Settings that are lists of rules: tables such as `[[decode]]` in the file, and for some of them
//! a flag and an environment variable that hold a rule in one line.

use super::{
    ENVIRONMENT_PREFIX, Environment, Problems,
    file::Table,
    flags::Flags,
    print,
    section::{AnySection, Filled, Kind, Origin, Section, Setting},
};

/// The settings of one rule, not yet checked together. The name of its tables and of its flag is
/// [`Section::PREFIX`].
pub(super) trait Draft: Section {
    /// What a rule in one line begins with: `FILTER=FORMAT,KEY=VALUE,...`.
    const FIRST: [&'static str; 2];
    /// What it is, for errors.
    const WHAT: &'static str;

    /// What it becomes.
    type Rule: Clone;

    /// The finished rule, or what is wrong with it.
    fn build(self) -> Result<Self::Rule, String>;
}

/// A setting of a rule, which has no flag of its own.
pub(super) const fn setting<T>(
    key: &'static str,
    set: fn(&mut T, &[String]) -> Result<(), String>,
    get: fn(&T) -> Option<toml::Value>,
) -> Setting<T> {
    Setting {
        key,
        value_name: "",
        help: "",
        kind: Kind::One,
        set,
        get,
    }
}

/// A rule, and what it was made of.
pub(super) struct Rule<D: Draft> {
    pub(super) rule: D::Rule,
    draft: Filled<D>,
    origin: Origin,
}

impl<D: Draft> Rule<D> {
    pub(super) fn print(&self, out: &mut String) {
        out.push('\n');
        let heading = format!("[[{}]]", D::PREFIX);
        print::commented(out, &heading, &self.origin.described());
        for line in self.draft.lines() {
            if let Some(value) = line.value {
                out.push_str(&format!("{} = {value}\n", line.key));
            }
        }
    }
}

/// All rules; those of flags go before those of the environment, and those before the file's.
pub(super) fn read_rules<D: Draft>(
    flags: &Flags,
    environment: &Environment,
    tables: Vec<Table>,
    problems: &mut Problems,
) -> Vec<Rule<D>> {
    let mut rules = Vec::new();
    for text in flags.get(D::PREFIX).unwrap_or_default() {
        let origin = Origin::Flag(format!("--{}", D::PREFIX));
        rules.extend(parse_rule(text, origin, problems));
    }
    // A rule has commas: without the brackets of a list it is one.
    let name = D::PREFIX.to_uppercase();
    let from_environment = match environment.get(&name) {
        Some(text) if !text.starts_with('[') => vec![text],
        _ => {
            let list = environment.list(&name);
            list.and_then(|list| problems.note(list))
                .unwrap_or_default()
        }
    };
    for text in from_environment {
        let origin = Origin::Environment(format!("{ENVIRONMENT_PREFIX}{name}"));
        rules.extend(parse_rule(&text, origin, problems));
    }
    rules.extend(read_tables(tables, problems));
    rules
}

/// The rules of the file.
pub(super) fn read_tables<D: Draft>(tables: Vec<Table>, problems: &mut Problems) -> Vec<Rule<D>> {
    let tables = tables.into_iter();
    tables
        .filter_map(|table| read_table(table, problems))
        .collect()
}

fn read_table<D: Draft>(mut table: Table, problems: &mut Problems) -> Option<Rule<D>> {
    let origin = table.origin();
    let mut draft = Filled::default();
    let before = problems.0.len();
    draft.read_file(&mut table, problems);
    table.refuse_rest(&format!(" of {}", D::WHAT), problems);
    finish(draft, origin, before, problems)
}

fn parse_rule<D: Draft>(text: &str, origin: Origin, problems: &mut Problems) -> Option<Rule<D>> {
    let mut draft = Filled::<D>::default();
    let before = problems.0.len();
    for (index, member) in text.split(',').enumerate() {
        let Some((key, value)) = member.split_once('=') else {
            problems.add(format!(
                "{origin} {text:?}: {member:?} is not of the form KEY=VALUE"
            ));
            continue;
        };
        let mut take =
            |key: &str, value: &str| draft.take(key, &[value.into()], origin.clone(), problems);
        if index == 0 {
            take(D::FIRST[0], key);
            take(D::FIRST[1], value);
        } else if !take(key, value) {
            problems.add(format!(
                "{origin} {text:?}: {key} is no setting of {}",
                D::WHAT
            ));
        }
    }
    finish(draft, origin, before, problems)
}

/// `before` says how many problems there were before this rule.
fn finish<D: Draft>(
    draft: Filled<D>,
    origin: Origin,
    before: usize,
    problems: &mut Problems,
) -> Option<Rule<D>> {
    if problems.0.len() > before {
        return None;
    }
    let rule = draft.value.clone().build();
    let rule = problems.note(rule.map_err(|problem| format!("{origin}: {problem}")))?;
    Some(Rule {
        rule,
        draft,
        origin,
    })
}
