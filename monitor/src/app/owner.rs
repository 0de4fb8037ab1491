//! Requests to the owner of the sockets and the window.

use std::path::PathBuf;

use egui::Rect;

use crate::ui::command::ServerAction;

/// The requests since the owner last looked.
#[derive(Debug, Default)]
pub(super) struct OwnerRequests {
    /// The address to connect to.
    pub(super) reconnect_to: Option<String>,
    /// A server to add, show or remove.
    pub(super) server: Option<ServerAction>,
    /// A part of the window to save.
    pub(super) picture: Option<Picture>,
}

/// A part of the window to be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The part, in points.
    pub rect: Rect,
    /// The file to save it to.
    pub path: PathBuf,
}
