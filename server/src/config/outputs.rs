//! The outputs: tables `[[output]]` in the file.

use super::{
    entry::Section,
    file::Table,
    problem::Problem,
    rules::{build_rules, read_rules},
    section::Draft,
};
use crate::{
    feed::FeedSettings,
    output::settings::{OUTPUTS_MAX, OutputKeys, OutputSettings},
};

/// The tables of the file.
pub(super) fn read(file: &[Table]) -> Vec<Draft> {
    read_rules::<OutputKeys>(Section::Output, &[], file)
}

/// All outputs. What is wrong with them is a problem, at the table that must change.
pub(super) fn build(
    drafts: &[Draft],
    feeds: &[FeedSettings],
    problems: &mut Vec<Problem>,
) -> Vec<OutputSettings> {
    let mut outputs = Vec::<OutputSettings>::new();
    for draft in drafts {
        let built =
            build_rules::<OutputKeys, OutputSettings>(std::slice::from_ref(draft), problems);
        for output in built {
            if let Err(reason) = check(&output, &outputs, feeds) {
                let origin = &draft.origin;
                problems.push(Problem::new(origin, format!("{origin}: output: {reason}")));
            }
            outputs.push(output);
        }
    }
    outputs
}

fn check(
    output: &OutputSettings,
    others: &[OutputSettings],
    feeds: &[FeedSettings],
) -> Result<(), String> {
    if others.len() == OUTPUTS_MAX {
        return Err(format!("there are too many outputs (limit {OUTPUTS_MAX})"));
    }
    if others.iter().any(|other| other.name == output.name) {
        let name = &output.name;
        return Err(format!("another output has the name {name:?}: set name"));
    }
    output.check_loop(feeds)
}
