//! The newest value of a topic, and the number of its digits.

use tickcast_protocol::value::Value;

/// The longest text that is kept, in bytes: a row shows less, and a topic may send 64 KiB each
/// time.
const TEXT_KEPT_BYTES: usize = 256;

/// The most digits of a reading. Sources that compute send 17, most of which are noise; with seven
/// a value fits its column.
const READING_DIGITS_MAX: usize = 7;

/// At least this many decimals of a reading are shown.
const READING_DECIMALS_MIN: usize = 2;

/// The newest value of a topic, bounded in size.
#[derive(Debug, Clone, PartialEq)]
pub enum Latest {
    /// A reading, trade, quote or nothing, or a text of bounded length.
    Value(Value),
    /// The length of a binary value.
    Bytes(usize),
}

impl Latest {
    /// Keeps the part of a value that can be shown.
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Text(mut text) => {
                text.truncate(text.floor_char_boundary(TEXT_KEPT_BYTES));
                Self::Value(Value::Text(text))
            }
            Value::Absent(mut word) => {
                word.truncate(word.floor_char_boundary(TEXT_KEPT_BYTES));
                Self::Value(Value::Absent(word))
            }
            Value::Bytes(bytes) => Self::Bytes(bytes.len()),
            value => Self::Value(value),
        }
    }
}

/// Decimals of the shortest text that reads back as `reading`, as far as they are shown. Zeros
/// after the point are no digits: what is small has its digits too.
pub(super) fn reading_decimals(reading: f64) -> u8 {
    if !reading.is_finite() {
        return 0;
    }
    let text = format!("{reading}");
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.len().min(usize::from(decimals_max(reading))) as u8
}

/// The most decimals of a topic whose largest reading is this.
pub(super) fn decimals_max(largest: f64) -> u8 {
    let size = largest.abs();
    if !size.is_finite() || size == 0.0 {
        return READING_DIGITS_MAX as u8;
    }
    // 87.3 has two digits before the point, 0.05 has one zero after it.
    let whole = size.log10().floor() as i32 + 1;
    let room = READING_DIGITS_MAX as i32 - whole;
    room.clamp(READING_DECIMALS_MIN as i32, i32::from(u8::MAX)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reading: f64, decimals: u8) {
        assert_eq!(reading_decimals(reading), decimals, "{reading}");
    }

    #[test]
    fn a_reading_has_as_many_decimals_as_the_source_sends() {
        check(21.0, 0);
        check(21.4, 1);
        check(-87.31, 2);
        check(0.1 + 0.2, 7);
        check(1_234_567.891, 2);
        check(73.967_322_070_999_99, 5);
        check(f64::NAN, 0);
        check(1e300, 0);
        check(1e-12, 12);
        check(1.2e-7, 8);
        check(-1.234_567_89e-7, 13);
        check(5e-324, 255);
    }
}
