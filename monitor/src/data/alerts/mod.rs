//! Alerts: rules that watch topics and fire while the window is not looked at.

mod engine;
mod observed;
mod rule;
#[cfg(test)]
mod tests;
mod trigger;

pub use self::rule::AlertCondition;
pub(crate) use self::{
    engine::{Alerts, RULES_MAX},
    rule::{AlertEvent, AlertRule, AlertRuleId},
};
