//! Readings of an interval, and middles of quotes.

use super::{
    packed::{self, Reader},
    sum::Sum,
};

/// The readings of one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RowSum {
    pub(super) first: f64,
    pub(super) max: f64,
    pub(super) min: f64,
    pub(super) last: f64,
    pub(super) sum: f64,
    pub(super) count: u64,
}

/// What the packed form of a sum refers to: the last reading before it, and the digits after the
/// point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct RowContext {
    last: i64,
    digits: u8,
}

/// The sum is of one reading.
const SINGLE: u8 = 1;
/// The number of digits after the point follows.
const DIGITS: u8 = 2;
/// The readings are written with all their bits.
const RAW: u8 = 4;
/// The sum of the readings has no more digits than they have.
const SHORT_SUM: u8 = 8;

/// Most digits after the point of readings that are written in decimal. Sensors have fewer.
const DIGITS_MAX: u8 = 9;

/// Up to this size every whole number is a float.
const WHOLE_MAX: f64 = (1u64 << 53) as f64;

impl Sum for RowSum {
    type Sample = f64;
    type Context = RowContext;

    fn of(reading: f64) -> Self {
        Self {
            first: reading,
            max: reading,
            min: reading,
            last: reading,
            sum: reading,
            count: 1,
        }
    }

    fn add(&mut self, reading: f64) {
        self.max = self.max.max(reading);
        self.min = self.min.min(reading);
        self.last = reading;
        self.sum += reading;
        self.count += 1;
    }

    fn merge(&mut self, later: &Self) {
        self.max = self.max.max(later.max);
        self.min = self.min.min(later.min);
        self.last = later.last;
        self.sum += later.sum;
        self.count += later.count;
    }

    fn write(&self, context: &mut RowContext, out: &mut Vec<u8>) {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let is_single = self.count == 1;
        let single = flag(is_single, SINGLE);
        let readings = [self.first, self.max, self.min, self.last];
        let Some((digits, [first, max, min, last])) = in_decimal(readings, context.digits) else {
            out.push(single | RAW);
            let readings = if is_single { &readings[..1] } else { &readings };
            for reading in readings {
                out.extend_from_slice(&reading.to_le_bytes());
            }
            if !is_single {
                out.extend_from_slice(&self.sum.to_le_bytes());
                packed::write(self.count, out);
            }
            return;
        };
        let sum = whole(self.sum, digits);
        let has_digits = digits != context.digits;
        out.push(single | flag(has_digits, DIGITS) | flag(sum.is_some(), SHORT_SUM));
        if has_digits {
            out.push(digits);
            *context = RowContext { last: 0, digits };
        }
        packed::write_signed(first - context.last, out);
        context.last = last;
        if is_single {
            return;
        }
        packed::write_signed(last - first, out);
        packed::write_signed(max - first.max(last), out);
        packed::write_signed(first.min(last) - min, out);
        match sum {
            Some(sum) => packed::write_signed(sum, out),
            None => out.extend_from_slice(&self.sum.to_le_bytes()),
        }
        packed::write(self.count, out);
    }

    fn read(context: &mut RowContext, reader: &mut Reader<'_>) -> Self {
        let flags = reader.byte();
        let has = |flag: u8| flags & flag != 0;
        let raw = |reader: &mut Reader<'_>| f64::from_le_bytes([(); 8].map(|()| reader.byte()));
        if has(RAW) {
            let first = raw(reader);
            if has(SINGLE) {
                return Self::of(first);
            }
            return Self {
                first,
                max: raw(reader),
                min: raw(reader),
                last: raw(reader),
                sum: raw(reader),
                count: reader.unsigned(),
            };
        }
        if has(DIGITS) {
            let digits = reader.byte();
            *context = RowContext { last: 0, digits };
        }
        let digits = context.digits;
        let first = context.last + reader.signed();
        if has(SINGLE) {
            context.last = first;
            return Self::of(from_whole(first, digits));
        }
        let last = first + reader.signed();
        context.last = last;
        let max = first.max(last) + reader.signed();
        let min = first.min(last) - reader.signed();
        let sum = match has(SHORT_SUM) {
            true => from_whole(reader.signed(), digits),
            false => raw(reader),
        };
        let [first, max, min, last] = [first, max, min, last].map(|n| from_whole(n, digits));
        Self {
            first,
            max,
            min,
            last,
            sum,
            count: reader.unsigned(),
        }
    }
}

/// The readings as whole numbers of the last digit, and the number of digits after the point:
/// `digits` if they fit, or the least. `None` if they have more digits than sensors have.
fn in_decimal(readings: [f64; 4], digits: u8) -> Option<(u8, [i64; 4])> {
    let all = |digits: u8| {
        let mut wholes = [0; 4];
        for (out, reading) in wholes.iter_mut().zip(readings) {
            *out = whole(reading, digits)?;
        }
        Some((digits, wholes))
    };
    all(digits).or_else(|| (0..=DIGITS_MAX).find_map(all))
}

/// A number times a power of ten, if the way back gives the same bits.
fn whole(number: f64, digits: u8) -> Option<i64> {
    let whole = (number * POWERS[usize::from(digits)]).round();
    if whole.abs() < WHOLE_MAX {
        let whole = whole as i64;
        let is_same = from_whole(whole, digits).to_bits() == number.to_bits();
        return is_same.then_some(whole);
    }
    None
}

fn from_whole(whole: i64, digits: u8) -> f64 {
    // Both are exact, so this is the number that is written with these digits.
    whole as f64 / POWERS[usize::from(digits)]
}

const POWERS: [f64; DIGITS_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes sums one after the other, and returns the length of each and what is read again.
    fn packed(sums: &[RowSum]) -> (Vec<usize>, Vec<RowSum>) {
        let (mut out, mut context) = (Vec::new(), RowContext::default());
        let mut lengths = Vec::new();
        for sum in sums {
            let before = out.len();
            sum.write(&mut context, &mut out);
            lengths.push(out.len() - before);
        }
        let (mut reader, mut context) = (Reader::new(&out), RowContext::default());
        let read = sums.iter().map(|_| RowSum::read(&mut context, &mut reader));
        (lengths, read.collect())
    }

    #[test]
    fn the_readings_of_a_sensor_take_few_bytes() {
        let mut minute = RowSum::of(23.5);
        for reading in [23.75, 23.0, -1.25, 23.5] {
            minute.add(reading);
        }
        let sums = [RowSum::of(23.25), RowSum::of(23.5), minute];
        let (lengths, read) = packed(&sums);
        assert_eq!(read, sums);
        // Flags, the number of digits and 2325; then flags and the difference of 25.
        assert_eq!(lengths, [4, 2, 10]);
    }

    #[test]
    fn readings_with_all_their_digits_keep_all_their_bits() {
        let mut sum = RowSum::of(1.0 / 3.0);
        sum.add(2.0 / 3.0);
        let sums = [RowSum::of(1.0 / 3.0), sum, RowSum::of(-0.0)];
        let (lengths, read) = packed(&sums);
        assert_eq!(read[..2], sums[..2]);
        assert!(read[2].first.is_sign_negative());
        assert_eq!(lengths, [9, 42, 9]);
    }

    #[test]
    fn a_number_is_whole_if_the_way_back_gives_the_same() {
        assert_eq!(whole(-2.5, 1), Some(-25));
        assert_eq!(whole(-2.5, 0), None);
        assert_eq!(whole(WHOLE_MAX - 1.0, 0), Some((1 << 53) - 1));
        assert_eq!(whole(WHOLE_MAX, 0), None);
        assert_eq!(from_whole(-25, 1), -2.5);
        assert_eq!(
            in_decimal([0.5, 0.25, 3.0, 1.0], 0),
            Some((2, [50, 25, 300, 100]))
        );
        // As many digits as before, where these are enough.
        assert_eq!(in_decimal([0.5; 4], 3), Some((3, [500; 4])));
        assert_eq!(in_decimal([1.0 / 3.0; 4], 0), None);
    }
}
