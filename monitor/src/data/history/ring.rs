//! A column of samples that grows at the back and is forgotten at the front.

use std::collections::VecDeque;

/// Samples per chunk. Memory is freed chunk by chunk, so a chunk is the smallest eviction (8 KiB
/// per column) and the most that a series keeps beyond its limit.
pub const CHUNK_SAMPLES: usize = 1024;

/// Values by index. An index is never reused: the first value ever pushed has index 0, even after
/// it was dropped.
#[derive(Debug, Clone)]
pub(super) struct ChunkRing<T> {
    /// Index of the first value of the first chunk; a multiple of [`CHUNK_SAMPLES`].
    base: u64,
    /// All but the last are full.
    chunks: VecDeque<Vec<T>>,
}

impl<T> Default for ChunkRing<T> {
    fn default() -> Self {
        Self {
            base: 0,
            chunks: VecDeque::new(),
        }
    }
}

impl<T: Copy> ChunkRing<T> {
    /// An empty column whose first value has this index, a multiple of [`CHUNK_SAMPLES`].
    pub(super) fn starting_at(base: u64) -> Self {
        Self {
            base,
            chunks: VecDeque::new(),
        }
    }

    /// Index of the oldest value held.
    pub(super) fn start(&self) -> u64 {
        self.base
    }

    /// Index after the newest value.
    pub(super) fn end(&self) -> u64 {
        match self.chunks.back() {
            Some(last) => self.base + ((self.chunks.len() - 1) * CHUNK_SAMPLES + last.len()) as u64,
            None => self.base,
        }
    }

    pub(super) fn push(&mut self, value: T) {
        match self.chunks.back_mut() {
            Some(last) if last.len() < CHUNK_SAMPLES => last.push(value),
            // The first chunk grows as it fills, because most topics of a large server never fill
            // one; later ones are allocated in full.
            None => self.chunks.push_back(vec![value]),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK_SAMPLES);
                chunk.push(value);
                self.chunks.push_back(chunk);
            }
        }
    }

    /// The value at an index between `start` and `end`.
    pub(super) fn get(&self, index: u64) -> T {
        let at = (index - self.base) as usize;
        self.chunks[at / CHUNK_SAMPLES][at % CHUNK_SAMPLES]
    }

    /// The values of an index range as slices, in order.
    pub(super) fn slices(&self, from: u64, to: u64) -> impl Iterator<Item = &[T]> {
        let mut at = (from.max(self.base) - self.base) as usize;
        let to = (to.max(self.base) - self.base) as usize;
        std::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            let chunk = &self.chunks[at / CHUNK_SAMPLES];
            let offset = at % CHUNK_SAMPLES;
            let len = (to - at).min(chunk.len() - offset);
            at += len;
            Some(&chunk[offset..offset + len])
        })
    }

    /// The first index whose value does not satisfy `before`, which must hold for all values up to
    /// some index and for none from there on.
    pub(super) fn partition_point(&self, before: impl Fn(&T) -> bool) -> u64 {
        let chunk = self
            .chunks
            .partition_point(|chunk| chunk.last().is_some_and(&before));
        match self.chunks.get(chunk) {
            Some(values) => {
                let offset = values.partition_point(&before);
                self.base + (chunk * CHUNK_SAMPLES + offset) as u64
            }
            None => self.end(),
        }
    }

    /// Drops the oldest chunk unless it is the only one. Returns whether it did.
    pub(super) fn drop_chunk(&mut self) -> bool {
        if self.chunks.len() < 2 {
            return false;
        }
        self.chunks.pop_front();
        self.base += CHUNK_SAMPLES as u64;
        true
    }

    /// How many chunks are held.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Bytes of memory of the values.
    pub(super) fn bytes(&self) -> usize {
        let first = self.chunks.front().map_or(0, Vec::capacity);
        let rest = self.chunks.len().saturating_sub(1) * CHUNK_SAMPLES;
        (first + rest) * size_of::<T>()
    }
}
