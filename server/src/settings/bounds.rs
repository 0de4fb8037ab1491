//! Tests: each setting has its bounds, and each reaches the core as it was set.

use std::time::Duration;

use clap::FromArgMatches;
use tickcast_core::{
    candles::LongHistorySettings,
    permissions::Permissions,
    sequencer::{HistorySettings, NewTopicLimits},
    settings::CoreSettings,
    totals::TotalLimits,
};
use tickcast_protocol::topic::Filter;

use super::{ServerSettings, field::command, listen::ListenSettings};

fn read(flags: &[&str]) -> Result<ServerSettings, String> {
    let matches = command::<ServerSettings>().try_get_matches_from(flags);
    let matches = matches.map_err(|error| error.to_string())?;
    Ok(ServerSettings::from_arg_matches(&matches).unwrap())
}

#[test]
fn a_setting_at_its_bound_is_accepted_and_one_beyond_it_is_not() {
    let waits = (["10ms", "24h"], ["9ms", "86401s"]);
    let memory = (["64KiB", "1024GiB"], ["65535", "1025GiB"]);
    for (key, (accepted, refused)) in [
        ("heartbeat", waits),
        ("ping", waits),
        ("pong_timeout", waits),
        ("write_timeout", waits),
        ("handshake_timeout", waits),
        ("drain", (["0", "24h"], ["-1s", "86401s"])),
        ("tape", memory),
        ("history", memory),
        ("long_history_memory", (["0", "1024GiB"], ["-1", "1025GiB"])),
        ("history_updates", (["0", "1000000"], ["-1", "1000001"])),
        ("topics_max", (["1", "4294967295"], ["0", "4294967296"])),
        ("subscriptions_max", (["1", "1000000"], ["0", "1000001"])),
        (
            "connections_per_address_max",
            (["1", "10000000"], ["0", "10000001"]),
        ),
        (
            "subscriptions_per_address_max",
            (["0", "1000000000"], ["-1", "1000000001"]),
        ),
        (
            "requests_per_address_per_s",
            (["0", "1000000"], ["-1", "1000001"]),
        ),
        ("requests_per_s", (["1", "1000000"], ["0", "1000001"])),
        ("request_burst", (["1", "1000000"], ["0", "1000001"])),
        ("shards", (["1", "1024"], ["0", "1025"])),
    ] {
        let read = |value: &str| read(&[&format!("--{key}={value}")]);
        for value in accepted {
            assert!(read(value).is_ok(), "{key} {value}: {:?}", read(value));
        }
        for value in refused {
            let error = read(value).unwrap_err();
            assert!(error.contains("expected a "), "{key} {value}: {error}");
        }
    }
}

#[test]
fn the_core_gets_every_setting_as_it_was_set() {
    let flags = [
        "--tape=1MiB",
        "--history=2MiB",
        "--history_updates=3",
        "--long_history_memory=4MiB",
        "--topics_max=4",
        "--subscriptions_max=5",
        "--requests_per_s=6",
        "--request_burst=7",
        "--publish_updates_per_s=13",
        "--publish_bytes_per_s=14",
        "--subscriptions_per_address_max=17",
        "--requests_per_address_per_s=18",
        "--publish_updates_per_address_per_s=19",
        "--publish_bytes_per_address_per_s=20",
        "--new_topics_per_s=15",
        "--new_topics_burst=16",
        "--heartbeat=8s",
        "--ping=9s",
        "--pong_timeout=10s",
        "--write_timeout=11s",
        "--drain=12s",
        "--subscribe_allow=a/#",
        "--publish_allow=b/#",
    ];
    let filters = |text| vec![Filter::new(text).unwrap()];
    let seconds = Duration::from_secs;
    let expected = CoreSettings {
        tape_bytes: 1 << 20,
        history: HistorySettings {
            updates: 3,
            bytes: 2 << 20,
        },
        long_history: LongHistorySettings { bytes: 4 << 20 },
        topics_max: 4,
        subscriptions_max: 5,
        requests_per_s: 6,
        request_burst: 7,
        publish_updates_per_s: 13,
        publish_bytes_per_s: 14,
        new_topics: NewTopicLimits {
            per_s: 15,
            burst: 16,
        },
        heartbeat: seconds(8),
        ping: seconds(9),
        pong_timeout: seconds(10),
        write_timeout: seconds(11),
        drain: seconds(12),
        of_address: TotalLimits {
            subscriptions: Some(17),
            requests_per_s: Some(18),
            publish_updates_per_s: Some(19),
            publish_bytes_per_s: Some(20),
        },
        permissions: Permissions {
            subscribe: filters("a/#"),
            publish: filters("b/#"),
        },
        is_node: false,
    };
    assert_eq!(read(&flags).unwrap().core(), expected);
    // A server that sets nothing has the core's own defaults.
    assert_eq!(ServerSettings::default().core(), CoreSettings::default());
}

#[test]
fn two_addresses_overlap_if_one_includes_the_other_at_the_same_port() {
    for (listen, admin, is_refused) in [
        ("127.0.0.1:1", "127.0.0.1:1", true),
        ("127.0.0.1:1", "127.0.0.1:2", false),
        ("127.0.0.1:1", "127.0.0.2:1", false),
        ("127.0.0.1:0", "127.0.0.1:0", false),
        ("0.0.0.0:1", "127.0.0.1:1", true),
        ("127.0.0.1:1", "0.0.0.0:1", true),
        ("0.0.0.0:1", "127.0.0.1:2", false),
        ("0.0.0.0:1", "[::1]:1", false),
        ("[::1]:1", "0.0.0.0:1", false),
        ("[::]:1", "127.0.0.1:1", true),
        ("127.0.0.1:1", "[::]:1", true),
        ("[::]:1", "[::1]:1", true),
        ("[::ffff:127.0.0.1]:1", "127.0.0.1:1", true),
        ("[::1]:1", "127.0.0.1:1", false),
    ] {
        let flags = [format!("--listen={listen}"), format!("--admin={admin}")];
        let settings = read(&[&flags[0], &flags[1]]).unwrap();
        let checked = settings
            .check(&[ListenSettings::plain(settings.listen.clone())])
            .map_err(|(key, _)| key);
        let expected = if is_refused { Err("admin") } else { Ok(()) };
        assert_eq!(checked, expected, "{listen} {admin}");
    }
}
