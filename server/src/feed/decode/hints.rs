//! What a rule says about payloads whose parts are found by their names.

use tickcast_protocol::message::TimeNs;

use super::{
    content::SampleTime,
    json::{Fields, Pointer},
    numerals::Numerals,
    parts::time,
    time::{TimeRule, TimeUnit},
};

/// How the parts of a payload are written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hints {
    /// Where the time of a whole payload is, if not in a member with a usual name.
    pub time: Option<Pointer>,
    /// How times are written.
    pub times: TimeRule,
    /// How numbers in strings are written.
    pub numerals: Numerals,
}

impl Hints {
    /// The name of the member that has the time of a whole payload, if it is one of the payload's
    /// own.
    pub(super) fn time_name(&self) -> Option<&str> {
        self.time.as_ref()?.single()
    }

    /// The time of a whole payload, if the rule says where it is.
    pub(super) fn time_of(&self, fields: &Fields<'_>, now_ns: TimeNs) -> Option<SampleTime> {
        let raw = fields.at(self.time.as_ref()?);
        Some(raw.map_or(SampleTime::Ignored, |raw| time(raw, &self.times, now_ns)))
    }
}

/// Those of payloads without a rule.
pub(super) static NO_HINTS: Hints = Hints {
    time: None,
    times: TimeRule {
        unit: TimeUnit::Automatic,
        pattern: None,
        zone: None,
    },
    numerals: Numerals::Usual,
};
