//! Payloads as people read them: JSON laid out, differences, bytes.

mod difference;
mod hex;
mod json;

pub(crate) use self::{
    difference::{DifferenceLine, difference},
    hex::{HEX_ROW_BYTES, hex_row},
    json::pretty,
};
