//! The positions of grid lines.

use tickcast_protocol::message::TimeNs;

use super::time_steps::round_interval;
use crate::data::format::Zone;

/// Round steps of values within a power of ten.
const VALUE_STEPS: [f64; 4] = [1.0, 2.0, 2.5, 5.0];

/// The most ticks of an axis, for any range.
const TICKS_MAX: usize = 64;

/// Round times in `start_ns..=end_ns`, at most one per `min_gap` pixels of `width`, and the step
/// between them.
pub(crate) fn times(
    start_ns: TimeNs,
    end_ns: TimeNs,
    width: f32,
    min_gap: f32,
    zone: &Zone,
) -> (Vec<TimeNs>, i64) {
    let span = (end_ns - start_ns).max(1);
    let wanted = (span as f64 * f64::from(min_gap / width.max(1.0))) as i64;
    let step = round_interval(wanted);
    let offset = zone.offset_ns(end_ns);
    let mut at = (start_ns + offset).div_euclid(step) * step - offset;
    let mut ticks = Vec::new();
    while at <= end_ns && ticks.len() < TICKS_MAX {
        if at >= start_ns {
            ticks.push(at);
        }
        at += step;
    }
    (ticks, step)
}

/// Round values in `min..=max`, and how many decimals distinguish them. There is at most one per
/// `min_gap` pixels of `height`, and none between two neighbouring values with `decimals_max`
/// decimals.
pub(crate) fn values(
    min: f64,
    max: f64,
    height: f32,
    min_gap: f32,
    decimals_max: u8,
) -> (Vec<f64>, u8) {
    let span = max - min;
    if !(span.is_finite() && span > 0.0) {
        return (Vec::new(), 0);
    }
    let finest = 10f64.powi(-i32::from(decimals_max));
    let wanted = (span * f64::from(min_gap / height.max(1.0))).max(finest);
    let power = 10f64.powf(wanted.log10().floor());
    let factor = VALUE_STEPS
        .into_iter()
        .find(|factor| {
            let is_between = *factor == 2.5 && power <= finest * 1.000_001;
            factor * power >= wanted * 0.999_999 && !is_between
        })
        .unwrap_or(10.0);
    let step = factor * power;
    let mut decimals = (-power.log10().round()).max(0.0) as u8;
    // 2.5 needs one decimal more than 2, and 25 does not.
    if factor == 2.5 && power < 10.0 {
        decimals += 1;
    }
    if factor == 10.0 {
        decimals = decimals.saturating_sub(1);
    }
    let first = (min / step).ceil();
    let ticks = (0..TICKS_MAX)
        .map(|at| (first + at as f64) * step)
        .take_while(|&tick| tick <= max)
        .collect();
    (ticks, decimals)
}

/// Round values for a logarithmic axis: powers of ten, with 2 and 5 between them if there is room;
/// a linear grid where the range is too narrow for that.
pub(crate) fn log_values(
    min: f64,
    max: f64,
    height: f32,
    min_gap: f32,
    decimals_max: u8,
) -> (Vec<f64>, u8) {
    let decades = (max / min).log10();
    let per_decade = f64::from(height) / decades;
    if decades < 1.0 {
        return values(min, max, height, min_gap, decimals_max);
    }
    let factors: &[f64] = if per_decade > 4.0 * f64::from(min_gap) {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let every = (f64::from(min_gap) / per_decade).ceil().max(1.0) as i32;
    let from = min.log10().floor() as i32;
    let to = max.log10().ceil() as i32;
    let ticks = (from..=to)
        .filter(|power| power.rem_euclid(every) == 0)
        .flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)))
        .filter(|tick| (min..=max).contains(tick))
        .take(TICKS_MAX)
        .collect();
    (ticks, (-from).max(0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::time::SECOND;

    #[test]
    fn value_ticks_are_round_and_distinguished_by_their_decimals() {
        let (ticks, decimals) = values(39_430.0, 39_500.0, 500.0, 50.0, 2);
        assert_eq!(ticks[..3], [39_430.0, 39_440.0, 39_450.0]);
        assert_eq!(decimals, 0);
        let (ticks, decimals) = values(1.121_38, 1.122_01, 180.0, 45.0, 5);
        assert_eq!(decimals, 4);
        assert!(ticks.len() >= 3 && ticks.len() <= 4);
        let (ticks, decimals) = values(0.0, 10.0, 200.0, 50.0, 1);
        assert_eq!(ticks, [0.0, 2.5, 5.0, 7.5, 10.0]);
        assert_eq!(decimals, 1);
        let (ticks, decimals) = values(84.35, 84.40, 600.0, 48.0, 2);
        assert_eq!((ticks.len(), decimals), (6, 2), "prices move by 0.01");
        assert!(values(1.0, 1.0, 100.0, 50.0, 2).0.is_empty());
        assert!(values(f64::NEG_INFINITY, 1.0, 100.0, 50.0, 2).0.is_empty());
    }

    #[test]
    fn time_ticks_lie_on_the_zones_round_times() {
        let zone = Zone::default();
        let start = 1_610_098_812 * SECOND;
        let (ticks, step) = times(start, start + 240 * SECOND, 940.0, 90.0, &zone);
        assert_eq!(step, 30 * SECOND);
        assert!(ticks.iter().all(|tick| tick % step == 0));
        assert_eq!(ticks.len(), 8);
    }

    #[test]
    fn a_logarithmic_axis_has_powers_of_ten() {
        let (ticks, _) = log_values(0.5, 2_000.0, 400.0, 40.0, 2);
        assert_eq!(ticks, [1.0, 10.0, 100.0, 1_000.0]);
    }
}
