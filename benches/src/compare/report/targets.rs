//! The targets of Tickcast, as ratios of figures in the same turn, and whether it reaches them.
//! Pure.

use std::fmt::Write;

use tickcast_loadtest::busy_loop::PublishRate;

use super::wording::{KIB, MIB, short};
use crate::compare::{
    contender::Contender::{
        self, Nats, Raw, RawBatching, TickcastBincode, TickcastBincodeLog, TickcastBincodeTls,
        TickcastJson, TickcastSocketIo,
    },
    figures::{Figures, Span},
    workload::Workload,
};

/// A figure of a measured time.
type Of = fn(&Span) -> Option<f64>;

const CPU_US: Of = Span::cpu_us;
const P99_MS: Of = |span| span.p99_ms;

/// The figures of some workloads.
pub(super) type All<'a> = [(&'a Workload, Vec<Figures>)];

/// A wanted figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FigureTarget {
    /// The workload's letter.
    pub(super) letter: &'static str,
    /// What the figure is.
    pub(super) what: String,
    /// Its limit.
    pub(super) limit: Limit,
    /// The contender.
    pub(super) contender: Contender,
    /// A note on the figure: the best peer, or how much longer the messages are.
    pub(super) note: Option<String>,
    /// The figure.
    pub(super) figure: f64,
}

/// The limit of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Less than this.
    Below(f64),
}

impl FigureTarget {
    /// The figure and its note.
    pub(super) fn text(&self) -> String {
        let figure = match self.figure {
            0.0 => "0".to_owned(),
            figure => short(figure),
        };
        match &self.note {
            Some(note) => format!("{figure} ({note})"),
            None => figure,
        }
    }

    /// Whether the figure is within its limit.
    pub(super) fn is_reached(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.figure <= limit,
            Limit::AtLeast(limit) => self.figure >= limit,
            Limit::Below(limit) => self.figure < limit,
        }
    }
}

/// All targets that have figures.
pub(super) fn targets(all: &All<'_>) -> Vec<FigureTarget> {
    let mut targets = Vec::new();
    for (workload, figures) in all {
        for contender in [
            TickcastBincode,
            TickcastJson,
            TickcastBincodeTls,
            TickcastBincodeLog,
            TickcastSocketIo,
        ] {
            let Some(own) = figures.iter().find(|f| f.contender == contender) else {
                continue;
            };
            let case = TargetCase {
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

/// The figures of one contender with one workload, and the figures to compare them with.
struct TargetCase<'a> {
    all: &'a All<'a>,
    letter: &'static str,
    figures: &'a [Figures],
    own: &'a Figures,
}

impl TargetCase<'_> {
    fn targets(&self, workload: &Workload) -> Vec<FigureTarget> {
        let mut found = match workload.letter {
            "a" | "b" | "c" => self.paced(workload),
            "d" => self.flat_out(),
            "e" => vec![self.user_share()],
            "f" => vec![self.user_share(), self.cheaper_than_every()],
            "g" => vec![self.memory()],
            "h" => self.stalled(),
            "a-two" => vec![self.two_shards()],
            "a-tls" | "b-tls" | "c-tls" => self.secure(1.15),
            "a-tls-4k" => self.secure(1.4),
            "a-log" | "c-log" => self.logged(),
            "a-socketio" => vec![self.socket_io()],
            "g-tls" => vec![self.secure_memory()],
            _ => Vec::new(),
        };
        if workload.letter == "b" {
            found.push(self.cost_of_many("a"));
            found.push(self.cost_of_many("b-few"));
        }
        // No subscriber is cut off, so the counters must agree exactly.
        if workload.rate != PublishRate::Silent {
            found.push(Some(self.integrity()));
        }
        found.into_iter().flatten().collect()
    }

    fn paced(&self, workload: &Workload) -> Vec<Option<FigureTarget>> {
        let reference = workload.reference;
        vec![
            self.ratio_to(reference, "CPU per delivery", CPU_US, Limit::AtMost(1.15)),
            self.ratio_to_best_peer("CPU per delivery", CPU_US),
            self.ratio_to_best_peer("p99", P99_MS),
        ]
    }

    fn flat_out(&self) -> Vec<Option<FigureTarget>> {
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
                .map(|target| FigureTarget {
                    note: self.length_beside(RawBatching),
                    ..target
                }),
        ]
    }

    fn user_share(&self) -> Option<FigureTarget> {
        let what = "share of CPU time in user space".to_owned();
        self.target(what, self.own.user_share, Limit::Below(0.35))
    }

    fn cheaper_than_every(&self) -> Option<FigureTarget> {
        let every = self.of("f-every", self.own.contender)?;
        let what = "CPU time, divided by that in mode `every`".to_owned();
        let ratio = self.own.ratio(every, |span| Some(span.busy()));
        self.target(what, ratio, Limit::Below(0.25))
    }

    fn memory(&self) -> Option<FigureTarget> {
        let what = "KiB per idle subscriber".to_owned();
        self.target(
            what,
            Some(self.own.connection_bytes / KIB),
            Limit::AtMost(4.0),
        )
    }

    /// What TLS costs: a record is sealed for each subscriber, and is 22 bytes longer.
    fn secure(&self, limit: f64) -> Vec<Option<FigureTarget>> {
        if !self.own.contender.has_tls() {
            return Vec::new();
        }
        vec![
            self.ratio_to(
                TickcastBincode,
                "CPU per delivery with TLS",
                CPU_US,
                Limit::AtMost(limit),
            ),
            self.ratio_to_best_peer("CPU per delivery with TLS", CPU_US),
            self.ratio_to_best_peer("p99 with TLS", P99_MS),
        ]
    }

    /// What the log costs: each update is written once, however many subscribers it has.
    fn logged(&self) -> Vec<Option<FigureTarget>> {
        if !self.own.contender.has_log() {
            return Vec::new();
        }
        let ratio = |what, of, limit| self.ratio_to(TickcastBincode, what, of, limit);
        vec![
            ratio("CPU per delivery with the log", CPU_US, Limit::AtMost(1.05)),
            ratio("p99 with the log", P99_MS, Limit::AtMost(1.1)),
        ]
    }

    /// What the form of Socket.IO costs: its packets are longer.
    fn socket_io(&self) -> Option<FigureTarget> {
        let is_it = self.own.contender == TickcastSocketIo;
        let what = "CPU per delivery for Socket.IO";
        let ratio = self.ratio_to(TickcastJson, what, CPU_US, Limit::AtMost(1.1));
        ratio.filter(|_| is_it)
    }

    fn secure_memory(&self) -> Option<FigureTarget> {
        let kib = self.own.connection_bytes / KIB;
        let has_tls = self.own.contender.has_tls();
        let what = "KiB per idle subscriber with TLS".to_owned();
        self.target(what, has_tls.then_some(kib), Limit::AtMost(11.0))
    }

    /// (a) has fewer subscribers and more updates than (b), "b-few" only fewer subscribers.
    fn cost_of_many(&self, of_few: &str) -> Option<FigureTarget> {
        let few = self.of(of_few, self.own.contender)?;
        let mut what = format!("CPU per delivery, divided by that in ({of_few})");
        let raw = self.of("b", Raw).zip(self.of(of_few, Raw));
        if let Some(of_raw) = raw.and_then(|(many, few)| many.ratio(few, CPU_US)) {
            let _ = write!(what, "; of raw: {of_raw:.2}");
        }
        let figure = self.own.ratio(few, CPU_US);
        self.target(what, figure, Limit::AtMost(1.2))
    }

    fn stalled(&self) -> Vec<Option<FigureTarget>> {
        let calm = self.of("h-calm", self.own.contender);
        let p99 = calm.and_then(|calm| self.own.ratio(calm, P99_MS));
        let what =
            "p99 of healthy subscribers, divided by that without stalled subscribers".to_owned();
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

    fn two_shards(&self) -> Option<FigureTarget> {
        let one = self.of("a", self.own.contender)?;
        let what = "CPU per delivery with two shards, divided by that with one".to_owned();
        let figure = self.own.ratio(one, CPU_US);
        self.target(what, figure, Limit::AtMost(1.1))
    }

    fn integrity(&self) -> FigureTarget {
        let own = self.own;
        let wrong = own.missing + own.doubled + own.overstated + own.counters_differ as u64;
        let mut what = "missing, doubled or wrongly announced, and counters that differ".to_owned();
        if own.contender.has_tls() {
            what += ", with TLS";
        }
        if own.contender.has_log() {
            what += ", with the log";
        }
        if own.contender == TickcastSocketIo {
            what += ", for Socket.IO";
        }
        FigureTarget {
            letter: self.letter,
            what,
            limit: Limit::AtMost(0.0),
            contender: self.column(),
            note: None,
            figure: wrong as f64,
        }
    }

    fn ratio_to(&self, other: Contender, what: &str, of: Of, limit: Limit) -> Option<FigureTarget> {
        let divisor = self.figures.iter().find(|f| f.contender == other)?;
        let what = format!("{what}, divided by that of {}", other.name());
        self.target(what, self.own.ratio(divisor, of), limit)
    }

    /// Where all sends are large, most of the cost is copying.
    fn length_beside(&self, other: Contender) -> Option<String> {
        let other = self.figures.iter().find(|f| f.contender == other)?;
        let times = self.own.bytes_each? / other.bytes_each?;
        Some(format!("{times:.1} times the bytes"))
    }

    /// A figure below the best peer's is below that of all peers.
    fn ratio_to_best_peer(&self, what: &str, of: Of) -> Option<FigureTarget> {
        let peers = self.figures.iter().filter(|f| f.contender.is_peer());
        let ratios = peers.filter_map(|peer| Some((peer.contender, self.own.ratio(peer, of)?)));
        let (best, ratio) = ratios.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let what = format!("{what}, divided by that of the best peer");
        let target = self.target(what, Some(ratio), Limit::Below(1.0))?;
        Some(FigureTarget {
            note: Some(best.name().to_owned()),
            ..target
        })
    }

    fn of(&self, letter: &str, contender: Contender) -> Option<&Figures> {
        let (_, figures) = self.all.iter().find(|(w, _)| w.letter == letter)?;
        figures.iter().find(|f| f.contender == contender)
    }

    fn target(&self, what: String, figure: Option<f64>, limit: Limit) -> Option<FigureTarget> {
        Some(FigureTarget {
            letter: self.letter,
            what,
            limit,
            contender: self.column(),
            note: None,
            figure: figure?,
        })
    }

    /// The contender in whose column its figures are: those with TLS, a log or packets of
    /// Socket.IO have rows of their own.
    fn column(&self) -> Contender {
        match self.own.contender {
            TickcastBincodeTls | TickcastBincodeLog => TickcastBincode,
            TickcastSocketIo => TickcastJson,
            other => other,
        }
    }
}

/// The targets as a table: a row per target, a column per encoding.
pub(super) fn table(targets: &[FigureTarget]) -> String {
    let mut text =
        String::from("| | | target | Tickcast bincode | Tickcast JSON |\n|---|---|---|---|---|\n");
    for (at, target) in targets.iter().enumerate() {
        let is_same =
            |other: &&FigureTarget| other.letter == target.letter && other.what == target.what;
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

fn verdict(target: &FigureTarget) -> String {
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
    fn figures_are_divided_by_those_of_the_floor_and_of_the_best_peer() {
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
    fn a_loss_misses_a_target() {
        let mut lossy = figures(TickcastBincode, 1.0, 1.0);
        lossy.missing = 1;
        let found = targets(&[(&ALL[0], vec![lossy])]);
        let [target] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(!target.is_reached());
    }

    #[test]
    fn a_ratio_of_two_workloads_needs_both() {
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
