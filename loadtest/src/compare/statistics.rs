//! How likely it is that two samples differ only by chance.

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

/// Permutations tried. The smallest probability that can be found is one over this.
const PERMUTATIONS: usize = 10_000;

/// The probability that chance alone puts two samples this far apart: a permutation test on the sum
/// of ranks (by Mann and Whitney), which a single outlier cannot move.
pub(super) fn probability(a: &[f64], b: &[f64]) -> f64 {
    let mut ranks = ranks(a.iter().chain(b));
    let expected = ranks.iter().sum::<f64>() * a.len() as f64 / ranks.len() as f64;
    let distance = |ranks: &[f64]| (ranks[..a.len()].iter().sum::<f64>() - expected).abs();
    let found = distance(&ranks);
    // The same files must give the same answer.
    let mut rng = StdRng::seed_from_u64(1);
    let as_far = (0..PERMUTATIONS)
        .filter(|_| {
            ranks.shuffle(&mut rng);
            distance(&ranks) >= found
        })
        .count();
    as_far as f64 / PERMUTATIONS as f64
}

/// The rank of each value among all. Equal values share the mean of their ranks.
fn ranks<'a>(values: impl Iterator<Item = &'a f64> + Clone) -> Vec<f64> {
    let count = |is: &dyn Fn(&f64) -> bool| values.clone().filter(|value| is(value)).count() as f64;
    let all = values.clone();
    all.map(|value| count(&|v| v < value) + (count(&|v| v == value) - 1.0) / 2.0)
        .collect()
}
