//! One simulated market: a geometric random walk whose volatility changes in waves. It is quoted
//! and traded in whole ticks.

use rand::{RngExt, rngs::Xoshiro256PlusPlus};
use rand_distr::StandardNormal;
use tickcast_core::work::NewUpdate;
use tickcast_protocol::{
    decimal::Decimal,
    message::{Quality, TimeNs},
    topic::Topic,
    value::{Quote, Side, Trade, Value},
};

/// The instrument of a market, and the way it is traded.
#[derive(Debug, Clone, Copy)]
struct Listing {
    name: &'static str,
    /// The initial price.
    price: f64,
    /// Decimal places of a price; a tick is one unit of the last place.
    price_scale: u8,
    /// Standard deviation of a year's logarithmic return.
    volatility: f64,
    /// Typical difference between bid and ask, in ticks.
    spread_ticks: f64,
    /// Median size of a trade.
    size: f64,
    /// Decimal places of a size.
    size_scale: u8,
}

const fn listing(
    name: &'static str,
    (price, price_scale): (f64, u8),
    volatility: f64,
    spread_ticks: f64,
    (size, size_scale): (f64, u8),
) -> Listing {
    Listing {
        name,
        price,
        price_scale,
        volatility,
        spread_ticks,
        size,
        size_scale,
    }
}

/// Well-known markets, busiest first. Prices and volatilities have the magnitude of those of 2024.
const LISTINGS: [Listing; 24] = [
    listing("BTC-USDT", (67_250.00, 2), 0.55, 12.0, (0.015, 5)),
    listing("ETH-USDT", (3_480.00, 2), 0.65, 3.0, (0.25, 4)),
    listing("EUR-USD", (1.084_50, 5), 0.07, 6.0, (100_000.0, 0)),
    listing("SOL-USDT", (152.40, 2), 0.85, 2.0, (4.0, 2)),
    listing("USD-JPY", (151.240, 3), 0.09, 7.0, (100_000.0, 0)),
    listing("NVDA-USD", (902.10, 2), 0.45, 6.0, (60.0, 0)),
    listing("XAU-USD", (2_345.60, 2), 0.14, 20.0, (8.0, 1)),
    listing("GBP-USD", (1.267_10, 5), 0.08, 9.0, (80_000.0, 0)),
    listing("AAPL-USD", (189.32, 2), 0.24, 2.0, (90.0, 0)),
    listing("XRP-USDT", (0.5890, 4), 0.80, 1.5, (350.0, 0)),
    listing("MSFT-USD", (421.55, 2), 0.22, 4.0, (50.0, 0)),
    listing("BRENT-USD", (84.37, 2), 0.32, 2.0, (12.0, 0)),
    listing("BNB-USDT", (592.10, 2), 0.60, 8.0, (0.8, 3)),
    listing("USD-CHF", (0.901_20, 5), 0.07, 9.0, (70_000.0, 0)),
    listing("ASML-EUR", (905.40, 2), 0.35, 20.0, (15.0, 0)),
    listing("DOGE-USDT", (0.123_45, 5), 0.95, 2.0, (2_500.0, 0)),
    listing("AUD-USD", (0.654_30, 5), 0.10, 9.0, (60_000.0, 0)),
    listing("XAG-USD", (28.345, 3), 0.28, 15.0, (200.0, 0)),
    listing("EUR-JPY", (163.870, 3), 0.09, 11.0, (50_000.0, 0)),
    listing("SAP-EUR", (178.42, 2), 0.22, 4.0, (40.0, 0)),
    listing("NATGAS-USD", (2.713, 3), 0.60, 2.0, (10.0, 0)),
    listing("SIE-EUR", (174.88, 2), 0.24, 4.0, (35.0, 0)),
    listing("LTC-USDT", (84.12, 2), 0.70, 2.0, (6.0, 3)),
    listing("ADA-USDT", (0.4512, 4), 0.85, 1.5, (600.0, 1)),
];

/// Markets after the listed ones are variations of this one.
const UNKNOWN: Listing = listing("", (25.000, 3), 0.70, 5.0, (40.0, 2));

const S_PER_YEAR: f64 = 365.25 * 86_400.0;

/// Time in which a wave of volatility fades.
const WAVE_S: f64 = 300.0;

/// Standard deviation of the logarithm of volatility: most of the time it is between half and
/// double the usual.
const WAVE_SIZE: f64 = 0.6;

/// Share of trades among the updates: quotes change more often than they are hit.
const TRADES_SHARE: f64 = 0.25;

/// Probability that a trade has the side of the previous one: large orders are executed in parts.
const SAME_SIDE: f64 = 0.65;

/// Standard deviation of the logarithm of sizes.
const SIZE_SPREAD: f64 = 1.1;

/// Size of a quote, as a multiple of a typical trade.
const QUOTE_DEPTH: f64 = 6.0;

/// One market.
#[derive(Debug)]
pub(super) struct Instrument {
    trade_topic: Topic,
    quote_topic: Topic,
    listing: Listing,
    /// Natural logarithm of the midpoint of bid and ask.
    log_price: f64,
    /// Current level of the volatility wave; 0 is usual.
    wave: f64,
    last_ns: TimeNs,
    last_side: Side,
}

impl Instrument {
    pub(super) fn new(index: usize, now_ns: TimeNs, rng: &mut Xoshiro256PlusPlus) -> Self {
        let (name, listing) = match LISTINGS.get(index) {
            Some(listing) => (listing.name.into(), *listing),
            None => {
                let factor = rng.sample::<f64, _>(StandardNormal).exp();
                let price = UNKNOWN.price * factor;
                (
                    format!("COIN{:05}-USDT", index + 1),
                    Listing { price, ..UNKNOWN },
                )
            }
        };
        let topic = |kind| {
            Topic::new(&format!("market/{name}/{kind}")).expect("the names make good topics")
        };
        Self {
            trade_topic: topic("trade"),
            quote_topic: topic("quote"),
            listing,
            log_price: listing.price.ln(),
            wave: WAVE_SIZE * rng.sample::<f64, _>(StandardNormal),
            last_ns: now_ns,
            last_side: Side::Buy,
        }
    }

    pub(super) fn make(&mut self, now_ns: TimeNs, rng: &mut Xoshiro256PlusPlus) -> NewUpdate {
        self.walk(now_ns, rng);
        let (bid, ask) = self.prices(rng);
        let (topic, value) = if rng.random_bool(TRADES_SHARE) {
            let trade = self.trade(bid, ask, rng);
            (&self.trade_topic, Value::Trade(trade))
        } else {
            let quote = Quote {
                bid: Some(price(bid, self.listing)),
                ask: Some(price(ask, self.listing)),
                bid_size: Some(self.size(QUOTE_DEPTH, rng)),
                ask_size: Some(self.size(QUOTE_DEPTH, rng)),
            };
            (&self.quote_topic, Value::Quote(quote))
        };
        NewUpdate {
            topic: topic.clone(),
            value,
            source_time_ns: Some(now_ns),
            quality: Quality::Live,
            unit: None,
            facts: None,
        }
    }

    fn walk(&mut self, now_ns: TimeNs, rng: &mut Xoshiro256PlusPlus) {
        let elapsed_s = (now_ns - self.last_ns) as f64 / 1e9;
        self.last_ns = now_ns;
        let kept = (-elapsed_s / WAVE_S).exp();
        let shock = WAVE_SIZE * (1.0 - kept * kept).sqrt();
        self.wave = self.wave * kept + shock * rng.sample::<f64, _>(StandardNormal);
        // The mean of exp(2 wave) is exp(2 WAVE_SIZE^2). Without this correction, the waves would
        // add volatility.
        let volatility = self.listing.volatility * (self.wave - WAVE_SIZE * WAVE_SIZE).exp();
        let step = volatility * (elapsed_s / S_PER_YEAR).sqrt();
        self.log_price += step * rng.sample::<f64, _>(StandardNormal);
    }

    /// Bid and ask in ticks.
    fn prices(&self, rng: &mut Xoshiro256PlusPlus) -> (i64, i64) {
        let middle = self.log_price.exp() * 10f64.powi(self.listing.price_scale.into());
        let noise = 0.3 * rng.sample::<f64, _>(StandardNormal);
        let spread = self.listing.spread_ticks * (0.5 * self.wave + noise).exp();
        let bid = ((middle - spread / 2.0).round() as i64).max(1);
        (bid, bid + (spread.round() as i64).max(1))
    }

    fn trade(&mut self, bid: i64, ask: i64, rng: &mut Xoshiro256PlusPlus) -> Trade {
        if !rng.random_bool(SAME_SIDE) {
            self.last_side = match self.last_side {
                Side::Buy => Side::Sell,
                Side::Sell => Side::Buy,
            };
        }
        let ticks = match self.last_side {
            Side::Buy => ask,
            Side::Sell => bid,
        };
        Trade {
            price: price(ticks, self.listing),
            size: self.size(1.0, rng),
            side: Some(self.last_side),
        }
    }

    fn size(&self, factor: f64, rng: &mut Xoshiro256PlusPlus) -> Decimal {
        let spread = (SIZE_SPREAD * rng.sample::<f64, _>(StandardNormal)).exp();
        let scale = self.listing.size_scale;
        let units = self.listing.size * factor * spread * 10f64.powi(scale.into());
        Decimal::new((units.round() as i64).max(1), scale).expect("the scales are small")
    }
}

fn price(ticks: i64, listing: Listing) -> Decimal {
    Decimal::new(ticks, listing.price_scale).expect("the scales are small")
}
