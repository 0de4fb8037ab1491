//! Which parts of a bar are shown: where there is no room for all, the least important give way.

/// A part of a bar: its width, and how important it is. 0 is the most important.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BarPart {
    pub(crate) width: f32,
    pub(crate) rank: u8,
}

/// Whether each part is shown, within `room`, with `gap` between two of them. A part that does not
/// fit gives way, and with it all that are less important: so what is shown does not depend on
/// accidental widths.
pub(crate) fn fitting(parts: &[BarPart], room: f32, gap: f32) -> Vec<bool> {
    let mut by_rank: Vec<usize> = (0..parts.len()).collect();
    by_rank.sort_by_key(|&at| parts[at].rank);
    let mut shown = vec![false; parts.len()];
    let mut left = room + gap;
    for at in by_rank {
        if parts[at].width <= 0.0 {
            // It has nothing to say.
            continue;
        }
        let needed = parts[at].width + gap;
        if needed > left {
            break;
        }
        left -= needed;
        shown[at] = true;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_important_parts_give_way_first() {
        let parts = [(100.0, 2), (50.0, 0), (80.0, 1), (0.0, 0)];
        let parts = parts.map(|(width, rank)| BarPart { width, rank });
        let shown = |room| fitting(&parts, room, 10.0);
        assert_eq!(shown(250.0), [true, true, true, false]);
        assert_eq!(shown(249.0), [false, true, true, false]);
        assert_eq!(shown(139.0), [false, true, false, false]);
        assert_eq!(shown(49.0), [false, false, false, false]);
    }
}
