//! Refuses runs that would measure nothing, or that could only fail at their end.

use tickcast_protocol::topic::Topic;

use crate::{
    assertion::Needs,
    plan::{Plan, UpdateSource},
    schedule::Timing,
    summary::CONNECTION_BYTES_SUBSCRIBERS_MIN,
    worker::FilterPlan,
};

use tickcast_protocol::message::Mode;

/// Random arrivals may be more than their mean, but hardly twice as many.
const POISSON_MAX: f64 = 2.0;

/// Checks that topics can be published to, and that subscribers get at least one of them.
pub(super) fn check_topics(topics: &[String], filters: &FilterPlan) -> Result<(), String> {
    for topic in topics {
        Topic::new(topic).map_err(|error| format!("--topic-prefix: topic {topic:?}: {error}"))?;
    }
    let FilterPlan::Same(filters) = filters else {
        return Ok(());
    };
    let matches = |topic: &String| filters.iter().any(|filter| filter.matches(topic));
    if topics.iter().any(matches) {
        return Ok(());
    }
    let given: Vec<_> = filters
        .iter()
        .map(|filter| format!("{filter:?}", filter = filter.as_str()))
        .collect();
    let first = topics.first().map(String::as_str).unwrap_or_default();
    let prefix = filters.iter().find_map(|filter| {
        let levels = filter.as_str().strip_suffix('#')?;
        Some(format!("{}loadtest", levels.replace('+', "loadtest")))
    });
    let prefix = match prefix {
        Some(prefix) => format!("; to publish where it matches, --topic-prefix {prefix}"),
        None => String::new(),
    };
    Err(format!(
        "--filter {} matches nothing of what is published (such as {first:?}), so nothing would be \
         timed: to time the server's own feed, add --source server{prefix}",
        given.join(", ")
    ))
}

/// Checks that each assertion can be decided by the run.
pub(super) fn check_assertions(plan: &Plan) -> Result<(), String> {
    for assertion in &plan.assertions {
        let needs = assertion.needs();
        let refuse = |why: String| Err(format!("--assert '{assertion}': {why}"));
        if let Some(why) = never_measured(plan, &needs) {
            return refuse(why.to_owned());
        }
        let Some(most) = samples_max(plan, &needs) else {
            continue;
        };
        if most < needs.samples as f64 {
            return refuse(format!(
                "it needs {} samples, and this run has at most {most:.0}: raise --rate, --duration \
                 or --subscribers, or name a lower percentile",
                needs.samples
            ));
        }
    }
    Ok(())
}

fn never_measured(plan: &Plan, needs: &Needs) -> Option<&'static str> {
    let is_server = matches!(plan.source, UpdateSource::Server);
    match needs.name {
        "completion" | "spread" if plan.params.mode == Mode::Latest => {
            Some("in mode latest a subscriber does not get every update: use response")
        }
        "service" | "slip" if is_server => {
            Some("with --source server it is not known when an update was sent: use response")
        }
        "probes" if plan.probes == 0 => Some("there are no probes: raise --probes"),
        "connection_bytes" if plan.subscribers < CONNECTION_BYTES_SUBSCRIBERS_MIN => {
            Some("it is measured from 1,000 subscribers on: raise --subscribers")
        }
        _ => None,
    }
}

/// The samples of a latency that the run can have at most, if that is known.
fn samples_max(plan: &Plan, needs: &Needs) -> Option<f64> {
    if needs.name == "connect" {
        let durations = plan.durations;
        let comes_back = durations.churn_s > 0 || durations.storm_s > 0;
        return (!comes_back).then_some(plan.subscribers as f64);
    }
    if matches!(plan.source, UpdateSource::Server) {
        return None;
    }
    let rate = match &plan.search {
        Some(search) => search.rate_max.max(plan.rate),
        None => plan.rate,
    };
    let mean = rate * f64::from(plan.durations.steady_s);
    let updates = match plan.timing {
        Timing::Constant => mean + 1.0,
        Timing::Poisson { .. } | Timing::Recorded(_) => mean * POISSON_MAX + 1.0,
    };
    Some(match needs.name {
        "response" | "service" => updates * plan.subscribers as f64,
        "probes" => updates * plan.probes as f64,
        _ => updates,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Cli;

    fn plan(words: &[&str]) -> Result<(), String> {
        let words = [&["tickcast-loadtest"], words].concat();
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        cli.run.plan(String::new()).map(|_| ())
    }

    #[track_caller]
    fn refuse(words: &[&str], parts: &[&str]) {
        let error = plan(words).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }

    #[test]
    fn a_filter_that_matches_nothing_published_is_refused_with_what_to_do() {
        refuse(
            &["-f", "market/#"],
            &[
                "--filter \"market/#\" matches nothing",
                "loadtest/",
                "--source server",
                "--topic-prefix market/loadtest",
            ],
        );
        refuse(
            &["-f", "a/+/#", "-f", "b"],
            &["\"a/+/#\", \"b\"", "--topic-prefix a/loadtest/loadtest"],
        );
        refuse(&["-f", "market/+/trade"], &["add --source server"]);
        // The suggestions are right.
        plan(&["-f", "market/#", "--topic-prefix", "market/loadtest"]).unwrap();
        plan(&["-f", "a/+/#", "--topic-prefix", "a/loadtest/loadtest"]).unwrap();
        plan(&["-f", "market/#", "--source", "server"]).unwrap();
        plan(&["-f", "market/#", "-f", "#"]).unwrap();
        refuse(&["--topic-prefix", "a/+"], &["--topic-prefix", "a/+/0"]);
    }

    #[test]
    fn an_assertion_that_the_run_cannot_decide_is_refused_with_the_reason() {
        let check = |words: &str, assertion: &str, parts: &[&str]| {
            let words: Vec<_> = words.split(' ').chain(["--assert", assertion]).collect();
            refuse(&words, parts);
        };
        check(
            "-n 1 -r 10 -d 30",
            "response.p99 < 5ms",
            &["1000 samples", "at most 301"],
        );
        check(
            "-n 1000 -r 1 -d 10",
            "slip.p50 < 5ms",
            &["20 samples", "at most 11"],
        );
        check(
            "-n 10",
            "connect.p99 < 5ms",
            &["1000 samples", "at most 10"],
        );
        check("-n 10 -m latest", "completion.p50 < 1s", &["mode latest"]);
        check("--source server", "service.max < 1s", &["--source server"]);
        check("--probes 0", "probes.max < 1s", &["--probes"]);
        check("-n 999", "connection_bytes < 9000", &["1,000 subscribers"]);
        for (words, assertion) in [
            ("-n 1000 -r 100 -d 30", "response.p99 < 50ms"),
            ("-n 10 -r 10 -d 1", "response.max < 5ms"),
            ("-n 10", "missing == 0"),
            ("-n 10 --storm", "connect.p99 < 5s"),
            ("--source server -n 10", "response.p99 < 5ms"),
            ("-n 1000", "connection_bytes < 9000"),
        ] {
            let words: Vec<_> = words.split(' ').chain(["--assert", assertion]).collect();
            plan(&words).unwrap();
        }
    }

    #[test]
    fn arguments_without_effect_are_refused() {
        for words in [
            "--stall 5s",
            "--slow-bytes-per-s 100",
            "--churn 5s",
            "--search-step 2s",
            "--search-max 100",
        ] {
            let words: Vec<_> = words.split(' ').collect();
            refuse(&words, &["required"]);
        }
        refuse(&["--mqtt-url", "mqtt://127.0.0.1:1"], &["--source mqtt"]);
        refuse(
            &["--source", "server", "--topics", "2"],
            &["leave out --topics"],
        );
        refuse(&["--rate", "0.01"], &["no update is due"]);
    }
}
