//! Which subscribers behave how, and which thread serves them.

use crate::worker::{Member, Role};

/// How many subscribers are hindered on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hindered {
    /// Subscribers that read slowly.
    pub slow: usize,
    /// Subscribers that stop reading for a while.
    pub stalled: usize,
    /// Subscribers that vanish.
    pub gone: usize,
}

/// The subscribers of each thread. Hindered subscribers and probes are spread evenly.
pub(super) fn members(
    subscribers: usize,
    threads: usize,
    probes: usize,
    hindered: Hindered,
) -> Vec<Vec<Member>> {
    let mut members = vec![Vec::new(); threads];
    for (index, role) in roles(subscribers, probes, hindered).into_iter().enumerate() {
        members[index * threads / subscribers].push(Member { index, role });
    }
    members
}

fn roles(subscribers: usize, probes: usize, hindered: Hindered) -> Vec<Role> {
    let mut roles = vec![Role::Sample; subscribers];
    let kinds = [
        (Role::Slow, hindered.slow),
        (Role::Stalled, hindered.stalled),
        (Role::Gone, hindered.gone),
        (Role::Probe, probes),
    ];
    for (role, count) in kinds {
        let free: Vec<usize> = (0..roles.len())
            .filter(|&i| roles[i] == Role::Sample)
            .collect();
        let count = count.min(free.len());
        for i in 0..count {
            roles[free[i * free.len() / count]] = role;
        }
    }
    roles
}
