//! From arguments to a plan.

use clap::Parser;

use super::Cli;
use crate::plan::Plan;

fn plan(arguments: &str) -> Result<Plan, String> {
    let words = std::iter::once("tickcast-loadtest").chain(arguments.split_whitespace());
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    cli.run.plan(String::new())
}

#[track_caller]
fn refuse(arguments: &str, reason: &str) {
    let error = plan(arguments).unwrap_err();
    assert!(error.contains(reason), "{arguments}: {error}");
}

#[test]
fn the_command_line_is_consistent() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn arguments_that_do_not_fit_are_refused_with_the_reason() {
    refuse("--subscribers 0", "at least 1");
    refuse("--rate 0", "positive");
    refuse("--payload-bytes 31", "32");
    refuse("--url http://x", "ws://");
    refuse(
        "--url wss://127.0.0.1:1 --ca /nowhere.pem",
        "--ca: cannot read",
    );
    refuse("--url ws://127.0.0.1:x/ws", "port");
    refuse("--filter a/#/b", "filter");
    refuse("--max-rate-hz 5", "latest");
    refuse("--topics 3 --topics-per-subscriber 4", "between");
    refuse("-n 5 --stalled 3 --slow 2", "at least one");
    refuse("--timing recorded", "belong together");
    refuse("--assert speed<1", "no number");
    refuse("--duration 1h", "whole seconds");
    refuse("--duration 61m", "hour");
    refuse("--source server --search response.p99<1ms", "--search");
}

#[test]
fn phases_follow_each_other() {
    let plan = plan("-d 1m --warmup 2 --churn-per-s 5 --churn 7s --storm").unwrap();
    let phases: Vec<_> = plan
        .phases()
        .iter()
        .map(|phase| (phase.kind.name(), phase.from_s, phase.to_s))
        .collect();
    let expected = [
        ("warm-up", 0, 2),
        ("steady", 2, 62),
        ("churn", 62, 69),
        ("storm", 69, 79),
    ];
    assert_eq!(phases, expected);
}

#[test]
fn roles_are_spread_over_all_threads_and_every_subscriber_has_one_thread() {
    use crate::worker::Role;
    let plan = plan("-n 100 --threads 2 --stalled 10 --slow 4 --half-open 2").unwrap();
    let members = plan.members();
    for role in [Role::Stalled, Role::Slow, Role::Gone, Role::Probe] {
        for thread in &members {
            assert!(thread.iter().any(|member| member.role == role), "{role:?}");
        }
    }
    let mut indices: Vec<_> = members.iter().flatten().map(|m| m.index).collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..100).collect::<Vec<_>>());
}

#[test]
fn many_subscribers_on_loopback_get_several_addresses() {
    assert!(plan("-n 20000").unwrap().sources.is_empty());
    assert_eq!(plan("-n 50000").unwrap().sources.len(), 3);
}

#[test]
fn only_every_nth_update_is_timed_when_timing_all_would_cost_too_much() {
    assert_eq!(plan("-n 1000 -r 100").unwrap().stride(), 1);
    assert_eq!(plan("-n 1000 -r 4000").unwrap().stride(), 10);
    let few = plan("-n 1000 -r 4000 --topics 100 --topics-per-subscriber 10");
    assert_eq!(few.unwrap().stride(), 1);
}
