//! Which roles may send which commands to the admin address.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The commands.
pub(crate) const COMMANDS: [&str; 6] = ["who", "kick", "revoke", "restore", "reload", "log"];

/// Who may send commands.
#[derive(Debug, Clone)]
pub(super) struct Operators {
    roles: BTreeMap<Arc<str>, BTreeSet<&'static str>>,
    /// Whether this machine needs a token as well.
    pub(super) always_token: bool,
}

/// Why a command is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OperatorError {
    /// There is no token, or it is refused.
    Unknown(String),
    /// The role does not have the command.
    Forbidden(String),
}

impl Operators {
    /// No role has a command.
    pub(super) fn new(always_token: bool) -> Self {
        Self {
            roles: BTreeMap::new(),
            always_token,
        }
    }

    /// Gives commands to a role.
    pub(super) fn add(&mut self, role: &str, names: &[String]) -> Result<(), String> {
        let mut commands = BTreeSet::new();
        for name in names {
            let Some(known) = COMMANDS.into_iter().find(|known| known == name) else {
                let known = COMMANDS.join(", ");
                return Err(format!("there is no command {name:?}: use {known}"));
            };
            commands.insert(known);
        }
        self.roles.insert(role.into(), commands);
        Ok(())
    }

    /// Whether a role has a command. The error names those that it has.
    pub(super) fn check(&self, role: &str, command: &str) -> Result<(), OperatorError> {
        let commands = self.roles.get(role);
        if commands.is_some_and(|commands| commands.contains(command)) {
            return Ok(());
        }
        let has: Vec<_> = commands.into_iter().flatten().copied().collect();
        let has = match has.is_empty() {
            true => "none".to_owned(),
            false => has.join(", "),
        };
        Err(OperatorError::Forbidden(format!(
            "the role {role:?} does not have the command {command:?}; it has: {has}"
        )))
    }
}
