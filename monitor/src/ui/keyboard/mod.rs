//! Commands by name and by key: one table for the palette, the help and the keyboard.

mod actions;
mod keys;

pub(crate) use self::{
    actions::{GESTURES, actions},
    keys::{key_name, pressed},
};
