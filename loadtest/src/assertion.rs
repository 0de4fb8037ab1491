//! `--assert 'response.p99 < 5ms'`: a condition on a run, as text and as a check. Pure.

use std::{fmt, str::FromStr};

use crate::{
    latency::{PERCENTILES, format_ns, percentile_samples},
    summary::{AssertionResult, RunSummary},
};

/// A condition on one number of a summary.
#[derive(Debug, Clone, PartialEq)]
pub struct Assertion {
    text: String,
    metric: Metric,
    operator: Operator,
    bound: f64,
}

/// What a run must measure for an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// The latency or the number.
    pub name: &'static str,
    /// Samples of the latency, at least.
    pub samples: u64,
}

/// Why a text is not an assertion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// It does not have three parts.
    #[error("{0:?} does not have the form 'response.p99 < 5ms' or 'missing == 0'")]
    Form(String),
    /// The number does not exist.
    #[error("there is no number {0:?}; use one of {list}", list = Metric::list())]
    Metric(String),
    /// The operator does not exist.
    #[error("{0:?} is none of the operators <, <=, ==, >=, >")]
    Operator(String),
    /// The bound is not a number with a suitable unit.
    #[error("{0:?} is not a {1}")]
    Bound(String, &'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// A number of a summary.
#[derive(Debug, Clone, PartialEq)]
enum Metric {
    Latency(&'static str, Statistic),
    Number(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Statistic {
    Percentile(f64),
    Min,
    Mean,
    Max,
}

impl Metric {
    fn list() -> String {
        let latencies = RunSummary::LATENCIES.join("|");
        let numbers = RunSummary::NUMBERS.join(", ");
        let percentiles = PERCENTILES.map(|p| format!("p{p}")).join("|");
        format!("({latencies}).({percentiles}|min|mean|max), {numbers}")
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(name) = RunSummary::NUMBERS.iter().find(|name| **name == text) {
            return Some(Self::Number(name));
        }
        let (name, statistic) = text.split_once('.')?;
        let name = RunSummary::LATENCIES.iter().find(|known| **known == name)?;
        let statistic = match statistic {
            "min" => Statistic::Min,
            "mean" => Statistic::Mean,
            "max" => Statistic::Max,
            _ => {
                let percent: f64 = statistic.strip_prefix('p')?.parse().ok()?;
                PERCENTILES.contains(&percent).then_some(())?;
                Statistic::Percentile(percent)
            }
        };
        Some(Self::Latency(name, statistic))
    }

    /// The number in a summary, in ns if it is a time.
    fn value(&self, summary: &RunSummary) -> Option<f64> {
        match self {
            Self::Number(name) => summary.number(name),
            Self::Latency(name, statistic) => {
                let latency = summary.latency(name).filter(|latency| latency.count > 0)?;
                match statistic {
                    Statistic::Percentile(percent) => {
                        latency.percentile(*percent).map(|ns| ns as f64)
                    }
                    Statistic::Min => Some(latency.min_ns as f64),
                    Statistic::Mean => Some(latency.mean_ns),
                    Statistic::Max => Some(latency.max_ns as f64),
                }
            }
        }
    }
}

impl FromStr for Assertion {
    type Err = AssertionError;

    fn from_str(text: &str) -> Result<Self, AssertionError> {
        let form = || AssertionError::Form(text.to_owned());
        let start = text.find(['<', '=', '>']).ok_or_else(form)?;
        let (metric, rest) = text.split_at(start);
        let end = rest
            .find(|c| !['<', '=', '>'].contains(&c))
            .ok_or_else(form)?;
        let (operator, bound) = rest.split_at(end);
        let (metric, bound) = (metric.trim(), bound.trim());
        let operator = match operator {
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            "==" => Operator::Equal,
            ">=" => Operator::GreaterOrEqual,
            ">" => Operator::Greater,
            other => return Err(AssertionError::Operator(other.to_owned())),
        };
        let metric =
            Metric::parse(metric).ok_or_else(|| AssertionError::Metric(metric.to_owned()))?;
        let bound = match metric {
            Metric::Number(_) => bound
                .parse()
                .map_err(|_| AssertionError::Bound(bound.to_owned(), "number"))?,
            Metric::Latency(..) => parse_time(bound).ok_or_else(|| {
                AssertionError::Bound(bound.to_owned(), "time such as 250us, 5ms or 1.5s")
            })?,
        };
        Ok(Self {
            text: text.trim().to_owned(),
            metric,
            operator,
            bound,
        })
    }
}

/// A time with its unit, in ns.
fn parse_time(text: &str) -> Option<f64> {
    let unit_at = text.find(|c: char| c.is_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().ok()?;
    let factor = match unit {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some(number * factor)
}

impl Assertion {
    /// What a run must measure, so that the assertion can hold.
    pub fn needs(&self) -> Needs {
        let (name, samples) = match self.metric {
            Metric::Number(name) => (name, 0),
            Metric::Latency(name, Statistic::Percentile(percent)) => {
                (name, percentile_samples(percent))
            }
            Metric::Latency(name, _) => (name, 1),
        };
        Needs { name, samples }
    }

    /// Checks the assertion. It fails if its number is not known, such as a percentile without
    /// enough samples.
    pub fn check(&self, summary: &RunSummary) -> AssertionResult {
        let value = self.metric.value(summary);
        let passed = value.is_some_and(|value| match self.operator {
            Operator::Less => value < self.bound,
            Operator::LessOrEqual => value <= self.bound,
            Operator::Equal => value == self.bound,
            Operator::GreaterOrEqual => value >= self.bound,
            Operator::Greater => value > self.bound,
        });
        let actual = match (value, &self.metric) {
            (None, _) => "unknown: not measured, or not enough samples".to_owned(),
            (Some(value), Metric::Number(_)) => format!("{value}"),
            (Some(value), Metric::Latency(..)) => format_ns(value),
        };
        AssertionResult {
            assertion: self.text.clone(),
            passed,
            actual,
        }
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{Latency, Percentile};

    fn summary() -> RunSummary {
        let mut summary = RunSummary::default();
        summary.latencies.response = Latency {
            count: 5000,
            min_ns: 100_000,
            mean_ns: 400_000.0,
            percentiles: vec![Percentile {
                percent: 99.0,
                ns: 4_900_000,
            }],
            max_ns: 9_000_000,
        };
        summary.integrity.healthy.missing = 3;
        summary
    }

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let result = text.parse::<Assertion>().unwrap().check(&summary());
        assert_eq!(result.passed, expected, "{result:?}");
    }

    #[test]
    fn conditions_hold_or_not() {
        check("response.p99 < 5ms", true);
        check("response.p99<4900us", false);
        check("response.p99 <= 4900us", true);
        check("response.max > 8.9 ms", true);
        check("response.min >= 0.1ms", true);
        check("missing == 0", false);
        check("missing==3", true);
        check("gaps == 0", true);
    }

    #[test]
    fn an_assertion_on_something_not_measured_fails() {
        check("response.p99.9 < 1s", false);
        check("service.max < 1s", false);
        check("service.max >= 0ns", false);
    }

    #[test]
    fn texts_that_are_no_assertion_are_refused_with_the_reason() {
        for (text, reason) in [
            ("response.p99", "form"),
            ("response.p98 < 1ms", "no number"),
            ("speed < 1ms", "no number"),
            ("missing = 0", "none of"),
            ("missing == 0ms", "not a number"),
            ("response.p99 < 5", "not a time"),
            ("response.p99 < 5 lightyears", "not a time"),
            ("response.p99 <", "form"),
        ] {
            let error = text.parse::<Assertion>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
