//! A schedule with a start: the moments at which updates are due, on the run's clock.

use std::iter::Peekable;

use tickcast_protocol::message::TimeNs;

use super::slots::Schedule;

/// See the module.
#[derive(Debug)]
pub struct DueSlots {
    start_ns: TimeNs,
    offsets_ns: Peekable<Schedule>,
}

impl DueSlots {
    /// Slots of a schedule whose offset 0 is at `start_ns`.
    pub fn new(start_ns: TimeNs, schedule: Schedule) -> Self {
        Self {
            start_ns,
            offsets_ns: schedule.peekable(),
        }
    }

    /// When the next update is due, if another one is scheduled.
    pub fn peek(&mut self) -> Option<TimeNs> {
        let offset_ns = *self.offsets_ns.peek()?;
        Some(self.start_ns + offset_ns as i64)
    }

    /// Takes the next slot if it is due at `now_ns`. A late slot is never skipped.
    pub fn next_due(&mut self, now_ns: TimeNs) -> Option<TimeNs> {
        let start_ns = self.start_ns;
        let is_due = |offset_ns: &u64| start_ns + *offset_ns as i64 <= now_ns;
        let offset_ns = self.offsets_ns.next_if(is_due)?;
        Some(start_ns + offset_ns as i64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::schedule::Timing;

    #[test]
    fn late_slots_are_taken_one_after_the_other_and_none_before_its_time() {
        let schedule = Schedule::new(&Timing::Constant, 10.0, Duration::from_millis(300)).unwrap();
        let mut slots = DueSlots::new(1_000, schedule);
        assert_eq!(slots.next_due(999), None);
        let due = |slots: &mut DueSlots| slots.next_due(100_001_000);
        assert_eq!(due(&mut slots), Some(1_000));
        assert_eq!(due(&mut slots), Some(100_001_000));
        assert_eq!(due(&mut slots), None);
        assert_eq!(slots.peek(), Some(200_001_000));
    }
}
