//! Recordings: what was received, one JSON object a line.
//!
//! A line has `topic`, `time` (nanoseconds since 1970 at which the update was put on the tape),
//! `value` as on the wire, and `seq`, `every`, `unit`, `quality` and `source_time` where they say
//! something. The server's feed for standard input reads the same lines.

mod player;
mod recorder;

use serde::{Deserialize, Serialize};
use tickcast_protocol::{
    message::{Quality, Seq, TimeNs},
    topic::Topic,
    value::Value,
};

pub use self::{
    player::{ADVANCE_MAX_UPDATES, Player, RecordingError},
    recorder::Recorder,
};

/// One update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    topic: Topic,
    time: TimeNs,
    #[serde(default)]
    seq: Seq,
    /// Whether every update of the topic was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    every: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(default = "live", skip_serializing_if = "is_live")]
    quality: Quality,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_time: Option<TimeNs>,
    value: Value,
}

fn live() -> Quality {
    Quality::Live
}

fn is_live(quality: &Quality) -> bool {
    *quality == Quality::Live
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tickcast_protocol::message::Update;

    use super::*;
    use crate::inbox::Parcel;

    fn update(topic: &str, time_ns: TimeNs, seq: Seq, value: Value) -> Update<Topic> {
        Update {
            topic: Topic::new(topic).unwrap(),
            position: 1,
            seq,
            source_time_ns: Some(5),
            ingest_time_ns: time_ns,
            quality: Quality::Live,
            value,
        }
    }

    fn updates(parcels: Vec<Parcel>) -> Vec<Update<Topic>> {
        let updates = parcels.into_iter().filter_map(|parcel| match parcel {
            Parcel::Batch { batch, .. } => Some(batch.updates),
            _ => None,
        });
        updates.flatten().collect()
    }

    fn recorded(count: i64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        let mut recorder = Recorder::start(path.clone()).unwrap();
        for at in 0..count {
            let value = Value::Reading(at as f64);
            recorder.record(
                &update("t", at * 1_000, at as u64 + 1, value),
                Some("°C"),
                true,
            );
        }
        assert_eq!(recorder.finish().unwrap(), count as u64);
        (folder, path)
    }

    #[test]
    fn a_recording_is_played_as_it_was_received() {
        let (_folder, path) = recorded(1_000);
        let mut player = Player::open(&path).unwrap();
        assert_eq!(player.range(), (0, 999_000));
        assert_eq!(updates(player.advance(0).unwrap()).len(), 1);
        let next = updates(player.advance(10_000).unwrap());
        assert_eq!(next.len(), 10);
        assert_eq!(next[9].ingest_time_ns, 10_000);
        assert_eq!(next[9].seq, 11);
        assert_eq!(next[9].source_time_ns, Some(5));
        player.set_speed(10.0);
        assert_eq!(updates(player.advance(20_000).unwrap()).len(), 100);
        player.set_paused(true);
        assert_eq!(updates(player.advance(90_000).unwrap()).len(), 0);
    }

    #[test]
    fn seeking_goes_anywhere() {
        let (_folder, path) = recorded(1_000);
        let mut player = Player::open(&path).unwrap();
        player.set_paused(true);
        assert!(!player.seek(500_000).unwrap());
        assert_eq!(updates(player.advance(0).unwrap()).len(), 501);
        assert!(player.seek(100_000).unwrap());
        let again = updates(player.advance(0).unwrap());
        assert_eq!(again.len(), 101);
        assert_eq!(again[0].ingest_time_ns, 0);
        assert!(!player.seek(i64::MAX).unwrap());
        assert_eq!(updates(player.advance(0).unwrap()).len(), 899);
        assert!(player.is_at_end());
    }

    #[test]
    fn damaged_lines_are_counted_and_what_is_no_recording_is_refused() {
        let (_folder, path) = recorded(10);
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"topic\":\"t\",\"time\n\xff\xfe\n\n");
        std::fs::write(&path, &text).unwrap();
        let mut player = Player::open(&path).unwrap();
        player.seek(i64::MAX).unwrap();
        assert_eq!(updates(player.advance(0).unwrap()).len(), 10);
        assert_eq!(player.bad_lines(), 2);

        std::fs::write(&path, b"hello\n").unwrap();
        let error = Player::open(&path).unwrap_err().to_string();
        assert!(
            error.contains("none of its 1 lines is an update"),
            "{error}"
        );
        assert!(Player::open(&path.with_extension("no")).is_err());
    }

    #[test]
    fn a_restart_of_the_recorded_server_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        let mut recorder = Recorder::start(path.clone()).unwrap();
        for (time, seq) in [(0, 5), (1, 6), (2, 1)] {
            recorder.record(&update("t", time, seq, Value::Reading(0.0)), None, true);
        }
        recorder.finish().unwrap();
        let mut player = Player::open(&path).unwrap();
        player.seek(2).unwrap();
        let parcels = player.advance(0).unwrap();
        let resets = parcels.iter().filter(|p| matches!(p, Parcel::EpochChanged));
        assert_eq!(resets.count(), 1);
    }
}
