//! A disk in memory, which fails when a test wants it to. Not part of the public API.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    rc::Rc,
};

use crate::{
    disk::{Disk, DiskFile},
    format::{END_BYTE, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES},
};

/// Bytes that a disk writes together.
pub const SECTOR_BYTES: usize = 512;

/// Most bytes of a file: a disk ends somewhere.
const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What is done to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Opening or reading.
    Read,
    /// Writing a number of bytes.
    Write(usize),
    /// Making a file.
    Create,
    /// Changing a length.
    SetLen,
    /// Syncing a file.
    Sync,
    /// Syncing names.
    SyncNames,
    /// Removing a file, or setting files aside.
    Remove,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Done,
    /// At most this many bytes are read or written.
    Short(usize),
    /// Nothing is done.
    Fails(io::ErrorKind),
}

/// Decides what becomes of an operation.
pub type Plan = Box<dyn FnMut(Operation) -> Outcome>;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// Files that were set aside.
    aside: BTreeMap<String, Vec<u8>>,
    /// The files as they are after a power cut.
    synced: BTreeMap<String, Vec<u8>>,
    /// The sectors that a sync writes. A failed one forgets them, as a kernel does: what is read is
    /// then not what is on the disk, and the next sync succeeds without writing it.
    dirty: BTreeMap<String, BTreeSet<usize>>,
    /// The names that are there after a power cut.
    names: BTreeSet<String>,
    plan: Option<Plan>,
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDisk")
    }
}

impl State {
    /// Marks the sectors from one byte to another as written.
    fn mark(&mut self, name: &str, from: usize, to: usize) {
        let sectors = from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES);
        self.dirty
            .entry(name.to_owned())
            .or_default()
            .extend(sectors);
    }

    fn outcome(&mut self, operation: Operation) -> io::Result<usize> {
        match self.plan.as_mut().map(|plan| plan(operation)) {
            None | Some(Outcome::Done) => Ok(usize::MAX),
            Some(Outcome::Short(bytes)) => Ok(bytes.max(1)),
            Some(Outcome::Fails(kind)) => Err(kind.into()),
        }
    }
}

impl MemoryDisk {
    /// Sets what becomes of operations.
    pub fn plan(&self, plan: impl FnMut(Operation) -> Outcome + 'static) {
        self.0.borrow_mut().plan = Some(Box::new(plan));
    }

    /// From now on everything works.
    pub fn repair(&self) {
        self.0.borrow_mut().plan = None;
    }

    /// All files.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.borrow().files.clone()
    }

    /// The files that were set aside, as a disk of their own.
    pub fn aside(&self) -> Self {
        let files = self.0.borrow().aside.clone();
        Self(Rc::new(RefCell::new(State {
            files,
            ..State::default()
        })))
    }

    /// Sets a file.
    pub fn set(&self, name: &str, bytes: Vec<u8>) {
        self.0.borrow_mut().files.insert(name.to_owned(), bytes);
    }

    /// The machine loses power: of each sector that was written since the last sync, `survives`
    /// says whether it is on the disk; and of each file whose name was not synced as well.
    pub fn cut_power(&self, mut survives: impl FnMut() -> bool) {
        let mut state = self.0.borrow_mut();
        let State {
            files,
            synced,
            names,
            ..
        } = &mut *state;
        let mut after = BTreeMap::new();
        for (name, bytes) in &*files {
            if !names.contains(name) && !survives() {
                continue;
            }
            let mut old = synced.get(name).cloned().unwrap_or_default();
            old.resize(bytes.len(), 0);
            for (old, new) in old.chunks_mut(SECTOR_BYTES).zip(bytes.chunks(SECTOR_BYTES)) {
                if old != new && survives() {
                    old.copy_from_slice(new);
                }
            }
            after.insert(name.clone(), old);
        }
        for (name, bytes) in &*synced {
            if names.contains(name) && !files.contains_key(name) && survives() {
                after.insert(name.clone(), bytes.clone());
            }
        }
        *names = after.keys().cloned().collect();
        (*files, *synced) = (after.clone(), after);
        state.dirty.clear();
    }
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.borrow_mut().outcome(Operation::Read)?;
        Ok(self.0.borrow().files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<MemoryFile> {
        let mut state = self.0.borrow_mut();
        state.outcome(Operation::Read)?;
        match state.files.contains_key(name) {
            true => Ok(MemoryFile {
                disk: self.clone(),
                name: name.to_owned(),
            }),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn write(&self, name: &str) -> io::Result<MemoryFile> {
        self.read(name)
    }

    fn create(&self, name: &str, len: u64) -> io::Result<MemoryFile> {
        let mut state = self.0.borrow_mut();
        if let Err(error) = state.outcome(Operation::Create) {
            state.files.remove(name);
            return Err(error);
        }
        state.files.insert(name.to_owned(), vec![0; len as usize]);
        state.mark(name, 0, len as usize);
        Ok(MemoryFile {
            disk: self.clone(),
            name: name.to_owned(),
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.outcome(Operation::Remove)?;
        let removed = state.files.remove(name);
        removed
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn set_aside(&self, names: &[String]) -> io::Result<()> {
        self.0.borrow_mut().aside.clear();
        for name in names {
            let mut state = self.0.borrow_mut();
            state.outcome(Operation::Remove)?;
            let removed = state.files.remove(name);
            let bytes = removed.ok_or(io::ErrorKind::NotFound)?;
            state.aside.insert(name.clone(), bytes);
        }
        self.sync_names()
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.outcome(Operation::SyncNames)?;
        state.names = state.files.keys().cloned().collect();
        let State { files, synced, .. } = &mut *state;
        synced.retain(|name, _| files.contains_key(name));
        Ok(())
    }
}

/// A file of a disk in memory.
#[derive(Debug)]
pub struct MemoryFile {
    disk: MemoryDisk,
    name: String,
}

impl MemoryFile {
    /// Does something with the bytes, if there still are any.
    fn with<T>(&self, f: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let mut state = self.disk.0.borrow_mut();
        let bytes = state.files.get_mut(&self.name);
        bytes.map(f).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn outcome(&self, operation: Operation) -> io::Result<usize> {
        self.disk.0.borrow_mut().outcome(operation)
    }
}

impl DiskFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        self.outcome(Operation::Read)?;
        self.with(|bytes| bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = self.outcome(Operation::Read)?;
        self.with(|bytes| {
            let rest = bytes.get(offset as usize..).unwrap_or_default();
            let len = rest.len().min(buffer.len()).min(most);
            buffer[..len].copy_from_slice(&rest[..len]);
            len
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let most = self.outcome(Operation::Write(bytes.len()))?;
        let len = bytes.len().min(most);
        let (start, end) = (offset as usize, offset as usize + len);
        self.disk.0.borrow_mut().mark(&self.name, start, end);
        self.with(|old| {
            if old.len() < end {
                old.resize(end, 0);
            }
            old[start..end].copy_from_slice(&bytes[..len]);
            len
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.outcome(Operation::SetLen)?;
        if len > FILE_MAX_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.with(|bytes| bytes.resize(len as usize, 0))
    }

    fn sync(&self) -> io::Result<()> {
        let outcome = self.outcome(Operation::Sync);
        let mut state = self.disk.0.borrow_mut();
        let dirty = state.dirty.remove(&self.name).unwrap_or_default();
        outcome?;
        let State { files, synced, .. } = &mut *state;
        if let Some(bytes) = files.get(&self.name) {
            let on_disk = synced.entry(self.name.clone()).or_default();
            on_disk.resize(bytes.len(), 0);
            for sector in dirty {
                let start = sector * SECTOR_BYTES;
                let end = (start + SECTOR_BYTES).min(bytes.len());
                if start < end {
                    on_disk[start..end].copy_from_slice(&bytes[start..end]);
                }
            }
        }
        Ok(())
    }
}

/// Gives a segment of any bytes right checksums, as far as the lengths in it make sense. So a
/// fuzzer reaches what is behind them.
pub fn repair_checksums(bytes: &mut [u8]) {
    let put_crc = |bytes: &mut [u8], from: usize, to: usize, at: usize| {
        let crc = crc32c::crc32c(&bytes[from..to]);
        bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    };
    if bytes.len() < SEGMENT_HEADER_BYTES {
        return;
    }
    put_crc(bytes, 0, SEGMENT_HEADER_BYTES - 4, SEGMENT_HEADER_BYTES - 4);
    let mut at = SEGMENT_HEADER_BYTES;
    while let Some(header) = bytes.get(at..at + RECORD_HEADER_BYTES) {
        let body_bytes = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let body = at + RECORD_HEADER_BYTES;
        let end = body.saturating_add(body_bytes as usize);
        if end >= bytes.len() || header.iter().all(|byte| *byte == 0) {
            return;
        }
        put_crc(bytes, body, end, at + 12);
        put_crc(bytes, at, body - 4, body - 4);
        bytes[end] = END_BYTE;
        at = end + 1;
    }
}
