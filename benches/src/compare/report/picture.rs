//! The figures as bars. Pure.

use tickcast_loadtest::{
    busy_loop::PublishRate,
    chart::{BarBlock, BarPanel, BarRow, bar_picture},
    number::grouped,
};

use super::wording::{KIB, p99_label, short};
use crate::compare::{contender::Contender, figures::Figures, workload::Workload};

const LEGEND: &str = "Shorter is better unless a title says otherwise. A bar with // is cut. In \
    parentheses: the share that arrived while more was published, if not everything.";

/// A column of bars.
struct Panel {
    title: &'static str,
    value: fn(&Figures) -> Option<f64>,
    /// The text after the bar, or in its place.
    label: fn(&Figures) -> String,
    /// Whether outliers are cut. They are not where longer is better.
    cuts: bool,
}

const CPU: Panel = Panel {
    title: "CPU µs per delivery",
    value: |figures| figures.cpu_us,
    label: |figures| figures.cpu_us.map(short).unwrap_or_default(),
    cuts: true,
};
const P99: Panel = Panel {
    title: "p99 in ms, from when an update was due",
    value: |figures| figures.p99_ms,
    label: |figures| p99_label(figures).unwrap_or_default(),
    cuts: true,
};
const RATE: Panel = Panel {
    title: "deliveries per second on one core (more is better)",
    value: |figures| Some(figures.deliveries_per_s),
    label: |figures| grouped(figures.deliveries_per_s),
    cuts: false,
};
const MEMORY: Panel = Panel {
    title: "KiB of memory per connection",
    value: |figures| Some(figures.connection_bytes / KIB),
    label: |figures| short(figures.connection_bytes / KIB),
    cuts: true,
};

/// One block of bars per workload.
pub(super) fn picture(blocks: &[(&Workload, &[Figures])]) -> String {
    let blocks: Vec<_> = blocks.iter().map(|&(w, f)| block(w, f)).collect();
    bar_picture(&blocks, LEGEND)
}

fn block<'a>(workload: &Workload, figures: &'a [Figures]) -> BarBlock<'a> {
    let panels: &[Panel] = match workload.rate {
        PublishRate::PerSecond(_) => &[CPU, P99],
        PublishRate::Window(_) => &[CPU, RATE],
        PublishRate::Silent => &[MEMORY],
    };
    let panels = panels.iter().map(|panel| BarPanel {
        title: panel.title,
        bars: figures
            .iter()
            .map(|of_row| ((panel.value)(of_row), (panel.label)(of_row)))
            .collect(),
        cuts: panel.cuts,
    });
    let rows = figures.iter().map(|of_row| BarRow {
        name: of_row.contender.name(),
        class: class(of_row.contender),
    });
    BarBlock {
        title: format!("({}) {}", workload.letter, workload.title.replace('`', "")),
        rows: rows.collect(),
        panels: panels.collect(),
    }
}

fn class(contender: Contender) -> &'static str {
    match contender {
        contender if contender.is_tickcast() => "ours",
        contender if contender.is_raw() => "floor",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{figures::tests::measurement, workload::ALL};

    #[test]
    fn every_contender_has_its_bars_and_an_outlier_is_cut() {
        let mut figures: Vec<_> = Contender::PLAIN
            .into_iter()
            .map(|contender| Figures::of(contender, &[&measurement(contender)]))
            .collect();
        figures[0].p99_ms = Some(3000.0);
        figures[5].p99_ms = None;
        figures[5].completion = 0.15;
        let svg = picture(&[(&ALL[0], &figures)]);
        for contender in Contender::PLAIN {
            assert!(svg.contains(&format!(">{}</text>", contender.name())));
        }
        assert_eq!(svg.matches("<rect class=\"ours\"").count(), 6);
        assert_eq!(svg.matches("class=\"cuts\"").count(), 1);
        assert!(svg.contains(">3,000</text>"));
        assert!(svg.contains(">– (15 %)</text>"));
    }
}
