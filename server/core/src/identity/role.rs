//! What the bearers of a role may do.

use std::sync::Arc;

use super::{
    pattern::Pattern,
    rights::{FILTERS_MAX, Limits, Rights},
};

/// A role of the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its name.
    pub name: Arc<str>,
    /// Topics that may be subscribed to.
    pub subscribe: Vec<Pattern>,
    /// Topics whose past may be read. `None`: those that may be subscribed to.
    pub history: Option<Vec<Pattern>>,
    /// Topics that may be published to.
    pub publish: Vec<Pattern>,
    /// Its limits.
    pub limits: Limits,
}

/// Why a role does not fit a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleError {
    /// The pattern in which the subject cannot stand.
    pub pattern: String,
}

impl Role {
    /// Whether its lists are short enough.
    pub fn is_bounded(&self) -> bool {
        let history = self.history.as_deref().unwrap_or_default();
        let lists = [&*self.subscribe, history, &*self.publish];
        lists.iter().all(|list| list.len() <= FILTERS_MAX)
    }

    /// The rights of a subject.
    pub fn rights(&self, subject: &str) -> Result<Rights, RoleError> {
        let expand = |patterns: &[Pattern]| {
            let filters = patterns.iter().map(|pattern| {
                pattern.expand(subject).ok_or_else(|| RoleError {
                    pattern: pattern.as_str().to_owned(),
                })
            });
            filters.collect::<Result<Vec<_>, _>>()
        };
        Ok(Rights {
            subscribe: expand(&self.subscribe)?,
            history: expand(self.history.as_deref().unwrap_or(&self.subscribe))?,
            publish: expand(&self.publish)?,
        })
    }
}
