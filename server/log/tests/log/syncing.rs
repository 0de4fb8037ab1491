//! Syncing by another thread.

use std::io;

use tickcast_log::{
    GoesOn, LogError,
    testing::{MemoryDisk, Operation, Outcome},
};

use tickcast_protocol::message::EndedEpoch;

use crate::support::{Source, open, opening};

#[test]
fn what_is_written_while_another_thread_syncs_is_unsynced_after_it() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    assert!(log.unsynced().unwrap().is_none(), "the session is synced");
    let strip = source.strip(log.next(), 3, 20);
    log.write(&[strip], 9).unwrap();
    let unsynced = log.unsynced().unwrap().expect("a strip was written");
    let before = log.unsynced_bytes();
    let strip = source.strip(log.next(), 3, 20);
    log.write(&[strip], 9).unwrap();
    let later = log.unsynced_bytes() - before;
    let synced = unsynced.sync();
    assert!(synced.is_done());
    log.take_synced(synced).unwrap();
    assert_eq!((log.synced(), log.next()), (4, 7));
    assert_eq!(log.unsynced_bytes(), later);
    let rest = log.unsynced().unwrap().expect("the second one");
    log.take_synced(rest.sync()).unwrap();
    assert_eq!((log.synced(), log.unsynced_bytes()), (7, 0));
    assert!(log.unsynced().unwrap().is_none());
}

#[test]
fn a_sync_that_fails_elsewhere_ends_the_log_and_names_the_positions() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let strip = source.strip(log.next(), 3, 20);
    log.write(&[strip], 9).unwrap();
    let unsynced = log.unsynced().unwrap().expect("a strip was written");
    disk.plan(|operation| match operation {
        Operation::Sync => Outcome::Fails(io::ErrorKind::Other),
        _ => Outcome::Done,
    });
    let synced = unsynced.sync();
    assert!(!synced.is_done());
    let error = log.take_synced(synced).unwrap_err();
    assert!(matches!(error, LogError::NotSynced(_)));
    assert!(error.to_string().contains("positions 1 to 3"), "{error}");
    disk.repair();
    let strip = source.strip(log.next(), 3, 20);
    let failure = log.write(&[strip], 9).unwrap_err();
    assert!(matches!(failure.error, LogError::NotSynced(_)));
    assert!(log.unsynced().is_err() && log.sync().is_err());
}

#[test]
fn the_name_of_a_segment_is_synced_before_its_bytes_count() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let segments = log.segments().len();
    while log.segments().len() == segments {
        let strip = source.strip(log.next(), 5, 200);
        log.write(&[strip], 9).unwrap();
    }
    disk.plan(|operation| match operation {
        Operation::SyncNames => Outcome::Fails(io::ErrorKind::Other),
        _ => Outcome::Done,
    });
    assert!(matches!(log.unsynced(), Err(LogError::NotSynced(_))));
}

#[test]
fn a_log_that_clients_may_be_ahead_of_begins_a_new_epoch() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    let strip = source.strip(log.next(), 3, 20);
    log.write(&[strip], 9).unwrap();
    log.end(9).unwrap();
    let mut again = opening(1, 11);
    again.goes_on = GoesOn::Never;
    let (log, recovery) = open(&disk, again);
    let ended = EndedEpoch {
        epoch: tickcast_protocol::message::Epoch(10),
        last: 3,
    };
    assert_eq!(
        recovery.continuity,
        tickcast_log::Continuity::Follows(ended)
    );
    assert_eq!((log.epoch().0, log.next()), (11, 4));
    assert_eq!(log.continues(), [ended]);
}
