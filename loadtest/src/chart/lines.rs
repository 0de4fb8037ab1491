//! A chart of lines with its legend, as part of an HTML page.

use maud::{Markup, html};

use super::{
    axis::Axis,
    svg::{self, Anchor},
};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 40.0;

/// A band must be at least this wide to have its name in it.
const BAND_NAME_MIN: f64 = 48.0;

/// One line. The class gives it its colour.
pub struct LineSeries<'a> {
    /// The name in the legend.
    pub name: &'a str,
    /// The CSS class.
    pub class: &'a str,
    /// The points.
    pub points: Vec<(f64, f64)>,
}

/// A named stretch of the horizontal axis.
pub struct Band<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its first and its last value.
    pub range: (f64, f64),
}

/// A chart with its legend. Every second band is tinted.
pub fn line_chart(
    title: &str,
    x: &Axis<'_>,
    y: &Axis<'_>,
    bands: &[Band<'_>],
    series: &[LineSeries<'_>],
) -> Markup {
    let area = Area { x, y };
    html! {
        figure {
            figcaption {
                (title)
                span class="legend" {
                    @for line in series { span class=(line.class) { (line.name) } }
                }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
                @for (i, band) in bands.iter().enumerate() { (area.band(band, i % 2 == 0)) }
                @for tick in y.ticks() { (area.horizontal_tick(tick)) }
                @for tick in x.ticks() { (area.vertical_tick(tick)) }
                (svg::text(
                    Some("axis"), (LEFT + Area::WIDTH / 2.0, HEIGHT - 4.0), Anchor::Middle, x.title
                ))
                @for line in series { (area.series(line)) }
            }
        }
    }
}

/// The area within the axes.
struct Area<'a> {
    x: &'a Axis<'a>,
    y: &'a Axis<'a>,
}

impl Area<'_> {
    const WIDTH: f64 = WIDTH - LEFT - RIGHT;
    const HEIGHT: f64 = HEIGHT - TOP - BOTTOM;

    fn at_x(&self, value: f64) -> Option<f64> {
        let place = self.x.place(value)?;
        Some(LEFT + place * Self::WIDTH)
    }

    fn at_y(&self, value: f64) -> Option<f64> {
        let place = self.y.place(value)?;
        Some(TOP + (1.0 - place) * Self::HEIGHT)
    }

    fn band(&self, band: &Band<'_>, is_tinted: bool) -> Markup {
        let (Some(from), Some(to)) = (self.at_x(band.range.0), self.at_x(band.range.1)) else {
            return html! {};
        };
        let size = (to - from, Self::HEIGHT);
        html! {
            @if is_tinted { (svg::rect("band", (from, TOP), size, None)) }
            @if to - from > BAND_NAME_MIN {
                (svg::text(Some("name"), (from + 4.0, TOP + 12.0), Anchor::Start, band.name))
            }
        }
    }

    fn horizontal_tick(&self, value: f64) -> Markup {
        let Some(at) = self.at_y(value) else {
            return html! {};
        };
        let label = (self.y.label)(value);
        html! {
            (svg::line("grid", (LEFT, at), (WIDTH - RIGHT, at)))
            (svg::text(None, (LEFT - 8.0, at + 4.0), Anchor::End, &label))
        }
    }

    fn vertical_tick(&self, value: f64) -> Markup {
        let Some(at) = self.at_x(value) else {
            return html! {};
        };
        let label = (self.x.label)(value);
        let bottom = TOP + Self::HEIGHT;
        html! {
            (svg::line("tick", (at, bottom), (at, bottom + 4.0)))
            (svg::text(None, (at, bottom + 18.0), Anchor::Middle, &label))
        }
    }

    fn series(&self, series: &LineSeries<'_>) -> Markup {
        let points = series.points.iter();
        let points: Vec<_> = points
            .filter_map(|&(x, y)| Some((self.at_x(x)?, self.at_y(y)?)))
            .collect();
        svg::polyline(series.class, &points)
    }
}
