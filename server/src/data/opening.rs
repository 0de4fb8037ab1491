//! Opens the log at the start, and reads from its end what the server begins with.

use std::{fs, path::Path, sync::Arc};

use tickcast_core::{
    restored::{Collector, Restored, RestoredTopic},
    sequencer::Sequencer,
};
use tickcast_log::{
    Continuity, Doubt, Entry, Folder, GoesOn, Log, LogSettings, Opening, Range, Recovery,
    TopicState, read,
};
use tickcast_protocol::{
    codec,
    message::{Epoch, Position},
};

use super::feeds::{self, Known};
use crate::{clock::Clock, settings::data::DataSettings};

/// Bytes from the end of the log that are read for the tape and the histories, rounded up to whole
/// segments: more would delay the start by more than a second.
const RESTORE_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A log that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) log: Log<Folder>,
    /// What the sequencer and the shards begin with.
    pub(crate) restored: Arc<Restored>,
}

/// Opens the log of a folder, and fills the histories of the sequencer. `feeds` are the names of
/// the feeds in the settings.
///
/// # Errors
///
/// If the folder is in use, holds something else, is damaged, or cannot be read or written.
pub(crate) fn open(
    path: &Path,
    settings: &DataSettings,
    tape_bytes: usize,
    sequencer: &mut Sequencer,
    (feeds, clock): (&[&str], Clock),
) -> Result<Opened, String> {
    let of_server = (feeds, clock);
    open_in(path, settings, boot_id(), tape_bytes, sequencer, of_server)
}

fn open_in(
    path: &Path,
    settings: &DataSettings,
    boot_id: [u8; 16],
    tape_bytes: usize,
    sequencer: &mut Sequencer,
    (feeds, clock): (&[&str], Clock),
) -> Result<Opened, String> {
    let folder = Folder::lock(path).map_err(|error| error.to_string())?;
    let doubt = folder.doubt().map_err(|error| error.to_string())?;
    let goes_on = match settings.new_epoch || doubt.is_some() {
        true => GoesOn::Never,
        false => GoesOn::IfWhole,
    };
    let (mut log, recovery) = open_folder(folder, settings, goes_on, boot_id, clock)?;
    let noted = log.disk().note_all_written();
    noted.map_err(|error| format!("writing its lock: {error}"))?;
    tell(path, &log, &recovery, doubt);
    let now_ns = clock.now().wall_ns;
    if let Some(ended) = feeds::ended(log.feeds(), feeds, now_ns) {
        let noted = log.note_feeds(ended, now_ns);
        noted.map_err(|error| error.to_string())?;
    }
    let collector = remember(&log, Position::MAX, tape_bytes, sequencer)?;
    let topics = log.topics().list().iter().map(restored);
    let continues = log.continues().to_vec();
    let Known { feeds, of_all } = feeds::known(log.feeds(), feeds);
    let mut outages = [log.outages(), &of_all].concat();
    outages.sort_unstable();
    let restored = Restored {
        outages,
        feeds,
        ..collector.finish(topics.collect(), log.next(), continues)
    };
    sequencer.restore(&restored, clock.now());
    let restored = Arc::new(restored);
    Ok(Opened { log, restored })
}

/// Opens the log of a folder.
pub(super) fn open_log(
    folder: Folder,
    settings: &DataSettings,
    goes_on: GoesOn,
    clock: Clock,
) -> Result<(Log<Folder>, Recovery), String> {
    open_folder(folder, settings, goes_on, boot_id(), clock)
}

fn open_folder(
    folder: Folder,
    settings: &DataSettings,
    goes_on: GoesOn,
    boot_id: [u8; 16],
    clock: Clock,
) -> Result<(Log<Folder>, Recovery), String> {
    let opening = Opening {
        goes_on,
        boot_id,
        new_epoch: Epoch(rand::random()),
        now_ns: clock.now().wall_ns,
    };
    let log = Log::open(folder, log_settings(settings), opening);
    log.map_err(|error| error.to_string())
}

/// How much the log keeps.
fn log_settings(settings: &DataSettings) -> LogSettings {
    let age_ns = i64::try_from(settings.age.as_nanos()).unwrap_or(i64::MAX);
    LogSettings {
        bytes_max: (settings.bytes > 0).then_some(settings.bytes as u64),
        age_max_ns: (age_ns > 0).then_some(age_ns),
        ..LogSettings::default()
    }
}

/// Reads the end of the log up to a position, into the histories and into strips for the tape.
pub(super) fn remember(
    log: &Log<Folder>,
    to: Position,
    tape_bytes: usize,
    sequencer: &mut Sequencer,
) -> Result<Collector, String> {
    let closed: Vec<_> = log.segments().collect();
    // The segment that is written to is read in any case.
    let mut bytes = log.bytes() - closed.iter().map(|segment| segment.bytes).sum::<u64>();
    let mut from = closed.last().map_or(0, |segment| segment.end);
    for segment in closed.iter().rev() {
        if bytes >= RESTORE_MAX_BYTES {
            break;
        }
        bytes += segment.bytes;
        from = segment.first;
    }
    let range = Range {
        from,
        to,
        ..Range::ALL
    };
    let mut collector = Collector::new(tape_bytes);
    // The time of the last update, and whether some are missing after it.
    let mut last_ns = None;
    let mut is_missing = false;
    let result = read(log.disk(), range, |entry| match entry {
        Entry::Update { head, bytes, .. } => match codec::decode_update_bincode(bytes) {
            Ok(update) => {
                collector.push(&head, bytes);
                let before = last_ns.replace(update.ingest_time_ns);
                if let Some(before) = before.filter(|_| is_missing) {
                    sequencer.remember_missing(before, update.ingest_time_ns);
                }
                is_missing = false;
                sequencer.remember(&update, bytes);
            }
            Err(error) => tracing::warn!(
                position = head.position,
                %error,
                "an update of the log cannot be read"
            ),
        },
        Entry::Publish(publish) => sequencer.remember_publish(publish),
        Entry::Missing { end, .. } => {
            collector.skip_to(end);
            is_missing = true;
            sequencer.forget_publishes();
        }
        Entry::Flaw { name, offset, flaw } => {
            is_missing = true;
            sequencer.forget_publishes();
            tracing::warn!(name, offset, %flaw, "a part of the log cannot be read");
        }
        Entry::Status { .. } => {}
    });
    result.map_err(|error| error.to_string())?;
    Ok(collector)
}

fn restored(topic: &TopicState) -> RestoredTopic {
    let status = (topic.status, topic.since_ns);
    RestoredTopic::new(topic.info.clone(), topic.seq, status, &topic.newest)
}

/// Says what was found.
pub(super) fn tell(path: &Path, log: &Log<Folder>, recovery: &Recovery, doubt: Option<Doubt>) {
    let path = path.display();
    let (epoch, next): (_, Position) = (log.epoch(), log.next());
    match doubt {
        Some(Doubt::Copied) => tracing::warn!(
            %path,
            "the log is a copy, and clients may have more of the original: a new epoch begins"
        ),
        Some(Doubt::WentOn) => tracing::warn!(
            %path,
            "the server had gone on without the log, so clients may have more: a new epoch begins"
        ),
        None => {}
    }
    if let Some(cut) = &recovery.cut {
        let (name, offset, bytes, flaw) = (&cut.name, cut.offset, cut.bytes, &cut.flaw);
        let (first, last) = cut.positions.unzip();
        let saved_as = cut.saved_as.as_deref();
        match cut.is_torn {
            true => tracing::info!(
                name,
                offset,
                bytes,
                "a record that was not whole was cut off"
            ),
            false => tracing::warn!(
                name,
                offset,
                bytes,
                %flaw,
                first,
                last,
                saved_as,
                "the end of the log was cut off"
            ),
        }
    }
    for hole in &recovery.holes {
        let (first, last) = (hole.first, hole.end - 1);
        tracing::warn!(%path, first, last, "positions are missing in the log");
    }
    for (segment, _) in &recovery.rebuilt {
        tracing::warn!(%path, segment, "the index of a segment was made anew");
    }
    match recovery.continuity {
        Continuity::New => tracing::info!(%path, %epoch, "the log begins"),
        Continuity::Same => tracing::info!(%path, %epoch, next, "the log goes on"),
        Continuity::Follows(ended) => tracing::warn!(
            %path,
            %epoch,
            before = %ended.epoch,
            last = ended.last,
            "a new epoch continues the one before: clients may have later updates than the log"
        ),
    }
}

/// Identifies the start of the machine. Where the system does not tell it, each start of the server
/// counts as one.
fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let read = text.ok().and_then(|text| {
        let digits = text.trim().replace('-', "");
        let number = u128::from_str_radix(&digits, 16).ok()?;
        Some(number.to_be_bytes())
    });
    read.unwrap_or_else(rand::random)
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;
    use tickcast_core::{
        tape::Strip,
        work::{NewUpdate, Submission},
    };
    use tickcast_log::FeedOutages;
    use tickcast_protocol::{message::TimeNs, topic::Topic, value::Value};

    use super::*;

    const TAPE_BYTES: usize = 1 << 20;

    struct Run {
        sequencer: Sequencer,
        opened: Opened,
        clock: Clock,
    }

    fn run(path: &Path, settings: &DataSettings, boot: u8) -> Run {
        let clock = Clock::start();
        let mut sequencer = Sequencer::new(10);
        let opened = open_in(
            path,
            settings,
            [boot; 16],
            TAPE_BYTES,
            &mut sequencer,
            (&["feed"], clock),
        );
        Run {
            opened: opened.expect("it opens"),
            sequencer,
            clock,
        }
    }

    impl Run {
        fn write(&mut self) -> Arc<Strip> {
            let update = NewUpdate::live(Topic::new("a").expect("a topic"), Value::Reading(1.0));
            let submission = Submission {
                updates: smallvec![update],
                ..Submission::default()
            };
            self.sequencer.push(submission, self.clock.now());
            let strip = self.sequencer.take_strip().expect("an update");
            let written = self.opened.log.write(&[Arc::clone(&strip)], 9);
            written.expect("the disk works");
            strip
        }
    }

    #[test]
    fn a_crash_continues_the_epoch_and_a_power_cut_its_positions() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = DataSettings::default();
        let mut first = run(folder.path(), &settings, 1);
        let epoch = first.opened.log.epoch();
        first.write();
        first.write();
        drop(first);
        let mut second = run(folder.path(), &settings, 1);
        assert_eq!(second.opened.log.epoch(), epoch);
        assert_eq!(second.opened.restored.strips.len(), 1);
        assert_eq!(second.opened.restored.topics[0].seq, 2);
        assert_eq!(second.write().first(), 3);
        drop(second);
        let mut third = run(folder.path(), &settings, 2);
        assert_ne!(third.opened.log.epoch(), epoch);
        let continues = third.opened.log.continues();
        assert_eq!((continues[0].epoch, continues[0].last), (epoch, 3));
        assert_eq!(third.write().first(), 4);
    }

    #[test]
    fn a_new_epoch_begins_if_it_is_asked_for_or_the_server_had_gone_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = DataSettings::default();
        let mut first = run(folder.path(), &settings, 1);
        first.write();
        let epoch = first.opened.log.epoch();
        first
            .opened
            .log
            .disk()
            .note_going_on()
            .expect("it is noted");
        drop(first);
        let second = run(folder.path(), &settings, 1);
        let after = second.opened.log.epoch();
        assert_ne!(after, epoch);
        drop(second);
        assert_eq!(run(folder.path(), &settings, 1).opened.log.epoch(), after);
        let again = DataSettings {
            new_epoch: true,
            ..settings
        };
        assert_ne!(run(folder.path(), &again, 1).opened.log.epoch(), after);
    }

    #[test]
    fn the_outages_of_a_feed_go_on_and_those_of_one_that_is_gone_end_at_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = DataSettings::default();
        let mut first = run(folder.path(), &settings, 1);
        first.write();
        let feed = |name: &str| FeedOutages {
            name: name.to_owned(),
            outages: vec![(1, 2), (3, TimeNs::MAX)],
        };
        let noted = first
            .opened
            .log
            .note_feeds(vec![feed("gone"), feed("feed")], 4);
        noted.expect("the disk works");
        drop(first);
        let second = run(folder.path(), &settings, 1);
        let restored = &second.opened.restored;
        assert_eq!(restored.feeds, [(0, vec![(1, 2), (3, TimeNs::MAX)])]);
        let [(1, 2), (3, end), (_, started)] = restored.outages[..] else {
            panic!("{:?}", restored.outages);
        };
        assert!(end < TimeNs::MAX && started <= end, "{end} {started}");
        let outages = restored.outages.clone();
        drop(second);
        // It does not end later at the next start.
        let third = run(folder.path(), &settings, 1);
        assert_eq!(third.opened.restored.outages[..2], outages[..2]);
    }
}
