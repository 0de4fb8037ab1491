//! Places of the newest values on their axis: none lies over another one.

use std::ops::RangeInclusive;

/// Height of a label with its space.
pub(super) const LABEL_HEIGHT: f32 = 18.0;

/// Places for labels: in the order of the wanted ones, at least a label's height apart, within
/// `area` if there is room for all, and as near to the wanted ones as that allows.
pub(super) fn apart(wanted: &[f32], area: RangeInclusive<f32>) -> Vec<f32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    // Without the heights of those above it, no place may be above the one before it. Labels that
    // would be share the mean of their places: the sum of these and their number.
    let mut groups: Vec<(f32, usize)> = Vec::new();
    for (above, &at) in order.iter().enumerate() {
        let mut group = (wanted[at] - above as f32 * LABEL_HEIGHT, 1);
        while let Some(&(sum, count)) = groups.last()
            && sum / count as f32 >= group.0 / group.1 as f32
        {
            groups.pop();
            group = (group.0 + sum, group.1 + count);
        }
        groups.push(group);
    }
    let last = wanted.len().saturating_sub(1) as f32;
    let top = area.start() + LABEL_HEIGHT / 2.0;
    let bottom = area.end() - LABEL_HEIGHT / 2.0 - last * LABEL_HEIGHT;
    let free = groups.into_iter().flat_map(|(sum, count)| {
        let mean = sum / count as f32;
        std::iter::repeat_n(mean.min(bottom).max(top), count)
    });
    let mut places = vec![0.0; wanted.len()];
    for (above, (at, free)) in order.into_iter().zip(free).enumerate() {
        places[at] = free + above as f32 * LABEL_HEIGHT;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_with_room_stay_and_others_move_apart_evenly() {
        assert_eq!(apart(&[100.0, 50.0], 0.0..=200.0), [100.0, 50.0]);
        assert_eq!(apart(&[100.0, 102.0], 0.0..=200.0), [92.0, 110.0]);
        assert_eq!(apart(&[199.0, 198.0], 0.0..=200.0), [191.0, 173.0]);
        assert!(apart(&[], 0.0..=10.0).is_empty());
    }

    proptest! {
        #[test]
        fn no_label_lies_over_another_one(wanted in prop::collection::vec(0.0f32..300.0, 1..6)) {
            let places = apart(&wanted, 0.0..=300.0);
            for (at, place) in places.iter().enumerate() {
                prop_assert!((8.9..291.1).contains(place));
                for (other, place_of_other) in places[..at].iter().enumerate() {
                    prop_assert!((place - place_of_other).abs() > LABEL_HEIGHT - 0.1);
                    let is_above = wanted[at] < wanted[other];
                    prop_assert!(wanted[at] == wanted[other] || is_above == (place < place_of_other));
                }
            }
        }
    }
}
