//! The figures as bars, in SVG that is readable on light and on dark ground. Pure.

use std::fmt::{self, Write};

use super::{
    contender::Contender,
    figures::{Figures, median},
    table::{grouped, p99_label, short},
    workload::{Pace, Workload},
};

const WIDTH: f64 = 880.0;
const MARGIN: f64 = 24.0;
const TITLE_HEIGHT: f64 = 40.0;
const ROW_HEIGHT: f64 = 20.0;
const BAR_HEIGHT: f64 = 10.0;
const NAMES_WIDTH: f64 = 144.0;
const PANEL_WIDTH: f64 = 344.0;
/// What is left of a panel behind its longest bar, for the figure.
const VALUE_WIDTH: f64 = 84.0;

/// A bar this many times as long as the one in the middle is cut: it would make all others dots.
const OUTLIER: f64 = 6.0;

const LEGEND: &str = "Shorter is better unless it says otherwise. A bar with // is cut. In \
brackets: how much arrived while more was published, if not everything.";

const STYLE: &str = "\
svg { --back: #ffffff; --line: #dde2e8; --text: #1a2027; --muted: #5c6875; --dim: #8a95a1; \
--accent: #1668c7; }\n\
@media (prefers-color-scheme: dark) { svg { --back: #0d1014; --line: #232a33; --text: #dbe2ea; \
--muted: #7f8b99; --dim: #55606d; --accent: #5aa9ff; } }\n\
.back { fill: var(--back); } .line { stroke: var(--line); }\n\
text { font: 12px Inter, system-ui, sans-serif; fill: var(--text); }\n\
.title { font-size: 13px; font-weight: 600; } .axis { font-size: 11px; fill: var(--muted); }\n\
.value { font-family: 'JetBrains Mono', ui-monospace, monospace; font-size: 11px; }\n\
.ours { fill: var(--accent); } .floor { fill: var(--dim); } .other { fill: var(--muted); }\n\
.cut { stroke: var(--back); stroke-width: 2; }\n";

/// A column of bars.
struct Panel {
    title: &'static str,
    value: fn(&Figures) -> Option<f64>,
    /// Behind the bar, or in its place.
    label: fn(&Figures) -> String,
    /// Whether outliers are cut. What is better for being long is not.
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
    value: |figures| Some(figures.connection_bytes / 1024.0),
    label: |figures| short(figures.connection_bytes / 1024.0),
    cuts: true,
};

/// One block of bars for each workload.
pub fn picture(blocks: &[(&Workload, &[Figures])]) -> String {
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = write_picture(blocks, &mut svg);
    svg
}

fn write_picture(blocks: &[(&Workload, &[Figures])], svg: &mut String) -> fmt::Result {
    let block_height = |rows: usize| TITLE_HEIGHT + rows as f64 * ROW_HEIGHT + MARGIN;
    let blocks_height: f64 = blocks.iter().map(|b| block_height(b.1.len())).sum();
    let height = MARGIN + blocks_height + MARGIN;
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<style>{STYLE}</style>\n\
         <rect class=\"back\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>"
    )?;
    let mut top = MARGIN;
    for (workload, figures) in blocks {
        write_block(workload, figures, top, svg)?;
        top += block_height(figures.len());
    }
    writeln!(
        svg,
        "<text class=\"axis\" x=\"{MARGIN}\" y=\"{}\">{LEGEND}</text>\n</svg>",
        height - MARGIN
    )
}

fn write_block(
    workload: &Workload,
    figures: &[Figures],
    top: f64,
    svg: &mut String,
) -> fmt::Result {
    let panels: &[Panel] = match workload.pace {
        Pace::Rate(_) => &[CPU, P99],
        Pace::Window(_) => &[CPU, RATE],
        Pace::Silent => &[MEMORY],
    };
    writeln!(
        svg,
        "<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">({}) {}</text>",
        top + 12.0,
        workload.letter,
        workload.title.replace('`', "")
    )?;
    for (row, of_row) in figures.iter().enumerate() {
        let y = text_y(top, row);
        let name = of_row.contender.name();
        writeln!(svg, "<text x=\"{MARGIN}\" y=\"{y}\">{name}</text>")?;
    }
    for (at, panel) in panels.iter().enumerate() {
        let left = MARGIN + NAMES_WIDTH + at as f64 * PANEL_WIDTH;
        write_panel(panel, figures, left, top, svg)?;
    }
    Ok(())
}

fn text_y(top: f64, row: usize) -> f64 {
    top + TITLE_HEIGHT + (row as f64 + 0.5) * ROW_HEIGHT + 4.0
}

fn write_panel(
    panel: &Panel,
    figures: &[Figures],
    left: f64,
    top: f64,
    svg: &mut String,
) -> fmt::Result {
    let title_y = top + TITLE_HEIGHT - 8.0;
    let title = panel.title;
    writeln!(
        svg,
        "<text class=\"axis\" x=\"{left}\" y=\"{title_y}\">{title}</text>"
    )?;
    let values = figures.iter().filter_map(panel.value).collect();
    let longest = longest(values, panel.cuts);
    let full = PANEL_WIDTH - VALUE_WIDTH;
    for (row, of_row) in figures.iter().enumerate() {
        let value = (panel.value)(of_row).unwrap_or(0.0);
        let is_cut = value > longest;
        let width = (value / longest).min(1.0) * full;
        let text_y = text_y(top, row);
        let y = text_y - 4.0 - BAR_HEIGHT / 2.0;
        let class = class(of_row.contender);
        writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{y}\" width=\"{width:.1}\" \
             height=\"{BAR_HEIGHT}\" rx=\"2\"/>"
        )?;
        if is_cut {
            let (x, bottom) = (left + full - 16.0, y + BAR_HEIGHT + 2.0);
            writeln!(
                svg,
                "<path class=\"cut\" d=\"M{x} {bottom} l5 -{0} M{1} {bottom} l5 -{0}\"/>",
                BAR_HEIGHT + 4.0,
                x + 5.0
            )?;
        }
        writeln!(
            svg,
            "<text class=\"value\" x=\"{:.1}\" y=\"{text_y}\">{}</text>",
            left + width + 6.0,
            (panel.label)(of_row)
        )?;
    }
    let bottom = top + TITLE_HEIGHT + figures.len() as f64 * ROW_HEIGHT;
    let from = top + TITLE_HEIGHT;
    writeln!(svg, "<path class=\"line\" d=\"M{left} {from} V{bottom}\"/>")
}

/// What fills the panel: the largest value that is no outlier.
fn longest(values: Vec<f64>, cuts: bool) -> f64 {
    let limit = match cuts {
        true => median(values.clone()).unwrap_or(0.0) * OUTLIER,
        false => f64::INFINITY,
    };
    let largest = values.into_iter().filter(|&value| value <= limit);
    largest.fold(f64::MIN_POSITIVE, f64::max)
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
    fn every_contender_has_its_bars_and_an_outlier_does_not_hide_the_others() {
        let mut figures: Vec<_> = Contender::ALL
            .into_iter()
            .map(|contender| Figures::of(contender, &[&measurement(contender)]))
            .collect();
        figures[0].p99_ms = Some(3000.0);
        figures[5].p99_ms = None;
        figures[5].completion = 0.15;
        let svg = picture(&[(&ALL[0], &figures)]);
        for contender in Contender::ALL {
            assert!(svg.contains(&format!(">{}</text>", contender.name())));
        }
        assert_eq!(svg.matches("<rect class=\"ours\"").count(), 4);
        assert_eq!(svg.matches("class=\"cut\"").count(), 1);
        assert!(svg.contains(">3,000</text>"));
        assert!(svg.contains(">– (15 %)</text>"));
        let values = vec![3.0, 3.0, 3.0, 3000.0];
        assert_eq!(longest(values.clone(), true), 3.0);
        assert_eq!(longest(values, false), 3000.0);
    }
}
