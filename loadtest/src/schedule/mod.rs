//! When updates are due, and what each of them carries: the clock of a run, the slots of a
//! schedule, and the stamp in each payload.

mod clock;
mod due;
mod recording;
mod slots;
mod stamp;

pub use clock::RunClock;
pub use due::DueSlots;
pub use recording::{TimingFileError, read as read_recording};
pub use slots::{Schedule, ScheduleError, Timing};
pub use stamp::{STAMP_BYTES, Stamp};
