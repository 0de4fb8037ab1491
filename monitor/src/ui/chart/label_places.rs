//! Places of the newest values on their axis: none lies over another one, or over the value at the
//! pointer.

use std::ops::RangeInclusive;

/// Height of a label with its space.
pub(super) const LABEL_HEIGHT: f32 = 18.0;

/// Places for labels as of [`apart`] that leave out the label at the pointer, which stays where the
/// pointer is. Each label goes to the side of it on which it belongs, or to the other one if there
/// is no room.
pub(super) fn beside(wanted: &[f32], pointed: Option<f32>, area: RangeInclusive<f32>) -> Vec<f32> {
    let Some(pointed) = pointed else {
        return apart(wanted, area);
    };
    let above = *area.start()..=pointed - LABEL_HEIGHT / 2.0;
    let below = pointed + LABEL_HEIGHT / 2.0..=*area.end();
    let room = |area: &RangeInclusive<f32>| {
        let labels = (area.end() - area.start()) / LABEL_HEIGHT;
        labels.max(0.0) as usize
    };
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let belong_above = order.partition_point(|&at| wanted[at] < pointed);
    let least_above = wanted.len().saturating_sub(room(&below));
    let count_above = belong_above.max(least_above).min(room(&above));
    let mut places = vec![0.0; wanted.len()];
    let (order_above, order_below) = order.split_at(count_above);
    for (order, area) in [(order_above, above), (order_below, below)] {
        let own: Vec<f32> = order.iter().map(|&at| wanted[at]).collect();
        for (&at, place) in order.iter().zip(apart(&own, area)) {
            places[at] = place;
        }
    }
    places
}

/// Places for labels: in the order of the wanted ones, at least a label's height apart, within
/// `area` if there is room for all, and as near to the wanted ones as that allows.
fn apart(wanted: &[f32], area: RangeInclusive<f32>) -> Vec<f32> {
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

    #[test]
    fn labels_make_way_for_the_pointer_on_the_side_where_they_belong() {
        let at = |pointed, wanted: &[f32]| beside(wanted, Some(pointed), 0.0..=200.0);
        assert_eq!(at(100.0, &[50.0, 150.0]), [50.0, 150.0]);
        assert_eq!(at(100.0, &[98.0, 103.0]), [82.0, 118.0]);
        assert_eq!(at(100.0, &[98.0, 97.0, 40.0]), [82.0, 64.0, 40.0]);
        // There is no room above the pointer, or below it.
        assert_eq!(at(10.0, &[9.0]), [28.0]);
        assert_eq!(at(192.0, &[195.0]), [174.0]);
        assert_eq!(beside(&[9.0], None, 0.0..=200.0), [9.0]);
    }

    proptest! {
        #[test]
        fn no_label_lies_over_the_pointers(
            wanted in prop::collection::vec(0.0f32..300.0, 1..6),
            pointed in 0.0f32..300.0,
        ) {
            let mut places = beside(&wanted, Some(pointed), 0.0..=300.0);
            prop_assert!(places.iter().all(|place| (8.9..291.1).contains(place)));
            places.push(pointed);
            places.sort_by(f32::total_cmp);
            for pair in places.windows(2) {
                prop_assert!(pair[1] - pair[0] > LABEL_HEIGHT - 0.1, "{places:?}");
            }
        }

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
