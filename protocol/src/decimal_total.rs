//! Exact sums of decimals.

use crate::decimal::{Decimal, SCALE_MAX};

/// An exact sum of decimals, which may be longer than one of them. It compares by value.
#[derive(Debug, Clone, Copy)]
pub struct DecimalTotal {
    mantissa: i128,
    scale: u8,
}

impl DecimalTotal {
    /// `mantissa / 10^scale`; `None` if the scale is above [`SCALE_MAX`].
    pub fn new(mantissa: i128, scale: u8) -> Option<Self> {
        (scale <= SCALE_MAX).then_some(Self { mantissa, scale })
    }

    /// All digits as an integer.
    pub fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// Number of digits after the point.
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// The exact sum, if it fits.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let mantissa = self.at(scale)?.checked_add(other.at(scale)?)?;
        Some(Self { mantissa, scale })
    }

    fn at(self, scale: u8) -> Option<i128> {
        match scale - self.scale {
            0 => Some(self.mantissa),
            more => self.mantissa.checked_mul(10i128.pow(more.into())),
        }
    }

    /// The sum as a decimal, without zeros at its end that do not fit.
    pub fn to_decimal(self) -> Option<Decimal> {
        let Self {
            mut mantissa,
            mut scale,
        } = self;
        loop {
            if let Ok(mantissa) = i64::try_from(mantissa) {
                return Decimal::new(mantissa, scale).ok();
            }
            if scale == 0 || mantissa % 10 != 0 {
                return None;
            }
            mantissa /= 10;
            scale -= 1;
        }
    }
}

impl From<Decimal> for DecimalTotal {
    fn from(decimal: Decimal) -> Self {
        Self {
            mantissa: decimal.mantissa().into(),
            scale: decimal.scale(),
        }
    }
}

impl PartialEq for DecimalTotal {
    fn eq(&self, other: &Self) -> bool {
        let scale = self.scale.max(other.scale);
        self.at(scale) == other.at(scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(text: &str) -> DecimalTotal {
        DecimalTotal::from(text.parse::<Decimal>().unwrap())
    }

    #[test]
    fn sums_are_exact_and_compare_by_value() {
        let sum = total("0.1").plus(total("0.20")).unwrap();
        assert_eq!(sum, total("0.3"));
        assert_eq!(sum.to_decimal(), Some("0.30".parse().unwrap()));
        assert_eq!(total("-1.5").plus(total("1.5")), Some(total("0")));
    }

    #[test]
    fn a_sum_longer_than_a_decimal_goes_on_and_has_no_decimal() {
        let long = total("9223372036854775807");
        let sum = long.plus(total("0.1")).unwrap();
        assert_eq!(sum.to_decimal(), None);
        assert_eq!(
            sum.plus(total("-0.1")).unwrap().to_decimal(),
            Some("9223372036854775807".parse().unwrap())
        );
        assert_eq!(
            DecimalTotal::new(i128::MAX, 0).unwrap().plus(total("1")),
            None
        );
        assert_eq!(DecimalTotal::new(0, SCALE_MAX + 1), None);
    }
}
