//! Charts as SVG: lines for the report of a run, bars for the comparison with other servers. Both
//! are made of the same elements. Pure.
//!
//! The charts stay our own code: each is a page of arithmetic, and a library would bring fonts and
//! scripts that a self-contained page cannot have.

mod axis;
mod bars;
mod lines;
mod svg;

pub use axis::{Axis, AxisScale, range_of};
pub use bars::{BarBlock, BarPanel, BarRow, bar_picture};
pub use lines::{Band, LineSeries, line_chart};
