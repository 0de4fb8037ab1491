//! Settings from flags, environment and file: precedence, and every error with its place.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::{ffi::OsString, fs, time::Duration};

use tickcast_core::sequencer::liveness::Expected;
use tickcast_server::{
    config::{self, Command, Settings},
    testing::{
        PublishFrom, Source,
        decode::{Format, Shape},
        mqtt::{MqttVersion, Secret},
        replay::Speed,
    },
};

/// A folder with a file, flags and an environment.
struct Case {
    folder: tempfile::TempDir,
    flags: Vec<String>,
    environment: Vec<(OsString, OsString)>,
}

fn case() -> Case {
    Case {
        folder: tempfile::tempdir().unwrap(),
        flags: Vec::new(),
        environment: Vec::new(),
    }
}

impl Case {
    fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(ToString::to_string));
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn file(mut self, text: &str) -> Self {
        let path = self.folder.path().join("tickcast.toml");
        fs::write(&path, text).unwrap();
        self.flags.push("--config".into());
        self.flags.push(path.to_str().unwrap().into());
        self
    }

    fn load(&self) -> Result<Command, config::ConfigError> {
        let program = std::iter::once("tickcast-server".into());
        let args = program.chain(self.flags.iter().map(OsString::from));
        config::load(args, self.environment.clone())
    }

    #[track_caller]
    fn settings(&self) -> Settings {
        match self.load() {
            Ok(Command::Run(settings)) => *settings,
            other => panic!("no settings: {other:?}"),
        }
    }

    #[track_caller]
    fn print(&self) -> String {
        match self.load() {
            Ok(Command::Print(text)) => text,
            other => panic!("nothing to print: {other:?}"),
        }
    }

    /// The problems; the folder's name is left out.
    #[track_caller]
    fn problems(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        match self.load() {
            Err(error) => {
                let problems = error.problems.iter();
                problems.map(|text| text.replace(&folder, "")).collect()
            }
            other => panic!("no problems: {other:?}"),
        }
    }
}

#[track_caller]
fn check_problem(case: &Case, expected: &str) {
    assert_eq!(case.problems(), [expected]);
}

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
fn flags_go_before_the_environment_and_that_before_the_file_and_that_before_defaults() {
    let file = "listen = \"127.0.0.1:1\"\nshards = 1\ntape = \"1MiB\"\n";
    let settings = case()
        .file(file)
        .env("TICKCAST_LISTEN", "127.0.0.1:2")
        .env("TICKCAST_SHARDS", "2")
        .flags(&["--listen", "127.0.0.1:3"])
        .settings();
    assert_eq!(settings.server.listen.port(), 3);
    assert_eq!(settings.server.shards, 2);
    assert_eq!(settings.server.core.tape_bytes, 1 << 20);
    assert_eq!(settings.server.core.heartbeat, Duration::from_secs(10));
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
        let filters = case.settings().server.core.permissions.subscribe;
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

const TWO_BROKERS: &str = r#"
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
        "--liveness \"soon\": it is not \"learned\", and it is not a time such as 250ms, 10s, 5m or 1h",
    );
    check(
        "a=5s,dead_after=15s",
        "--liveness: dead_after must be longer than 3 times expect_every, when topics are stale",
    );
    check_problem(
        &case().file("[[wills]]\ntopic = \"a/#\"\ndead_if = \"x\"\ntopics = \"a\"\n"),
        "tickcast.toml, line 1: a/# says no place for a will: use no #",
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
    line("shards = 3 ", "tickcast.toml, line 1");
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
    assert_eq!(problems, ["--mqtt-url: it does not start with mqtt://"]);
}

#[test]
fn check_says_that_the_settings_are_right_and_help_and_version_are_texts() {
    assert_eq!(
        case().flags(&["--check"]).print(),
        "The settings are right.\n"
    );
    let help = case().flags(&["--help"]).print();
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
fn flags_that_are_wrong_are_refused_by_name() {
    let check = |flags: &[&str], expected: &str| check_problem(&case().flags(flags), expected);
    check(
        &["--listen", "7400"],
        "--listen \"7400\": it is not an address such as 127.0.0.1:7400",
    );
    check(
        &["--shards", "0"],
        "--shards \"0\": it is not a number from 1 to 1024",
    );
    check(
        &["--shards", "-1"],
        "--shards \"-1\": it is not a number from 1 to 1024",
    );
    check(
        &["--tape", "1TiB"],
        "--tape \"1TiB\": it is not a size such as 65536, 64KiB or 10MB",
    );
    check(
        &["--tape", "1KiB"],
        "--tape \"1KiB\": it is not between 64KiB and 1024GiB",
    );
    check(
        &["--ping", "1ms"],
        "--ping \"1ms\": it is not between 10ms and 86400s",
    );
    check(
        &["--publish-from", "me"],
        "--publish-from \"me\": it is not one of nobody, loopback, anybody",
    );
    check(
        &["--subscribe-allow", "a/#/b"],
        "--subscribe-allow: \"a/#/b\": the '#' at byte 2 is not alone in the last level",
    );
    check(
        &["--origins", "example.org"],
        "--origins: \"example.org\" is not an origin such as https://example.org",
    );
    check(
        &["--feed", "kafka"],
        "--feed: \"kafka\" is not one of simulated, mqtt, replay, stdin, none",
    );
    check(
        &["--feed", "mqtt", "--feed", "mqtt"],
        "--feed: mqtt is named twice; several feeds of a kind go into the file",
    );
    check(
        &["--feed", "none", "--feed", "mqtt"],
        "--feed: none goes with no other feed",
    );
    check(
        &["--mqtt-url", "mqtt://h"],
        "--mqtt-url is given, but there is no feed of its kind: add --feed mqtt",
    );
    check(
        &["--log", "a=b=c"],
        "--log \"a=b=c\": error parsing level filter: expected one of \"off\", \"error\", \"warn\", \
         \"info\", \"debug\", \"trace\", or a number 0-5",
    );
    let problems = case().flags(&["--lisen", "x"]).problems();
    assert!(
        problems[0].starts_with("unexpected argument '--lisen' found"),
        "{problems:?}"
    );
    assert_eq!(problems.len(), 1);
    assert!(!problems[0].contains('\n'), "{problems:?}");
}

#[test]
fn values_that_fit_their_type_but_no_feed_are_refused_with_the_feed() {
    let check = |flags: &[&str], expected: &str| check_problem(&case().flags(flags), expected);
    check(
        &["--sim-rate", "0"],
        "feed simulated: the rate 0 is not above 0 and at most 10000000 updates per second",
    );
    check(
        &["--feed", "mqtt", "--mqtt-session-expiry", "1h"],
        "feed mqtt: a session that outlives its connection needs a client id",
    );
    check(
        &["--feed", "replay"],
        "feed replay: there is no file to replay",
    );
    check(
        &["--feed", "replay", "--replay-file", "nothing.csv"],
        "feed replay: file nothing.csv: No such file or directory (os error 2)",
    );
}

#[test]
fn the_environment_is_refused_by_name_and_unknown_variables_are_a_warning() {
    check_problem(
        &case().env("TICKCAST_SHARDS", "many"),
        "TICKCAST_SHARDS \"many\": it is not a number from 1 to 1024",
    );
    check_problem(
        &case().env("TICKCAST_MQTT_URL", "mqtt://h"),
        "TICKCAST_MQTT_URL is given, but there is no feed of its kind: add --feed mqtt",
    );
    check_problem(
        &case().env("TICKCAST_FEED", ""),
        "TICKCAST_FEED: no feed is named; none is a name as well",
    );
    check_problem(
        &case().env("TICKCAST_FEED", "[broken"),
        "TICKCAST_FEED: unclosed array, expected `]`",
    );
    let settings = case()
        .env("TICKCAST_SHARD", "1")
        .env("HOME", "/")
        .settings();
    assert_eq!(
        settings.warnings,
        ["TICKCAST_SHARD is set, but there is no such setting"]
    );
}

#[test]
fn the_file_is_refused_with_key_and_line() {
    let check = |text: &str, expected: &str| check_problem(&case().file(text), expected);
    check(
        "\n\nlisen = 1\n",
        "tickcast.toml, line 3: lisen is no setting",
    );
    check(
        "shards = 1\nshards = 2\n",
        "tickcast.toml, line 2: duplicate key",
    );
    check(
        "shards = \"many\"",
        "tickcast.toml, line 1: shards \"many\": it is not a number from 1 to 1024",
    );
    check(
        "shards = [1, 2]",
        "tickcast.toml, line 1: shards: it is one value, not a list",
    );
    check(
        "shards = { a = 1 }",
        "tickcast.toml, line 1: shards cannot be a table",
    );
    check(
        "feed = 1",
        "tickcast.toml, line 1: feed is not a list of tables: write [[feed]]",
    );
    check(
        "[feed]\nkind = \"stdin\"\n",
        "tickcast.toml, line 1: feed is not a list of tables: write [[feed]]",
    );
    check(
        "[[feed]]\nurl = \"mqtt://h\"\n",
        "tickcast.toml, line 1: a feed needs a kind: simulated, mqtt, replay, stdin, none",
    );
    check(
        "[[feed]]\nkind = \"mqtt\"\nrate = 5\n",
        "tickcast.toml, line 3: rate is no setting of a feed of kind mqtt",
    );
    check(
        "[[feed]]\nkind = \"stdin\"\nname = \"a\"\n[[feed]]\nkind = \"simulated\"\nname = \"a\"\n",
        "tickcast.toml, line 4: another feed is called \"a\" as well",
    );
    check(
        "[[decode]]\nfilter = \"a\"\nformt = \"text\"\n",
        "tickcast.toml, line 3: formt is no setting of a rule for decoding",
    );
    check(
        "[[decode]]\nformat = \"text\"\n",
        "tickcast.toml, line 1: a rule needs a filter",
    );
    check(
        "[[decode]]\nfilter = \"a\"\nformat = \"text\"\nprice = \"/p\"\n",
        "tickcast.toml, line 1: price does not go with the rest of the rule",
    );
    check(
        "[[decode]]\nfilter = \"a\"\nformat = \"json\"\n",
        "tickcast.toml, line 1: json needs pointers: value, price and size, or bid and ask",
    );
    check(
        "[[decode]]\nfilter = \"a\"\nformat = \"json\"\nvalue = \"v\"\n",
        "tickcast.toml, line 4: value \"v\": a JSON pointer starts with '/', as in \"/data/price\"",
    );
    let several = case().file(TWO_BROKERS).flags(&["--mqtt-qos", "0"]);
    check_problem(
        &several,
        "--mqtt-qos is given, but there are several feeds of kind mqtt: change them in the file",
    );
    check_problem(
        &case().flags(&["--config", "/nowhere.toml"]),
        "file /nowhere.toml: No such file or directory (os error 2)",
    );
    let problems = case().file("a = [1\nb = 2").problems();
    assert!(
        problems[0].starts_with("tickcast.toml, line "),
        "{problems:?}"
    );
}

#[test]
fn rules_on_the_command_line_are_refused_with_the_reason() {
    let check =
        |rule: &str, expected: &str| check_problem(&case().flags(&["--decode", rule]), expected);
    check("a", "--decode \"a\": \"a\" is not of the form KEY=VALUE");
    check(
        "a/b#=text",
        "--decode \"a/b#\": the '#' at byte 3 is not alone in the last level",
    );
    check(
        "a=xml",
        "--decode \"xml\": it is not one of auto, number, json, text, bytes",
    );
    check(
        "a=json,cost=/c",
        "--decode \"a=json,cost=/c\": cost is no setting of a rule for decoding",
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = case()
        .file("lisen = 1\nshards = 0\n")
        .env("TICKCAST_PING", "soon")
        .flags(&["--tape", "none"])
        .problems();
    assert_eq!(problems.len(), 4, "{problems:?}");
}
