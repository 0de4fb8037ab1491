//! A folder of the file system.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FallocateFlags, fallocate};

use super::{Disk, DiskFile};
use crate::format::LOCK;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another server uses it.
    #[error("{}: another server uses this log (its lock is held); give each server its own", .0.display())]
    Locked(PathBuf),
    /// It cannot be made, opened or locked.
    #[error("{}: {error}", path.display())]
    Io {
        /// The folder or its lock.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
}

/// A folder of the file system.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    pause: Option<Pause>,
    /// Held while a server writes here. The system releases it when the process ends.
    lock: Option<File>,
}

/// What is done between two reads of a file.
#[derive(Clone)]
struct Pause(Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pause")
    }
}

/// Why clients may have later updates than the log of a folder, although nothing in it is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The folder is a copy: the server may have gone on with the original.
    Copied,
    /// The server went on without the log.
    WentOn,
}

/// The first byte of the lock while the log has every update of its server.
const ALL_WRITTEN: u8 = b'=';

/// The first byte of the lock from when the server has gone on without the log.
const WENT_ON: u8 = b'+';

/// Where segments are set aside. Names with a dot are passed over.
const SET_ASIDE: &str = ".set-aside";

impl Folder {
    /// Opens a folder to read it. A server may write to it meanwhile.
    pub fn read_only(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            pause: None,
            lock: None,
        }
    }

    /// The same, with something to do before each read of a part of a file. Between two of them are
    /// some tens of microseconds of work.
    pub fn with_pause(self, pause: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            pause: Some(Pause(Arc::new(pause))),
            ..self
        }
    }

    fn file(&self, file: File) -> RealFile {
        RealFile {
            file,
            pause: self.pause.clone(),
        }
    }

    /// Whether clients may have later updates than the log, and why.
    ///
    /// # Errors
    ///
    /// If the lock cannot be read.
    pub fn doubt(&self) -> io::Result<Option<Doubt>> {
        let Some(lock) = &self.lock else {
            return Ok(None);
        };
        let mut content = [0; 1 + size_of::<u64>()];
        match lock.read_exact_at(&mut content, 0) {
            Ok(()) => {}
            // No server has used this log yet.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let [state, inode @ ..] = content;
        let is_here = u64::from_le_bytes(inode) == lock.metadata()?.ino();
        Ok(match state {
            WENT_ON => Some(Doubt::WentOn),
            _ if !is_here => Some(Doubt::Copied),
            _ => None,
        })
    }

    /// Notes on the disk that the log has every update of its server.
    ///
    /// # Errors
    ///
    /// If the lock cannot be written.
    pub fn note_all_written(&self) -> io::Result<()> {
        self.note(ALL_WRITTEN)
    }

    /// Notes on the disk that the server goes on without the log. This needs no more space.
    ///
    /// # Errors
    ///
    /// If the lock cannot be written.
    pub fn note_going_on(&self) -> io::Result<()> {
        self.note(WENT_ON)
    }

    fn note(&self, state: u8) -> io::Result<()> {
        let Some(lock) = &self.lock else {
            return Err(io::ErrorKind::PermissionDenied.into());
        };
        let mut content = vec![state];
        content.extend_from_slice(&lock.metadata()?.ino().to_le_bytes());
        lock.write_all_at(&content, 0)?;
        lock.sync_all()
    }

    /// Opens a folder to write to it, makes it if there is none, and locks it.
    ///
    /// # Errors
    ///
    /// If another process holds the lock, or the folder cannot be written to.
    pub fn lock(path: &Path) -> Result<Self, FolderError> {
        let failed = |path: &Path, error| FolderError::Io {
            path: path.to_owned(),
            error,
        };
        fs::create_dir_all(path).map_err(|error| failed(path, error))?;
        let lock_path = path.join(LOCK);
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).read(true).write(true);
        let lock = lock.open(&lock_path);
        let lock = lock.map_err(|error| failed(&lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(&lock_path, error)),
        }
        Ok(Self {
            path: path.to_owned(),
            pause: None,
            lock: Some(lock),
        })
    }
}

impl Disk for Folder {
    type File = RealFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| {
            let name = entry?.file_name();
            Ok(name.to_string_lossy().into_owned())
        });
        names.collect()
    }

    fn read(&self, name: &str) -> io::Result<RealFile> {
        let file = File::open(self.path.join(name))?;
        Ok(self.file(file))
    }

    fn write(&self, name: &str) -> io::Result<RealFile> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(self.path.join(name))?;
        Ok(self.file(file))
    }

    fn create(&self, name: &str, len: u64) -> io::Result<RealFile> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true);
        let file = self.file(file.open(&path)?);
        match file.set_len(len) {
            Ok(()) => Ok(file),
            Err(error) => {
                fs::remove_file(&path)?;
                Err(error)
            }
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn set_aside(&self, names: &[String]) -> io::Result<()> {
        let aside = self.path.join(SET_ASIDE);
        if let Err(error) = fs::remove_dir_all(&aside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        fs::create_dir(&aside)?;
        for name in names {
            fs::rename(self.path.join(name), aside.join(name))?;
        }
        File::open(&aside)?.sync_all()?;
        self.sync_names()
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// A file of the file system.
#[derive(Debug)]
pub struct RealFile {
    file: File,
    pause: Option<Pause>,
}

impl DiskFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if let Some(Pause(pause)) = &self.pause {
            pause();
        }
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let old = self.size()?;
        if len <= old {
            return self.file.set_len(len);
        }
        // So a full disk is noticed here, and not while updates are written.
        match fallocate(&self.file, FallocateFlags::empty(), old, len - old) {
            Ok(()) => Ok(()),
            // A file system without reservations, such as one of a network.
            Err(rustix::io::Errno::OPNOTSUPP) => self.file.set_len(len),
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
