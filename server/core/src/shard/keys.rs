//! Keys of what a shard holds, and the slabs that they index. A key of one kind cannot be taken
//! for another.

use std::{
    marker::PhantomData,
    ops::{Index, IndexMut},
};

use slab::Slab;
use tickcast_protocol::message::ChannelId;

/// A channel's index in its shard. As a number it is the channel's name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey(ChannelId);

/// A subscription's index in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionKey(u32);

/// A connection's index in its shard. It is used again after the connection's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(u32);

/// Names a connection of a shard; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    pub(crate) slot: Slot,
    pub(crate) generation: u32,
}

impl ChannelKey {
    /// The key that a client names. There may be no such channel.
    pub(crate) fn from_id(id: ChannelId) -> Self {
        Self(id)
    }

    /// The channel's name on the wire.
    pub fn id(self) -> ChannelId {
        self.0
    }
}

impl ConnectionKey {
    /// As one number.
    pub fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot.0)
    }

    /// From the number that [`to_u64`](Self::to_u64) gave.
    pub fn from_u64(number: u64) -> Self {
        Self {
            slot: Slot(number as u32),
            generation: (number >> 32) as u32,
        }
    }
}

/// An index of a [`Keyed`] slab. Shards hold far fewer things of a kind than 2^32.
pub(crate) trait Key: Copy {
    fn from_index(index: usize) -> Self;
    fn index(self) -> usize;
}

macro_rules! keys {
    ($($key:ident),*) => {
        $(impl Key for $key {
            fn from_index(index: usize) -> Self {
                Self(index as u32)
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        })*
    };
}

keys!(ChannelKey, SubscriptionKey, Slot);

/// A slab with keys of its own type.
#[derive(Debug)]
pub(crate) struct Keyed<K, T> {
    slab: Slab<T>,
    key: PhantomData<K>,
}

impl<K: Key, T> Keyed<K, T> {
    pub(crate) fn new() -> Self {
        Self {
            slab: Slab::new(),
            key: PhantomData,
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> K {
        K::from_index(self.slab.insert(value))
    }

    /// Inserts a value that knows its key.
    pub(crate) fn insert_with(&mut self, value: impl FnOnce(K) -> T) -> K {
        let entry = self.slab.vacant_entry();
        let key = K::from_index(entry.key());
        entry.insert(value(key));
        key
    }

    /// Removes a value that is there.
    pub(crate) fn remove(&mut self, key: K) -> T {
        self.slab.remove(key.index())
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut T> {
        self.slab.get_mut(key.index())
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        let values = self.slab.iter();
        values.map(|(index, value)| (K::from_index(index), value))
    }

    /// Keys of one of several equal parts, in use now.
    pub(crate) fn keys_of_part(&self, part: usize, parts: usize) -> impl Iterator<Item = K> {
        let indices = (part..self.slab.capacity()).step_by(parts);
        indices
            .filter(|&index| self.slab.contains(index))
            .map(K::from_index)
    }
}

impl<K: Key, T> Index<K> for Keyed<K, T> {
    type Output = T;

    fn index(&self, key: K) -> &T {
        &self.slab[key.index()]
    }
}

impl<K: Key, T> IndexMut<K> for Keyed<K, T> {
    fn index_mut(&mut self, key: K) -> &mut T {
        &mut self.slab[key.index()]
    }
}
