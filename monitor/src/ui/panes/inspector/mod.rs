//! The inspector: the whole payload of a topic, its difference to the one before, its last messages.

mod body;
mod content;
mod message_list;
mod pane;
mod picture;

pub(super) use self::{
    content::text_of,
    pane::{InspectorPane, show},
};
