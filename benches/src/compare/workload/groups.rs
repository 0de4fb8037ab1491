//! Which measurements are made together.

use super::definition::Workload;
use crate::compare::contender::Contender;

/// One measurement to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// The contender.
    pub contender: Contender,
    /// The workload.
    pub workload: &'a Workload,
}

/// Groups of entries that are measured in turns, in order. Contenders of a workload with turns are
/// in one group, with those of the workload's variants, so that the machine's variations affect all
/// of them alike. Every other entry has a group of its own.
pub fn turn_groups<'a>(workloads: &'a [Workload], contenders: &[Contender]) -> Vec<Vec<Entry<'a>>> {
    let mut groups: Vec<Vec<Entry<'_>>> = Vec::new();
    for workload in workloads {
        let own = workload.contenders.iter().copied();
        for contender in own.filter(|contender| contenders.contains(contender)) {
            let entry = Entry {
                contender,
                workload,
            };
            let is_beside =
                |last: &&mut Vec<Entry<'_>>| last[0].workload.takes_turns_with(workload);
            match groups.last_mut().filter(is_beside) {
                Some(group) => group.push(entry),
                None => groups.push(vec![entry]),
            }
        }
    }
    groups
}
