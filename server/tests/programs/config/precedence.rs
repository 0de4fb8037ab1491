//! Where each setting comes from, and how it is printed with its origin.

use std::time::Duration;

use tickcast_core::sequencer::liveness::Expected;
use tickcast_server::{
    config::Settings,
    testing::{
        PublishFrom, Source,
        decode::{Format, Shape},
        mqtt::{MqttVersion, Secret},
        replay::Speed,
    },
};

use super::{Case, RIGHT, case, check_problem};

fn sources(settings: &Settings) -> Vec<(&str, &Source)> {
    let feeds = settings.feeds.iter();
    feeds
        .map(|feed| (feed.name.as_str(), &feed.source))
        .collect()
}

#[test]
fn without_anything_it_is_the_simulated_feed_on_port_7400() {
    let settings = case().settings();
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:7400");
    assert!(settings.server.shards >= 1);
    assert_eq!(settings.server.publish_from, PublishFrom::Loopback);
    assert_eq!(settings.log.filter, "info");
    assert!(settings.decode.is_empty() && settings.warnings.is_empty());
    match sources(&settings).as_slice() {
        [("simulated", Source::Simulated(simulated))] => {
            assert_eq!((simulated.instruments, simulated.sensors), (24, 16));
            assert_eq!(simulated.rate, 1_000.0);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn flags_have_precedence_over_the_environment_over_the_file_over_defaults() {
    let file = "listen = \"127.0.0.1:1\"\nshards = 1\ntape = \"1MiB\"\n";
    let settings = case()
        .file(file)
        .env("TICKCAST_LISTEN", "127.0.0.1:2")
        .env("TICKCAST_SHARDS", "2")
        .flags(&["--listen", "127.0.0.1:3"])
        .settings();
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:3");
    assert_eq!(settings.server.shards, 2);
    assert_eq!(settings.server.tape_bytes, 1 << 20);
    assert_eq!(settings.server.heartbeat, Duration::from_secs(10));
}

#[test]
fn the_file_can_be_named_by_the_environment() {
    let case = case().file("shards = 3");
    let path = case.flags[1].clone();
    let settings = Case {
        flags: Vec::new(),
        ..case
    }
    .env("TICKCAST_CONFIG", &path)
    .settings();
    assert_eq!(settings.server.shards, 3);
}

#[test]
fn lists_are_repeated_flags_or_separated_by_commas_or_in_brackets() {
    let allowed = |case: Case| {
        let filters = case.settings().server.subscribe_allow;
        filters.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let flags = ["--subscribe-allow", "a/#", "--subscribe-allow", "b,c"];
    assert_eq!(allowed(case().flags(&flags)), ["a/#", "b,c"]);
    assert_eq!(
        allowed(case().env("TICKCAST_SUBSCRIBE_ALLOW", "a, b/+")),
        ["a", "b/+"]
    );
    assert_eq!(
        allowed(case().env("TICKCAST_SUBSCRIBE_ALLOW", r#"["a,b", "c"]"#)),
        ["a,b", "c"]
    );
    assert_eq!(allowed(case().file("subscribe_allow = [\"a\"]")), ["a"]);
    assert_eq!(allowed(case().file("subscribe_allow = \"a\"")), ["a"]);
    assert!(allowed(case().file("subscribe_allow = []")).is_empty());
}

#[test]
fn several_feeds_come_from_flags_with_settings_of_their_kind() {
    let settings = case()
        .flags(&["--feed", "mqtt", "--feed", "stdin"])
        .flags(&["--mqtt-url", "mqtt://me:secret@broker:1884"])
        .flags(&["--mqtt-filter", "a/#", "--mqtt-filter", "b"])
        .flags(&[
            "--mqtt-version",
            "5",
            "--mqtt-qos",
            "0",
            "--mqtt-max-packet",
            "1MiB",
        ])
        .env("TICKCAST_MQTT_PASSWORD", "better")
        .settings();
    match sources(&settings).as_slice() {
        [("mqtt", Source::Mqtt(mqtt)), ("stdin", Source::Stdin)] => {
            assert_eq!((mqtt.url.host.as_str(), mqtt.url.port), ("broker", 1884));
            assert_eq!(mqtt.filters.len(), 2);
            assert_eq!((mqtt.version, mqtt.qos), (MqttVersion::V5, 0));
            assert_eq!(mqtt.max_packet_bytes, 1 << 20);
            assert_eq!(mqtt.password, Some(Secret("better".into())));
        }
        other => panic!("{other:?}"),
    }
    assert!(
        case()
            .flags(&["--feed", "none"])
            .settings()
            .feeds
            .is_empty()
    );
    let from_environment = case().env("TICKCAST_FEED", "simulated,stdin").settings();
    assert_eq!(from_environment.feeds.len(), 2);
}

pub(super) const TWO_BROKERS: &str = r#"
[[feed]]
kind = "mqtt"
url = "mqtt://one"

[[feed]]
kind = "mqtt"
name = "second"
url = "mqtt://two"

[[feed]]
kind = "simulated"
rate = 10
"#;

#[test]
fn the_file_has_several_feeds_of_a_kind_and_flags_choose_among_them() {
    let settings = case().file(TWO_BROKERS).settings();
    let names: Vec<_> = settings
        .feeds
        .iter()
        .map(|feed| feed.name.as_str())
        .collect();
    assert_eq!(names, ["mqtt-1", "second", "simulated"]);

    let settings = case()
        .file(TWO_BROKERS)
        .flags(&["--feed", "mqtt"])
        .settings();
    assert_eq!(settings.feeds.len(), 2);

    let settings = case()
        .file(TWO_BROKERS)
        .flags(&["--feed", "simulated", "--sim-seed", "7"])
        .settings();
    match sources(&settings).as_slice() {
        [("simulated", Source::Simulated(simulated))] => {
            assert_eq!((simulated.rate, simulated.seed), (10.0, 7));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn replay_files_are_named_with_their_topics() {
    let data = format!("{}/data", env!("CARGO_MANIFEST_DIR"));
    let settings = case()
        .flags(&[
            "--feed",
            "replay",
            "--replay-speed",
            "max",
            "--replay-repeat",
            "true",
        ])
        .flags(&[
            "--replay-file",
            &format!("market/EUR-USD/quote={data}/eurusd-quotes.csv"),
        ])
        .flags(&["--replay-file", &format!("{data}/ec2-cpu.csv")])
        .settings();
    match sources(&settings).as_slice() {
        [("replay", Source::Replay(replay))] => {
            let topics: Vec<_> = replay
                .files
                .iter()
                .map(|file| file.topic.as_str())
                .collect();
            assert_eq!(topics, ["market/EUR-USD/quote", "replay/ec2-cpu"]);
            assert_eq!((replay.speed, replay.repeat), (Speed::Max, true));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rules_for_decoding_come_from_flags_then_environment_then_file() {
    let settings = case()
        .file("[[decode]]\nfilter = \"c\"\nformat = \"number\"\nunit = \"bar\"\n")
        .env("TICKCAST_DECODE", "b=json,bid=/b,ask=/a")
        .flags(&[
            "--decode",
            "a/+=json,price=/p,size=/q,buyer_maker=/m,time=/T,time_unit=ms",
        ])
        .settings();
    let filters: Vec<_> = settings
        .decode
        .iter()
        .map(|rule| rule.filter.to_string())
        .collect();
    assert_eq!(filters, ["a/+", "b", "c"]);
    let Format::Json(json) = &settings.decode[0].format else {
        panic!("no json");
    };
    assert!(matches!(json.shape, Shape::Trade { side: Some(_), .. }) && json.time.is_some());
    assert_eq!(settings.decode[2].unit.as_deref(), Some("bar"));
}

#[test]
fn rules_for_silence_and_wills_are_read() {
    let settings = case()
        .file(
            "[[liveness]]\nfilter = \"c\"\nexpect_every = \"5 s\"\ndead_after = \"1m\"\n\
             [[wills]]\ntopic = \"d/+/state\"\ndead_if = \"off\"\ntopics = \"d/+/#\"\n",
        )
        .env("TICKCAST_LIVENESS", "b=learned,dead_after=1h")
        .flags(&["--liveness", "a/+=250ms"])
        .settings();
    let seconds = |s| Some(Duration::from_secs(s));
    let rules: Vec<_> = settings
        .liveness
        .silence
        .iter()
        .map(|rule| (rule.filter.as_str(), rule.expect_every, rule.dead_after))
        .collect();
    assert_eq!(
        rules,
        [
            ("a/+", Expected::Every(Duration::from_millis(250)), None),
            ("b", Expected::Learned, seconds(3600)),
            ("c", Expected::Every(Duration::from_secs(5)), seconds(60)),
        ]
    );
    let will = &settings.liveness.wills[0];
    assert_eq!(will.dead_if, "off");
    assert_eq!(
        (will.topic.as_str(), will.topics.as_str()),
        ("d/+/state", "d/+/#")
    );
    let check = |rule: &str, expected: &str| {
        check_problem(&case().flags(&["--liveness", rule]), expected);
    };
    check(
        "a=soon",
        "--liveness: expect_every \"soon\": expected learned, or a time such as 250ms, 10s, 5m or 1h",
    );
    check(
        "a=5s,dead_after=15s",
        "--liveness: dead_after must be longer than 3 times expect_every, when topics become stale",
    );
    check_problem(
        &case().file("[[wills]]\ntopic = \"a/#\"\ndead_if = \"x\"\ntopics = \"a\"\n"),
        "tickcast.toml:1:1: wills: the will topic a/# must not end with #",
    );
}

#[test]
fn the_printed_settings_name_their_origins_and_can_be_read_again() {
    let case = case()
        .file(&format!(
            "shards = 3\n{TWO_BROKERS}\n[[decode]]\nfilter = \"a\"\nformat = \"text\"\n\
             [[wills]]\ntopic = \"a\"\ndead_if = \"off\"\ntopics = \"b\"\n"
        ))
        .env("TICKCAST_PING", "30s")
        .flags(&[
            "--tape",
            "1MiB",
            "--decode",
            "b=json,value=/v",
            "--sim-rate",
            "2.5",
            "--liveness",
            "a=learned,dead_after=1m",
        ]);
    let settings = case.settings();
    let case = case.flags(&["--print-config"]);
    let text = case.print();
    let line = |start: &str, end: &str| {
        let found = text
            .lines()
            .any(|line| line.starts_with(start) && line.ends_with(end));
        assert!(found, "{start} ... {end} is not in\n{text}");
    };
    line("shards = 3 ", "tickcast.toml:1:1");
    line("ping = \"30s\" ", "# environment TICKCAST_PING");
    line("tape = \"1MiB\" ", "# flag --tape");
    line("listen = \"127.0.0.1:7400\" ", "# default");
    line("rate = 2.5 ", "# flag --sim-rate");
    line("# password is not set ", "# default");

    let again = self::case().file(&text).settings();
    assert_eq!(again.server, settings.server);
    assert_eq!(again.decode, settings.decode);
    assert_eq!(again.liveness, settings.liveness);
    assert_eq!(
        settings.liveness.silence.len() + settings.liveness.wills.len(),
        2
    );
    let both = |settings: &Settings| {
        let feeds = settings.feeds.iter();
        feeds.map(|feed| feed.source.clone()).collect::<Vec<_>>()
    };
    assert_eq!(both(&again), both(&settings));

    let none = self::case()
        .flags(&["--feed", "none", "--print-config"])
        .print();
    assert!(self::case().file(&none).settings().feeds.is_empty());
}

#[test]
fn secrets_are_never_printed() {
    let mqtt = || {
        case()
            .flags(&["--feed", "mqtt"])
            .env("TICKCAST_MQTT_PASSWORD", "geheim1")
    };
    let text = mqtt()
        .flags(&["--mqtt-url", "mqtt://me:geheim2@h", "--print-config"])
        .print();
    assert!(text.contains("# password = \"(hidden)\""), "{text}");
    assert!(
        text.contains("# url = \"mqtt://me:(hidden)@h:1883\""),
        "{text}"
    );
    assert!(!text.contains("geheim"), "{text}");
    let settings = mqtt().settings();
    assert!(!format!("{settings:?}").contains("geheim"));
    let problems = mqtt()
        .flags(&["--mqtt-url", "http://me:geheim2@h"])
        .problems();
    assert_eq!(
        problems,
        [
            "--mqtt-url: it does not start with mqtt://, mqtts://, ws:// or wss://; \
             expected a URL such as \
             mqtt://user:password@host:1883"
        ]
    );
}

#[test]
fn check_says_that_the_settings_are_right_and_help_and_version_are_texts() {
    assert!(case().flags(&["--check"]).print().starts_with(RIGHT));
    let help = case().flags(&["--help"]).print();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "--listen <ADDRESS>",
        "[default: 127.0.0.1:7400]",
        "[env: TICKCAST_MQTT_URL]",
        "--print-config",
    ] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    assert!(
        case()
            .flags(&["--version"])
            .print()
            .starts_with("tickcast-server 0.")
    );
}

#[test]
fn every_default_is_read_back_as_it_is_printed() {
    for kind in ["simulated", "mqtt", "stdin", "none"] {
        let given = case().flags(&["--feed", kind]);
        let settings = given.settings();
        let printed = given.flags(&["--print-config"]).print();
        assert_eq!(case().file(&printed).settings(), settings, "{printed}");
    }
}
