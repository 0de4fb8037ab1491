//! What Tickcast is to reach, in ratios of figures of the same turn, and whether it does. Pure.

use std::fmt::Write;

use super::{
    contender::Contender::{self, Nats, Raw, RawBatching, TickcastBincode, TickcastJson},
    figures::{Figures, Span},
    table::short,
    workload::{Pace, Workload},
};

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;

/// A figure of some measured time.
type Of = fn(&Span) -> Option<f64>;

const CPU_US: Of = Span::cpu_us;
const P99_MS: Of = |span| span.p99_ms;

/// The figures of some workloads.
pub type All<'a> = [(&'a Workload, Vec<Figures>)];

/// One figure that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The workload's letter.
    pub letter: &'static str,
    /// What the figure is.
    pub what: String,
    /// What it must be.
    pub limit: Limit,
    /// Whose.
    pub contender: Contender,
    /// What is to be said with it: which peer is the best one, or how much longer the messages are.
    pub note: Option<String>,
    /// It.
    pub figure: f64,
}

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// Less than this.
    Below(f64),
}

impl Target {
    /// The figure and its note.
    pub fn text(&self) -> String {
        let figure = match self.figure {
            0.0 => "0".to_owned(),
            figure => short(figure),
        };
        match &self.note {
            Some(note) => format!("{figure} ({note})"),
            None => figure,
        }
    }

    /// Whether the figure is what it must be.
    pub fn is_reached(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.figure <= limit,
            Limit::AtLeast(limit) => self.figure >= limit,
            Limit::Below(limit) => self.figure < limit,
        }
    }
}

/// All targets of which there are figures.
pub fn targets(all: &All<'_>) -> Vec<Target> {
    let mut targets = Vec::new();
    for (workload, figures) in all {
        for contender in [TickcastBincode, TickcastJson] {
            let Some(own) = figures.iter().find(|f| f.contender == contender) else {
                continue;
            };
            let case = Case {
                all,
                letter: workload.letter,
                figures,
                own,
            };
            targets.extend(case.targets(workload));
        }
    }
    targets
}

/// The figures of one contender with one workload, and all others to compare them with.
struct Case<'a> {
    all: &'a All<'a>,
    letter: &'static str,
    figures: &'a [Figures],
    own: &'a Figures,
}

impl Case<'_> {
    fn targets(&self, workload: &Workload) -> Vec<Target> {
        let mut found = match workload.letter {
            "a" | "b" | "c" => self.paced(workload),
            "d" => self.flat_out(),
            "e" => vec![self.user_share()],
            "f" => vec![self.user_share(), self.cheaper_than_every()],
            "g" => vec![self.memory()],
            "h" => self.stalled(),
            "a-two" => vec![self.two_shards()],
            _ => Vec::new(),
        };
        if workload.letter == "b" {
            found.push(self.cost_of_many("a"));
            found.push(self.cost_of_many("b-few"));
        }
        // The server counts deliveries to the last one where nobody is cut off.
        if workload.pace != Pace::Silent {
            found.push(Some(self.integrity()));
        }
        found.into_iter().flatten().collect()
    }

    fn paced(&self, workload: &Workload) -> Vec<Option<Target>> {
        let reference = workload.reference;
        vec![
            self.ratio_to(reference, "CPU per delivery", CPU_US, Limit::AtMost(1.15)),
            self.ratio_to_best_peer("CPU per delivery", CPU_US),
            self.ratio_to_best_peer("p99", P99_MS),
        ]
    }

    fn flat_out(&self) -> Vec<Option<Target>> {
        let rate: Of = |span| Some(span.deliveries_per_s());
        vec![
            self.ratio_to(Nats, "deliveries/s", rate, Limit::AtLeast(2.0)),
            self.ratio_to(
                Contender::Tungstenite,
                "deliveries/s",
                rate,
                Limit::AtLeast(10.0),
            ),
            self.ratio_to(RawBatching, "CPU per delivery", CPU_US, Limit::AtMost(1.5))
                .map(|target| Target {
                    note: self.length_beside(RawBatching),
                    ..target
                }),
        ]
    }

    fn user_share(&self) -> Option<Target> {
        let what = "share of its CPU time in user space".to_owned();
        self.target(what, self.own.user_share, Limit::Below(0.35))
    }

    fn cheaper_than_every(&self) -> Option<Target> {
        let every = self.of("f-every", self.own.contender)?;
        let what = "CPU time, divided by that in mode `every`".to_owned();
        let ratio = self.own.ratio(every, |span| Some(span.busy()));
        self.target(what, ratio, Limit::Below(0.25))
    }

    fn memory(&self) -> Option<Target> {
        let what = "KiB per idle subscriber".to_owned();
        self.target(
            what,
            Some(self.own.connection_bytes / KIB),
            Limit::AtMost(4.0),
        )
    }

    /// (a) has fewer subscribers and more updates, "b-few" the first alone.
    fn cost_of_many(&self, of_few: &str) -> Option<Target> {
        let few = self.of(of_few, self.own.contender)?;
        let mut what = format!("CPU per delivery, divided by that in ({of_few})");
        let raw = self.of("b", Raw).zip(self.of(of_few, Raw));
        if let Some(of_raw) = raw.and_then(|(many, few)| many.ratio(few, CPU_US)) {
            let _ = write!(what, "; of raw: {of_raw:.2}");
        }
        let figure = self.own.ratio(few, CPU_US);
        self.target(what, figure, Limit::AtMost(1.2))
    }

    fn stalled(&self) -> Vec<Option<Target>> {
        let calm = self.of("h-calm", self.own.contender);
        let p99 = calm.and_then(|calm| self.own.ratio(calm, P99_MS));
        let what = "p99 of those who read, divided by that without stalled ones".to_owned();
        let growth = "MiB of growth".to_owned();
        vec![
            self.target(what, p99, Limit::AtMost(1.2)),
            self.target(
                growth,
                Some(self.own.growth_bytes / MIB),
                Limit::Below(16.0),
            ),
        ]
    }

    fn two_shards(&self) -> Option<Target> {
        let one = self.of("a", self.own.contender)?;
        let what = "CPU per delivery with two shards, divided by that with one".to_owned();
        let figure = self.own.ratio(one, CPU_US);
        self.target(what, figure, Limit::AtMost(1.1))
    }

    fn integrity(&self) -> Target {
        let own = self.own;
        let wrong = own.missing + own.doubled + own.overstated + own.counters_differ as u64;
        Target {
            letter: self.letter,
            what: "missing, doubled or wrongly announced, and counters that differ".to_owned(),
            limit: Limit::AtMost(0.0),
            contender: own.contender,
            note: None,
            figure: wrong as f64,
        }
    }

    fn ratio_to(&self, other: Contender, what: &str, of: Of, limit: Limit) -> Option<Target> {
        let divisor = self.figures.iter().find(|f| f.contender == other)?;
        let what = format!("{what}, divided by that of {}", other.name());
        self.target(what, self.own.ratio(divisor, of), limit)
    }

    /// Where all sends are large, copying is most of the cost.
    fn length_beside(&self, other: Contender) -> Option<String> {
        let other = self.figures.iter().find(|f| f.contender == other)?;
        let times = self.own.bytes_each? / other.bytes_each?;
        Some(format!("{times:.1} times the bytes"))
    }

    /// Whoever is below the peer that comes closest is below all of them.
    fn ratio_to_best_peer(&self, what: &str, of: Of) -> Option<Target> {
        let peers = self.figures.iter().filter(|f| f.contender.is_peer());
        let ratios = peers.filter_map(|peer| Some((peer.contender, self.own.ratio(peer, of)?)));
        let (best, ratio) = ratios.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let what = format!("{what}, divided by that of the best peer");
        let target = self.target(what, Some(ratio), Limit::Below(1.0))?;
        Some(Target {
            note: Some(best.name().to_owned()),
            ..target
        })
    }

    fn of(&self, letter: &str, contender: Contender) -> Option<&Figures> {
        let (_, figures) = self.all.iter().find(|(w, _)| w.letter == letter)?;
        figures.iter().find(|f| f.contender == contender)
    }

    fn target(&self, what: String, figure: Option<f64>, limit: Limit) -> Option<Target> {
        Some(Target {
            letter: self.letter,
            what,
            limit,
            contender: self.own.contender,
            note: None,
            figure: figure?,
        })
    }
}

/// The targets as a table: a line for each, a column for each encoding.
pub fn table(targets: &[Target]) -> String {
    let mut text =
        String::from("| | | target | Tickcast bincode | Tickcast JSON |\n|---|---|---|---|---|\n");
    for (at, target) in targets.iter().enumerate() {
        let is_same = |other: &&Target| other.letter == target.letter && other.what == target.what;
        if targets[..at].iter().any(|other| is_same(&other)) {
            continue;
        }
        let cell = |contender| {
            let mut same = targets.iter().filter(is_same);
            same.find(|other| other.contender == contender)
                .map_or("–".to_owned(), verdict)
        };
        let limit = match target.limit {
            Limit::AtMost(limit) => format!("≤ {limit}"),
            Limit::AtLeast(limit) => format!("≥ {limit}"),
            Limit::Below(limit) => format!("< {limit}"),
        };
        let _ = writeln!(
            text,
            "| ({}) | {} | {limit} | {} | {} |",
            target.letter,
            target.what,
            cell(TickcastBincode),
            cell(TickcastJson)
        );
    }
    text
}

fn verdict(target: &Target) -> String {
    let figure = target.text();
    match target.is_reached() {
        true => format!("{figure}, reached"),
        false => format!("**{figure}, not reached**"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{figures::tests::measurement, workload::ALL};

    fn figures(contender: Contender, cpu_us: f64, p99_ms: f64) -> Figures {
        let mut run = measurement(contender);
        let turn = &mut run.turns[0];
        turn.cpu_s = cpu_us * turn.deliveries as f64 / 1e6;
        turn.p99_ms = Some(p99_ms);
        Figures::of(contender, &[&run])
    }

    #[test]
    fn each_figure_is_divided_by_that_of_the_floor_and_of_the_best_peer() {
        let rows = vec![
            figures(Raw, 4.0, 2.0),
            figures(TickcastBincode, 4.4, 3.0),
            figures(TickcastJson, 5.0, 9.0),
            figures(Nats, 8.0, 6.0),
            figures(Contender::NodeWs, 20.0, 5.0),
        ];
        let found = targets(&[(&ALL[0], rows)]);
        let seen: Vec<_> = found.iter().map(|t| (t.figure, t.is_reached())).collect();
        let bincode = [(1.1, true), (0.55, true), (0.6, true), (0.0, true)];
        let json = [(1.25, false), (0.625, true), (1.8, false), (0.0, true)];
        for (seen, expected) in seen.iter().zip(bincode.iter().chain(&json)) {
            assert!((seen.0 - expected.0).abs() < 1e-9, "{seen:?} {expected:?}");
            assert_eq!(seen.1, expected.1);
        }
        assert_eq!(seen.len(), 8);
        let text = table(&found);
        let row = "| (a) | CPU per delivery, divided by that of raw | ≤ 1.15 | 1.10, reached | \
                   **1.25, not reached** |";
        assert!(text.contains(row), "{text}");
        let row = "| (a) | p99, divided by that of the best peer | < 1 | 0.60 (Node ws), reached | \
                   **1.80 (Node ws), not reached** |";
        assert!(text.contains(row), "{text}");
    }

    #[test]
    fn a_loss_is_no_target_reached() {
        let mut lossy = figures(TickcastBincode, 1.0, 1.0);
        lossy.missing = 1;
        let found = targets(&[(&ALL[0], vec![lossy])]);
        let [target] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(!target.is_reached());
    }

    #[test]
    fn what_has_two_sides_needs_both() {
        let with = |letter: &str| ALL.iter().find(|w| w.letter == letter).unwrap();
        let mut stalled = figures(TickcastBincode, 1.0, 6.0);
        stalled.growth_bytes = 20.0 * MIB;
        let calm = figures(TickcastBincode, 1.0, 4.0);
        let found = targets(&[(with("h"), vec![stalled.clone()])]);
        assert_eq!(found.len(), 2);
        let found = targets(&[(with("h"), vec![stalled]), (with("h-calm"), vec![calm])]);
        assert_eq!(found[0].figure, 1.5);
        assert!(found[..2].iter().all(|target| !target.is_reached()));
    }
}
