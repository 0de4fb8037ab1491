//! The saved state that all servers share.

use super::preferences::Preferences;

/// The most servers that are remembered.
pub(super) const SERVERS_MAX: usize = 8;

/// The state that all servers share.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommonState {
    /// Servers that were connected to before, latest first.
    pub(crate) servers: Vec<String>,
    /// Size of the window in points.
    pub(crate) window: Option<(f32, f32)>,
    /// Width of the list of topics in points.
    pub(crate) list_width: Option<f32>,
    /// What the user has chosen.
    pub(crate) preferences: Preferences,
}

impl CommonState {
    /// Remembers a server for the palette.
    pub(crate) fn remember_server(&mut self, url: &str) {
        self.servers.retain(|known| known != url);
        self.servers.insert(0, url.to_owned());
        self.servers.truncate(SERVERS_MAX);
    }
}
