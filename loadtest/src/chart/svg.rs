//! The elements of which charts are made. Classes give them their colours. Each element begins a
//! line, so that changes of a picture show which elements changed.

use maud::{Markup, html};

/// Where a text is anchored at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Start => None,
            Self::Middle => Some("middle"),
            Self::End => Some("end"),
        }
    }
}

/// A coordinate with one decimal.
pub(super) fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A rectangle, with round corners if there is a radius.
pub(super) fn rect(
    class: &str,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    radius: Option<u32>,
) -> Markup {
    html! {
        "\n"
        rect class=(class) x=(coordinate(x)) y=(coordinate(y)) width=(coordinate(width))
            height=(coordinate(height)) rx=[radius] {}
    }
}

/// A text at the left, in the middle or at the right of a position.
pub(super) fn text(
    class: Option<&str>,
    (x, y): (f64, f64),
    anchor: Anchor,
    content: &str,
) -> Markup {
    html! {
        "\n"
        text class=[class] x=(coordinate(x)) y=(coordinate(y)) text-anchor=[anchor.name()] {
            (content)
        }
    }
}

/// A straight line.
pub(super) fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> Markup {
    html! {
        "\n"
        line class=(class) x1=(coordinate(from.0)) x2=(coordinate(to.0)) y1=(coordinate(from.1))
            y2=(coordinate(to.1)) {}
    }
}

/// Lines from point to point; a dot if there is only one.
pub(super) fn polyline(class: &str, points: &[(f64, f64)]) -> Markup {
    if let [(x, y)] = points {
        return html! { circle class=(class) cx=(coordinate(*x)) cy=(coordinate(*y)) r="2" {} };
    }
    let points: Vec<String> = points
        .iter()
        .map(|&(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    html! { "\n" polyline class=(class) points=(points.join(" ")) {} }
}
