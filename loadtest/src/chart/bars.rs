//! A picture of horizontal bars, as a file of its own that is readable on light and on dark ground.

use maud::{Markup, PreEscaped, html};

use super::svg::{self, Anchor, coordinate};
use crate::number::median;

const WIDTH: f64 = 880.0;
const MARGIN: f64 = 24.0;
const TITLE_HEIGHT: f64 = 40.0;
const ROW_HEIGHT: f64 = 20.0;
const BAR_HEIGHT: f64 = 10.0;
const NAMES_WIDTH: f64 = 144.0;
const PANEL_WIDTH: f64 = 344.0;

/// Space in a panel after its longest bar, for the figure.
const VALUE_WIDTH: f64 = 84.0;

/// A bar more than this many times as long as the median is cut: it would make all others dots.
const OUTLIER: f64 = 6.0;

const STYLE: &str = include_str!("bars.css");

/// Rows of bars under a title.
#[derive(Debug, Clone)]
pub struct BarBlock<'a> {
    /// The title.
    pub title: String,
    /// The rows.
    pub rows: Vec<BarRow<'a>>,
    /// Columns of bars.
    pub panels: Vec<BarPanel<'a>>,
}

/// A row: its name, and the class of its bars.
#[derive(Debug, Clone, Copy)]
pub struct BarRow<'a> {
    /// The name.
    pub name: &'a str,
    /// The CSS class: `ours`, `floor` or `other`.
    pub class: &'a str,
}

/// A column of bars, one per row.
#[derive(Debug, Clone)]
pub struct BarPanel<'a> {
    /// The title.
    pub title: &'a str,
    /// Length and label of each bar. The label follows the bar, or takes its place.
    pub bars: Vec<(Option<f64>, String)>,
    /// Whether outliers are cut. They are not where longer is better.
    pub cuts: bool,
}

/// The whole picture.
pub fn bar_picture(blocks: &[BarBlock<'_>], legend: &str) -> String {
    let block_height =
        |block: &BarBlock<'_>| TITLE_HEIGHT + block.rows.len() as f64 * ROW_HEIGHT + MARGIN;
    let mut top = MARGIN;
    let mut tops = Vec::with_capacity(blocks.len());
    for block in blocks {
        tops.push(top);
        top += block_height(block);
    }
    let height = top + MARGIN;
    let (width_text, height_text) = (coordinate(WIDTH), coordinate(height));
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (width_text) " " (height_text) }
            width=(width_text) height=(height_text) role="img" {
            style { (PreEscaped(STYLE)) }
            (svg::rect("back", (0.0, 0.0), (WIDTH, height), Some(8)))
            @for (block, &top) in blocks.iter().zip(&tops) { (draw_block(block, top)) }
            (svg::text(Some("axis"), (MARGIN, height - MARGIN), Anchor::Start, legend))
        }
    };
    picture.into_string() + "\n"
}

fn draw_block(block: &BarBlock<'_>, top: f64) -> Markup {
    html! {
        (svg::text(Some("title"), (MARGIN, top + 12.0), Anchor::Start, &block.title))
        @for (row, of_row) in block.rows.iter().enumerate() {
            (svg::text(None, (MARGIN, text_y(top, row)), Anchor::Start, of_row.name))
        }
        @for (at, panel) in block.panels.iter().enumerate() {
            (draw_panel(panel, &block.rows, MARGIN + NAMES_WIDTH + at as f64 * PANEL_WIDTH, top))
        }
    }
}

fn text_y(top: f64, row: usize) -> f64 {
    top + TITLE_HEIGHT + (row as f64 + 0.5) * ROW_HEIGHT + 4.0
}

fn draw_panel(panel: &BarPanel<'_>, rows: &[BarRow<'_>], left: f64, top: f64) -> Markup {
    let values = panel.bars.iter().filter_map(|bar| bar.0).collect();
    let longest = longest(values, panel.cuts);
    let from = top + TITLE_HEIGHT;
    let bottom = from + rows.len() as f64 * ROW_HEIGHT;
    html! {
        (svg::text(Some("axis"), (left, from - 8.0), Anchor::Start, panel.title))
        @for (at, (row, (value, label))) in rows.iter().zip(&panel.bars).enumerate() {
            (draw_bar(row.class, value.unwrap_or(0.0) / longest, label, left, text_y(top, at)))
        }
        (svg::line("line", (left, from), (left, bottom)))
    }
}

/// A bar with its label. `share` is its length in parts of the longest; it is cut beyond 1.
fn draw_bar(class: &str, share: f64, label: &str, left: f64, text_y: f64) -> Markup {
    let full = PANEL_WIDTH - VALUE_WIDTH;
    let width = share.min(1.0) * full;
    let y = text_y - 4.0 - BAR_HEIGHT / 2.0;
    html! {
        (svg::rect(class, (left, y), (width, BAR_HEIGHT), Some(2)))
        @if share > 1.0 {
            (draw_cut(left + full - 16.0, y + BAR_HEIGHT + 2.0))
        }
        (svg::text(Some("value"), (left + width + 6.0, text_y), Anchor::Start, label))
    }
}

/// Two slanted lines across a bar.
fn draw_cut(x: f64, bottom: f64) -> Markup {
    let slanted = |x: f64| svg::line("cut", (x, bottom), (x + 5.0, bottom - BAR_HEIGHT - 4.0));
    html! { g class="cuts" { (slanted(x)) (slanted(x + 5.0)) } }
}

/// The value that fills the panel: the largest one that is no outlier.
fn longest(values: Vec<f64>, cuts: bool) -> f64 {
    let limit = match cuts {
        true => median(values.clone()).unwrap_or(0.0) * OUTLIER,
        false => f64::INFINITY,
    };
    let largest = values.into_iter().filter(|&value| value <= limit);
    largest.fold(f64::MIN_POSITIVE, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_does_not_hide_the_other_bars() {
        let values = vec![3.0, 3.0, 3.0, 3000.0];
        assert_eq!(longest(values.clone(), true), 3.0);
        assert_eq!(longest(values, false), 3000.0);
    }
}
