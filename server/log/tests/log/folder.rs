//! The file system.

use std::fs;

use tickcast_log::{Continuity, Doubt, Folder, FolderError, Log, LogSettings};

use crate::support::{SETTINGS, Source, held, opening, updates};

#[test]
fn one_server_uses_a_folder_and_the_next_one_continues() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/log");
    let disk = Folder::lock(&path).unwrap();
    let (mut log, _) = Log::open(disk, SETTINGS, opening(1, 10)).unwrap();
    let second = Folder::lock(&path).unwrap_err();
    assert!(matches!(second, FolderError::Locked(_)));
    assert!(
        second.to_string().contains("another server uses this log"),
        "{second}"
    );
    let mut source = Source::default();
    let mut ledger = Vec::new();
    while log.segments().len() < 2 {
        let strip = source.strip(log.next(), 5, 50);
        log.write(std::slice::from_ref(&strip), 9).unwrap();
        ledger.extend(updates([&strip]));
    }
    // A reader needs no lock.
    assert_eq!(held(&Folder::read_only(&path)).updates, ledger);
    drop(log);
    let disk = Folder::lock(&path).unwrap();
    let (log, recovery) = Log::open(disk, SETTINGS, opening(1, 11)).unwrap();
    assert_eq!(
        (recovery.continuity, log.next()),
        (Continuity::Same, ledger.len() as u64 + 1)
    );
}

#[test]
fn the_space_of_a_segment_is_reserved_and_given_back_when_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Folder::lock(folder.path()).unwrap();
    let settings = LogSettings {
        segment_bytes: 1 << 20,
        ..SETTINGS
    };
    let (mut log, _) = Log::open(disk, settings, opening(1, 10)).unwrap();
    let first = folder.path().join("0000000001.seg");
    assert_eq!(fs::metadata(&first).unwrap().len(), 1 << 20);
    let mut source = Source::default();
    while log.segments().len() == 0 {
        let strip = source.strip(log.next(), 50, 500);
        log.write(&[strip], 9).unwrap();
    }
    let closed = log.segments().next().unwrap().bytes;
    assert_eq!(fs::metadata(&first).unwrap().len(), closed);
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = Folder::lock(&file).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
    let error = Log::open(Folder::read_only(&file), SETTINGS, opening(1, 1)).unwrap_err();
    assert!(error.to_string().contains("reading the folder"), "{error}");
}

#[test]
fn a_copied_folder_and_one_whose_server_went_on_are_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let (original, copy) = (folder.path().join("log"), folder.path().join("copy"));
    let disk = Folder::lock(&original).unwrap();
    assert_eq!(disk.doubt().unwrap(), None, "it is new");
    disk.note_all_written().unwrap();
    assert_eq!(disk.doubt().unwrap(), None);
    fs::create_dir(&copy).unwrap();
    fs::copy(original.join("lock"), copy.join("lock")).unwrap();
    let other = Folder::lock(&copy).unwrap();
    assert_eq!(other.doubt().unwrap(), Some(Doubt::Copied));
    other.note_all_written().unwrap();
    assert_eq!(other.doubt().unwrap(), None);
    disk.note_going_on().unwrap();
    drop(disk);
    let disk = Folder::lock(&original).unwrap();
    assert_eq!(disk.doubt().unwrap(), Some(Doubt::WentOn));
    assert!(Folder::read_only(&original).note_going_on().is_err());
}
