//! Line charts as SVG, by hand: a page that must stand on its own needs no library. Pure.

use std::fmt::Write;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 40.0;

/// A band must be so wide to have its name in it.
const BAND_NAME_MIN: f64 = 48.0;

/// How an axis maps values to places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    /// Values of 0 or below are not shown.
    Log,
}

/// One axis.
pub(super) struct Axis<'a> {
    pub(super) scale: Scale,
    /// From and to. The vertical axis of a chart grows to its values by itself.
    pub(super) range: (f64, f64),
    /// What stands at a tick.
    pub(super) label: &'a dyn Fn(f64) -> String,
    /// Where ticks are; none chooses some.
    pub(super) ticks: Vec<f64>,
    /// What it shows.
    pub(super) title: &'a str,
}

/// One line. The class gives it its colour.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) class: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A stretch of the horizontal axis with a name.
pub(super) struct Band<'a> {
    pub(super) name: &'a str,
    pub(super) range: (f64, f64),
}

impl Axis<'_> {
    /// Where a value is, from 0 to 1.
    fn place(&self, value: f64) -> Option<f64> {
        let (from, to) = self.range;
        let place = match self.scale {
            Scale::Linear => (value - from) / (to - from),
            Scale::Log if value <= 0.0 => return None,
            Scale::Log => (value / from).ln() / (to / from).ln(),
        };
        place.is_finite().then_some(place.clamp(0.0, 1.0))
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.ticks.is_empty() {
            return self.ticks.clone();
        }
        let (from, to) = self.range;
        match self.scale {
            Scale::Linear => {
                let step = nice_step((to - from) / 5.0);
                let count = ((to - from) / step + 1e-9).floor() as usize;
                (0..=count).map(|i| from + i as f64 * step).collect()
            }
            Scale::Log => {
                let first = from.log10().ceil() as i32;
                let last = to.log10().floor() as i32;
                (first..=last)
                    .map(|exponent| 10f64.powi(exponent))
                    .collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.max(1e-12).log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= step);
    factor.unwrap_or(10.0) * power
}

/// A vertical range that holds all values: from 0, or decades if the scale is logarithmic.
pub(super) fn range_of(series: &[Series<'_>], scale: Scale) -> (f64, f64) {
    let values = || series.iter().flat_map(|series| &series.points).map(|p| p.1);
    let max = values().fold(0.0, f64::max);
    match scale {
        Scale::Linear => {
            let max = if max > 0.0 { max } else { 1.0 };
            let step = nice_step(max / 5.0);
            (0.0, (max / step).ceil() * step)
        }
        Scale::Log => {
            let min = values().filter(|&v| v > 0.0).fold(f64::MAX, f64::min);
            if max <= 0.0 {
                return (1.0, 10.0);
            }
            let low = 10f64.powf(min.log10().floor());
            let high = 10f64.powf(max.log10().ceil());
            (low, high.max(low * 10.0))
        }
    }
}

/// A chart with its legend. Every second band is tinted.
pub(super) fn chart(
    title: &str,
    x: &Axis<'_>,
    y: &Axis<'_>,
    bands: &[Band<'_>],
    series: &[Series<'_>],
) -> String {
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = write_chart(title, x, y, bands, series, &mut svg);
    svg
}

fn write_chart(
    title: &str,
    x: &Axis<'_>,
    y: &Axis<'_>,
    bands: &[Band<'_>],
    series: &[Series<'_>],
    svg: &mut String,
) -> std::fmt::Result {
    let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let at_x = |value: f64| x.place(value).map(|place| LEFT + place * width);
    let at_y = |value: f64| y.place(value).map(|place| TOP + (1.0 - place) * height);
    write!(svg, "<figure><figcaption>{title}<span class=\"legend\">")?;
    for line in series {
        write!(svg, "<span class=\"{}\">{}</span>", line.class, line.name)?;
    }
    write!(
        svg,
        "</span></figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{title}\">"
    )?;
    for (i, band) in bands.iter().enumerate() {
        let (Some(from), Some(to)) = (at_x(band.range.0), at_x(band.range.1)) else {
            continue;
        };
        if i % 2 == 0 {
            write!(
                svg,
                "<rect class=\"band\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" \
                 height=\"{height}\"/>",
                to - from
            )?;
        }
        if to - from > BAND_NAME_MIN {
            write!(
                svg,
                "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                from + 4.0,
                TOP + 12.0,
                band.name
            )?;
        }
    }
    for tick in y.ticks() {
        if let Some(at) = at_y(tick) {
            let label = (y.label)(tick);
            let right = WIDTH - RIGHT;
            write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 8.0,
                at + 4.0
            )?;
        }
    }
    for tick in x.ticks() {
        if let Some(at) = at_x(tick) {
            let label = (x.label)(tick);
            write!(
                svg,
                "<line class=\"tick\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                TOP + height,
                TOP + height + 4.0,
                TOP + height + 18.0
            )?;
        }
    }
    write!(
        svg,
        "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        LEFT + width / 2.0,
        HEIGHT - 4.0,
        x.title
    )?;
    for line in series {
        let points = line.points.iter();
        let path: Vec<String> = points
            .filter_map(|&(px, py)| Some(format!("{:.1},{:.1}", at_x(px)?, at_y(py)?)))
            .collect();
        if let [one] = &path[..] {
            let (cx, cy) = one.split_once(',').unwrap_or(("0", "0"));
            write!(
                svg,
                "<circle class=\"{}\" cx=\"{cx}\" cy=\"{cy}\" r=\"2\"/>",
                line.class
            )?;
        } else {
            write!(
                svg,
                "<polyline class=\"{}\" points=\"{}\"/>",
                line.class,
                path.join(" ")
            )?;
        }
    }
    write!(svg, "</svg></figure>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale, range: (f64, f64)) -> Axis<'static> {
        Axis {
            scale,
            range,
            label: &|value| value.to_string(),
            ticks: Vec::new(),
            title: "",
        }
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        let linear = axis(Scale::Linear, (0.0, 33.0)).ticks();
        assert_eq!(linear, [0.0, 10.0, 20.0, 30.0]);
        let log = axis(Scale::Log, (100.0, 1e6)).ticks();
        assert_eq!(log, [100.0, 1e3, 1e4, 1e5, 1e6]);
    }

    #[test]
    fn values_are_placed_and_those_a_logarithm_cannot_show_are_left_out() {
        let log = axis(Scale::Log, (1.0, 100.0));
        assert_eq!(log.place(10.0), Some(0.5));
        assert_eq!(log.place(0.0), None);
        let linear = axis(Scale::Linear, (0.0, 4.0));
        assert_eq!(linear.place(3.0), Some(0.75));
        assert_eq!(linear.place(9.0), Some(1.0));
        assert_eq!(axis(Scale::Linear, (5.0, 5.0)).place(5.0), None);
    }

    #[test]
    fn ranges_hold_all_values_even_if_there_are_none() {
        let series = |points: &[(f64, f64)]| {
            [Series {
                name: "",
                class: "",
                points: points.to_vec(),
            }]
        };
        let some = series(&[(0.0, 30.0), (1.0, 47_000.0)]);
        assert_eq!(range_of(&some, Scale::Log), (10.0, 100_000.0));
        assert_eq!(range_of(&some, Scale::Linear), (0.0, 50_000.0));
        assert_eq!(range_of(&series(&[]), Scale::Linear), (0.0, 1.0));
        assert_eq!(range_of(&series(&[]), Scale::Log), (1.0, 10.0));
    }
}
