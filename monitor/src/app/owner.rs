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
    /// A picture of the active pane that is to be drawn with the next repaint.
    pub(super) wanted_picture: Option<PictureTarget>,
    /// A part of the window to save, as it was drawn just now.
    pub(super) picture: Option<Picture>,
    /// Whether the active pane goes on being drawn as a picture: the window is read after one of
    /// the next repaints, not after the one that asked for it.
    pub(super) holds_picture: bool,
}

/// A part of the window to be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The part, in points.
    pub rect: Rect,
    /// Where it goes.
    pub target: PictureTarget,
}

/// Where a picture goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PictureTarget {
    /// To a file.
    File(PathBuf),
    /// To the clipboard.
    Clipboard,
}

impl OwnerRequests {
    /// The active pane was drawn, as a picture if one was wanted.
    pub(super) fn picture_drawn(&mut self, rect: Option<Rect>) {
        if let (Some(rect), Some(target)) = (rect, self.wanted_picture.take()) {
            self.picture = Some(Picture { rect, target });
            self.holds_picture = true;
        }
    }

    /// Whether the active pane is drawn as a picture.
    pub(super) fn is_picture(&self) -> bool {
        self.wanted_picture.is_some() || self.holds_picture
    }
}
