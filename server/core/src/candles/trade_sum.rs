//! Trades of an interval: prices and the volume, in exact decimals.

use tickcast_protocol::{decimal::Decimal, decimal_total::DecimalTotal};

use super::{
    packed::{self, Reader},
    sum::Sum,
};

/// Prices and volume of one interval's trades.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TradeSum {
    pub(super) open: Decimal,
    pub(super) high: Decimal,
    pub(super) low: Decimal,
    pub(super) close: Decimal,
    /// `None` if it cannot be exact.
    pub(super) volume: Option<DecimalTotal>,
    pub(super) count: u64,
}

/// The price and the size of a trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct TradeSample {
    pub(super) price: Decimal,
    pub(super) size: Decimal,
}

/// What the packed form of a sum refers to: the last price before it, and the scales.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct TradeContext {
    close: i64,
    price_scale: u8,
    volume_scale: u8,
}

/// The sum is of one trade.
const SINGLE: u8 = 1;
/// The scale of the prices follows.
const PRICE_SCALE: u8 = 2;
/// The scale of the volume follows.
const VOLUME_SCALE: u8 = 4;
/// There is no volume.
const NO_VOLUME: u8 = 8;
/// Each price has a scale of its own.
const OWN_SCALES: u8 = 16;

impl Sum for TradeSum {
    type Sample = TradeSample;
    type Context = TradeContext;

    fn of(TradeSample { price, size }: TradeSample) -> Self {
        Self {
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Some(size.into()),
            count: 1,
        }
    }

    fn add(&mut self, TradeSample { price, size }: TradeSample) {
        if is_less(self.high, price) {
            self.high = price;
        } else if is_less(price, self.low) {
            self.low = price;
        }
        self.close = price;
        self.volume = self.volume.and_then(|volume| volume.plus(size.into()));
        self.count += 1;
    }

    fn merge(&mut self, later: &Self) {
        if is_less(self.high, later.high) {
            self.high = later.high;
        }
        if is_less(later.low, self.low) {
            self.low = later.low;
        }
        self.close = later.close;
        let plus = |(one, other): (DecimalTotal, DecimalTotal)| one.plus(other);
        self.volume = self.volume.zip(later.volume).and_then(plus);
        self.count += later.count;
    }

    fn write(&self, context: &mut TradeContext, out: &mut Vec<u8>) {
        let common = self.common_prices();
        let scale = common.map_or(context.price_scale, |(scale, _)| scale);
        let is_single = self.count == 1;
        let volume_scale = self
            .volume
            .map_or(context.volume_scale, DecimalTotal::scale);
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.push(
            flag(is_single, SINGLE)
                | flag(scale != context.price_scale, PRICE_SCALE)
                | flag(volume_scale != context.volume_scale, VOLUME_SCALE)
                | flag(self.volume.is_none(), NO_VOLUME)
                | flag(common.is_none(), OWN_SCALES),
        );
        match common {
            Some((_, [open, high, low, close])) => {
                if scale != context.price_scale {
                    out.push(scale);
                    context.change_price_scale(scale);
                }
                packed::write_signed(open.wrapping_sub(context.close), out);
                if !is_single {
                    packed::write_signed(close.wrapping_sub(open), out);
                    packed::write(high.wrapping_sub(open.max(close)) as u64, out);
                    packed::write(open.min(close).wrapping_sub(low) as u64, out);
                }
                context.close = close;
            }
            None => {
                for price in [self.open, self.high, self.low, self.close] {
                    out.push(price.scale());
                    packed::write_signed(price.mantissa(), out);
                }
            }
        }
        if volume_scale != context.volume_scale {
            out.push(volume_scale);
            context.volume_scale = volume_scale;
        }
        if let Some(volume) = self.volume {
            packed::write_long(volume.mantissa(), out);
        }
        if !is_single {
            packed::write(self.count, out);
        }
    }

    fn read(context: &mut TradeContext, reader: &mut Reader<'_>) -> Self {
        let flags = reader.byte();
        let has = |flag: u8| flags & flag != 0;
        let [open, high, low, close] = if has(OWN_SCALES) {
            [(); 4].map(|()| {
                let scale = reader.byte();
                decimal(reader.signed(), scale)
            })
        } else {
            if has(PRICE_SCALE) {
                context.change_price_scale(reader.byte());
            }
            let open = context.close.wrapping_add(reader.signed());
            let mut prices = [open; 4];
            if !has(SINGLE) {
                let close = open.wrapping_add(reader.signed());
                let high = open.max(close).wrapping_add(reader.unsigned() as i64);
                let low = open.min(close).wrapping_sub(reader.unsigned() as i64);
                prices = [open, high, low, close];
            }
            context.close = prices[3];
            prices.map(|price| decimal(price, context.price_scale))
        };
        if has(VOLUME_SCALE) {
            context.volume_scale = reader.byte();
        }
        let volume = (!has(NO_VOLUME))
            .then(|| DecimalTotal::new(reader.long(), context.volume_scale))
            .flatten();
        let count = if has(SINGLE) { 1 } else { reader.unsigned() };
        Self {
            open,
            high,
            low,
            close,
            volume,
            count,
        }
    }
}

impl TradeSum {
    /// The prices with as many digits after the point as the longest of them, and that number, if
    /// they can be written so.
    fn common_prices(&self) -> Option<(u8, [i64; 4])> {
        let prices = [self.open, self.high, self.low, self.close];
        let scale = prices.map(Decimal::scale).into_iter().max()?;
        let mut mantissas = [0; 4];
        for (mantissa, price) in mantissas.iter_mut().zip(prices) {
            *mantissa = rescaled(price.mantissa(), price.scale(), scale)?;
        }
        Some((scale, mantissas))
    }

    /// The prices as clients get them: all with the same number of digits, where that is possible.
    pub(super) fn prices(&self) -> [Decimal; 4] {
        match self.common_prices() {
            Some((scale, mantissas)) => mantissas.map(|mantissa| decimal(mantissa, scale)),
            None => [self.open, self.high, self.low, self.close],
        }
    }
}

impl TradeContext {
    /// The last price stays what it is, if it can be written so.
    fn change_price_scale(&mut self, scale: u8) {
        self.close = rescaled(self.close, self.price_scale, scale).unwrap_or(0);
        self.price_scale = scale;
    }
}

fn decimal(mantissa: i64, scale: u8) -> Decimal {
    Decimal::new(mantissa, scale).expect("the scale is that of a decimal")
}

/// A mantissa with another number of digits after the point, if that is exact.
fn rescaled(mantissa: i64, from: u8, to: u8) -> Option<i64> {
    if from <= to {
        mantissa.checked_mul(10i64.checked_pow((to - from).into())?)
    } else {
        let power = 10i64.checked_pow((from - to).into())?;
        (mantissa % power == 0).then(|| mantissa / power)
    }
}

/// Compares prices. Those of one instrument usually have the same number of digits.
fn is_less(one: Decimal, other: Decimal) -> bool {
    if one.scale() == other.scale() {
        one.mantissa() < other.mantissa()
    } else {
        one < other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mantissa_gets_another_number_of_digits_only_if_that_is_exact() {
        assert_eq!(rescaled(12, 1, 3), Some(1_200));
        assert_eq!(rescaled(1_200, 3, 1), Some(12));
        assert_eq!(rescaled(-120, 2, 1), Some(-12));
        assert_eq!(rescaled(1_205, 3, 1), None);
        assert_eq!(rescaled(5, 2, 2), Some(5));
        assert_eq!(rescaled(i64::MAX, 0, 1), None);
    }

    #[test]
    fn of_equal_prices_none_is_less_however_many_zeros_they_have() {
        let price = |text: &str| text.parse::<Decimal>().unwrap();
        for (one, other) in [("1.5", "1.5"), ("1.5", "1.50"), ("1.50", "1.5")] {
            assert!(!is_less(price(one), price(other)), "{one} {other}");
        }
        for (one, other) in [("1.4", "1.5"), ("1.49", "1.5"), ("-2", "1.50")] {
            assert!(is_less(price(one), price(other)), "{one} {other}");
            assert!(!is_less(price(other), price(one)), "{other} {one}");
        }
    }
}
