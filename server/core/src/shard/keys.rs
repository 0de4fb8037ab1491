//! Keys of a shard's objects, and the slabs that they index. Each kind has its own key type, so
//! that the compiler rejects a key of the wrong kind.

use std::{
    marker::PhantomData,
    ops::{Index, IndexMut},
};

use slab::Slab;
use tickcast_protocol::message::ChannelId;

/// A channel's index in its shard. As a number it is the channel's id in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey(ChannelId);

/// A subscription's index in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionKey(u32);

/// A connection's index in its shard. The slot is reused after the connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(u32);

/// Identifies a connection of a shard; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionKey {
    pub(crate) slot: Slot,
    pub(crate) generation: u32,
}

impl ChannelKey {
    /// The key for an id that a client sent. The channel may not exist.
    pub(crate) fn from_id(id: ChannelId) -> Self {
        Self(id)
    }

    /// The channel's id in the protocol.
    pub fn id(self) -> ChannelId {
        self.0
    }
}

impl ConnectionKey {
    /// The key of a request that has no connection, by a number of its own: the slot is that of no
    /// connection.
    pub fn without_connection(number: u32) -> Self {
        Self {
            slot: Slot(u32::MAX),
            generation: number,
        }
    }

    /// Whether it is such a key.
    pub fn is_without_connection(self) -> bool {
        self.slot.0 == u32::MAX
    }

    /// The key as one number.
    pub fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot.0)
    }

    /// The key from a number that [`to_u64`](Self::to_u64) returned.
    pub fn from_u64(number: u64) -> Self {
        Self {
            slot: Slot(number as u32),
            generation: (number >> 32) as u32,
        }
    }
}

/// An index of a [`Keyed`] slab. A shard holds far fewer than 2^32 objects of a kind.
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

/// A slab with its own key type.
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

    /// Inserts a value that is built from its key.
    pub(crate) fn insert_with(&mut self, value: impl FnOnce(K) -> T) -> K {
        let entry = self.slab.vacant_entry();
        let key = K::from_index(entry.key());
        entry.insert(value(key));
        key
    }

    /// Removes an existing value.
    pub(crate) fn remove(&mut self, key: K) -> T {
        self.slab.remove(key.index())
    }

    pub(crate) fn get(&self, key: K) -> Option<&T> {
        self.slab.get(key.index())
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

    /// The keys in use in one of several equal parts.
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
