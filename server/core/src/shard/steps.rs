//! Steps: how much work a shard has done, and how much of it one call may do.
//!
//! A shard serves many connections in turn, so no call may hold it for long. Whatever a client can
//! make large (topics, updates on the tape, filters of a request) is visited in slices, and each
//! visit is a step of some tens of nanoseconds. Steps are the same on every machine, so a test can
//! bound them; `benches/README.md` says how long they take.

/// Maximum number of steps of one slice: about 0.3 ms with 100,000 topics. The turns of the shard
/// come between two slices, so this is what one more client can add to the delay of all others.
pub const SLICE_MAX_STEPS: usize = 8_192;

/// Maximum number of steps of one turn for new updates and batches of newest values: about 1 ms. An
/// update is a step, and one more for each of its channels. The updates that a shard takes at
/// once fit with one channel, so that turns keep their size. The first shard that needs an update
/// in JSON makes it, which is a dozen steps more.
pub const TURN_MAX_STEPS: usize = 40_960;

/// Steps that cost a client as much as one request. At 20 requests per second a client that always
/// has work keeps its shard busy for about a twentieth of the time.
pub const STEPS_PER_REQUEST: usize = 100_000;

/// Bytes of JSON that are made in one step.
const JSON_BYTES_PER_STEP: usize = 6;

/// Steps of making updates in JSON.
pub(super) fn json_steps(bytes: usize) -> usize {
    bytes / JSON_BYTES_PER_STEP
}

/// Bytes that are copied in one step.
const COPIED_BYTES_PER_STEP: usize = 64;

/// Steps of copying bytes.
pub(super) fn copy_steps(bytes: usize) -> usize {
    bytes / COPIED_BYTES_PER_STEP
}

/// Bytes of a name that are stored or encoded in one step.
const NAME_BYTES_PER_STEP: usize = 12;

/// Steps of storing or encoding a topic's name.
pub(super) fn name_steps(name: &str) -> usize {
    name.len() / NAME_BYTES_PER_STEP
}

/// Bytes of memory that the kernel takes back in one step, a page at a time. It gives a long batch
/// pages of its own.
const RELEASED_BYTES_PER_STEP: usize = 512;

/// Steps of giving memory back.
pub(super) fn release_steps(bytes: usize) -> usize {
    bytes / RELEASED_BYTES_PER_STEP
}

/// Steps taken, out of those that a call may take.
#[derive(Debug)]
pub struct Steps {
    max: usize,
    taken: usize,
}

impl Steps {
    /// At most about `max` steps.
    pub fn new(max: usize) -> Self {
        Self { max, taken: 0 }
    }

    /// Steps without a limit, which are only counted.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// Takes steps. What cannot be interrupted may exceed the limit a little.
    pub fn take(&mut self, steps: usize) {
        self.taken += steps;
    }

    /// The steps taken so far.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// The steps left.
    pub fn left(&self) -> usize {
        self.max.saturating_sub(self.taken)
    }

    /// Whether no step is left.
    pub fn are_spent(&self) -> bool {
        self.left() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_bytes_of_json_are_a_step() {
        for (bytes, steps) in [(0, 0), (5, 0), (6, 1), (11, 1), (6_000, 1_000)] {
            assert_eq!(json_steps(bytes), steps, "{bytes}");
        }
    }

    #[test]
    fn a_name_costs_a_step_for_each_12_bytes() {
        for (bytes, steps) in [(0, 0), (11, 0), (12, 1), (240, 20)] {
            assert_eq!(name_steps(&"x".repeat(bytes)), steps, "{bytes}");
        }
    }

    #[test]
    fn a_page_is_released_in_eight_steps() {
        for (bytes, steps) in [(0, 0), (511, 0), (512, 1), (4_096, 8)] {
            assert_eq!(release_steps(bytes), steps, "{bytes}");
        }
    }

    #[test]
    fn a_cache_line_is_copied_in_a_step() {
        for (bytes, steps) in [(0, 0), (63, 0), (64, 1), (127, 1), (6_400, 100)] {
            assert_eq!(copy_steps(bytes), steps, "{bytes}");
        }
    }
}
