//! Alerts: rules that watch topics and fire while the window is not looked at.

mod engine;
mod rule;
#[cfg(test)]
mod tests;

pub use self::rule::AlertCondition;
pub(crate) use self::{
    engine::{Alerts, RULES_MAX},
    rule::{AlertEvent, AlertRule, AlertRuleId},
};
