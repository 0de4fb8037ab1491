//! Settings from flags, environment variables and the file: precedence, every error with its place,
//! and the tables of settings in the documents.

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

/// How the answer to `--check` begins.
const RIGHT: &str = "The settings are right. ";

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
fn flags_that_are_wrong_are_refused_by_name() {
    let check = |flags: &[&str], expected: &str| check_problem(&case().flags(flags), expected);
    check(
        &["--listen", "7400"],
        "--listen \"7400\": expected HOST:PORT, such as 127.0.0.1:7400, localhost:7400, [::1]:7400, \
         or :7400 for all addresses; a Unix socket is unix:PATH, and a \
         passed one systemd:NAME",
    );
    check(
        &["--shards", "0"],
        "--shards \"0\": expected a number from 1 to 1024",
    );
    check(
        &["--shards", "-1"],
        "--shards \"-1\": expected a number from 1 to 1024",
    );
    check(
        &["--tape", "1TiB"],
        "--tape \"1TiB\": expected a size such as 65536, 64KiB or 10MB",
    );
    check(
        &["--tape", "1KiB"],
        "--tape \"1KiB\": expected a size from 64KiB to 1024GiB",
    );
    check(
        &["--ping", "1ms"],
        "--ping \"1ms\": expected a time from 10ms to 24h",
    );
    check(
        &["--publish-from", "me"],
        "--publish-from \"me\": expected one of nobody, loopback, anybody",
    );
    check(
        &["--subscribe-allow", "a/#/b"],
        "--subscribe-allow \"a/#/b\": the '#' at byte 2 is not alone in the last level; expected a \
         filter such as plant/#, market/+/trade or #",
    );
    check(
        &["--origins", "example.org"],
        "--origins \"example.org\": expected an origin such as https://example.org, or *",
    );
    check(
        &["--feed", "kafka"],
        "--feed \"kafka\": expected one of simulated, mqtt, replay, stdin, program, websocket, none",
    );
    check(
        &["--feed", "mqtt", "--feed", "mqtt"],
        "--feed: mqtt is named twice; several feeds of one kind must be in the file",
    );
    check(
        &["--feed", "none", "--feed", "mqtt"],
        "--feed: none cannot be combined with other feeds",
    );
    check(
        &["--mqtt-url", "mqtt://h"],
        "--mqtt-url is given, but there is no feed of its kind: add --feed mqtt",
    );
    let problems = case().flags(&["--lisen", "x"]).problems();
    assert!(
        problems[0].starts_with("unexpected argument '--lisen' found"),
        "{problems:?}"
    );
    assert!(
        problems[0].ends_with("; did you mean --listen?"),
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
        "--sim-rate \"0\": expected a number above 0 and at most 10000000, such as 2.5",
    );
    check(
        &["--feed", "mqtt", "--mqtt-session-expiry", "1h"],
        "--mqtt-session-expiry: feed mqtt: a session that outlives its connection needs a client \
         id: set --mqtt-client-id, such as tickcast-1",
    );
    check(
        &["--feed", "replay"],
        "--feed: feed replay: there is no file to replay: set --replay-file, such as \
         market/EUR-USD/quote=quotes.csv",
    );
    check(
        &["--feed", "replay", "--replay-file", "nothing.csv"],
        "--replay-file: feed replay: file nothing.csv: No such file or directory (os error 2)",
    );
}

#[test]
fn the_environment_is_refused_by_name_and_unknown_variables_are_a_warning() {
    check_problem(
        &case().env("TICKCAST_SHARDS", "many"),
        "TICKCAST_SHARDS \"many\": expected a number from 1 to 1024",
    );
    check_problem(
        &case().env("TICKCAST_MQTT_URL", "mqtt://h"),
        "TICKCAST_MQTT_URL is given, but there is no feed of its kind: add --feed mqtt",
    );
    check_problem(
        &case().env("TICKCAST_FEED", ""),
        "TICKCAST_FEED: names no feed; write none for no feed",
    );
    check_problem(
        &case().env("TICKCAST_FEED", "[broken"),
        "TICKCAST_FEED: \"[broken\" is no list (unclosed array, expected `]`): write it as in A,B or \
         [\"A\", \"B\"]",
    );
    let settings = case()
        .env("TICKCAST_SHARD", "1")
        .env("HOME", "/")
        .settings();
    assert_eq!(
        settings.warnings,
        ["TICKCAST_SHARD is set, but there is no such setting; did you mean TICKCAST_SHARDS?"]
    );
}

#[test]
fn the_file_is_refused_with_key_and_line() {
    let check = |text: &str, expected: &str| check_problem(&case().file(text), expected);
    check(
        "\n\nlisen = 1\n",
        "tickcast.toml:3:1: lisen: there is no such setting; did you mean listen?",
    );
    check(
        "shards = 1\nshards = 2\n",
        "tickcast.toml:2:1: shards: duplicate key",
    );
    check(
        "shards = \"many\"",
        "tickcast.toml:1:1: shards \"many\": expected a number from 1 to 1024",
    );
    check(
        "shards = [1, 2]",
        "tickcast.toml:1:1: shards: expected one value, not a list",
    );
    check(
        "shards = { a = 1 }",
        "tickcast.toml:1:1: shards: expected a value or a list of values, found: table",
    );
    check(
        "feed = 1",
        "tickcast.toml:1:1: feed is not a list of tables: write [[feed]]",
    );
    check(
        "[feed]\nkind = \"stdin\"\n",
        "tickcast.toml:1:2: feed is not a list of tables: write [[feed]]",
    );
    check(
        "[[feed]]\nurl = \"mqtt://h\"\n",
        "tickcast.toml:1:1: feed.kind is missing: simulated, mqtt, replay, stdin, program, websocket, none",
    );
    check(
        "[[feed]]\nkind = \"mqtt\"\nrate = 5\n",
        "tickcast.toml:3:1: feed.rate: there is no such setting of feeds of kind mqtt; expected one \
         of url, filter, sparkplug, version, qos, user, password, client_id, session_expiry, max_packet, \
         tls_ca, tls_cert, tls_key, tls_server_name, tls_alpn, tls_insecure",
    );
    check(
        "[[feed]]\nkind = \"stdin\"\nname = \"a\"\n[[feed]]\nkind = \"simulated\"\nname = \"a\"\n",
        "tickcast.toml:4:1: feed.name \"a\": another feed has this name, too",
    );
    check(
        "[[decode]]\nfilter = \"a\"\nformt = \"text\"\n",
        "tickcast.toml:3:1: decode.formt: there is no such setting of [[decode]]; did you mean \
         format?",
    );
    check(
        "[[decode]]\nformat = \"text\"\n",
        "tickcast.toml:1:1: decode: the key filter is missing",
    );
    check(
        "[[decode]]\nfilter = \"a\"\nformat = \"text\"\nprice = \"/p\"\n",
        "tickcast.toml:1:1: decode: price does not fit the other keys of the rule",
    );
    check(
        "[[decode]]\nfilter = \"a\"\nformat = \"json\"\n",
        "tickcast.toml:1:1: decode: json needs pointers: value, price and size, or bid and ask",
    );
    check(
        "[[decode]]\nfilter = \"a\"\nformat = \"json\"\nvalue = \"v\"\n",
        "tickcast.toml:4:1: decode.value \"v\": a JSON pointer starts with '/', as in \"/data/price\"",
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
    assert!(problems[0].starts_with("tickcast.toml:"), "{problems:?}");
}

#[test]
fn rules_on_the_command_line_are_refused_with_the_reason() {
    let check =
        |rule: &str, expected: &str| check_problem(&case().flags(&["--decode", rule]), expected);
    let form =
        "expected FILTER=FORMAT[,KEY=VALUE]..., as in \"plant/+/temperature=number,unit=°C\"";
    check("a", &format!("--decode \"a\": {form}"));
    check("a/+", &format!("--decode \"a/+\": {form}"));
    check(
        "a=json,price",
        &format!("--decode \"a=json,price\": \"price\" has no =; {form}"),
    );
    check(
        "a/b#=text",
        "--decode: filter \"a/b#\": the '#' at byte 3 is not alone in the last level; expected a \
         filter such as plant/#, market/+/trade or #",
    );
    check(
        "a=xml",
        "--decode: format \"xml\": expected one of auto, fields, number, json, text, bytes, \
             skip, error",
    );
    check(
        "a=json,cost=/c",
        "--decode: cost: there is no such setting of [[decode]]; expected one of filter, format, \
         when, reason, unit, name, value, price, size, side, side_of, buy, sell, buyer_maker, bid, ask, \
         bid_size, ask_size, time, time_unit, time_format, zone, utc_offset, each, topic, missing, round, \
         decimal, include, exclude, keep",
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let problems = case()
        .file("lisen = 1\nshards = 0\n")
        .env("TICKCAST_PING", "soon")
        .flags(&["--tape", "none"])
        .problems();
    assert_eq!(problems.len(), 4, "{problems:?}");
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

#[test]
fn a_log_filter_that_would_log_nothing_is_refused_with_what_is_valid() {
    let check = |filter: &str, part: &str, valid: &[&str]| {
        let start = |place: &str| match filter {
            "" => format!("{place} \"\": {part}"),
            filter => format!("{place} {filter:?}: {part}"),
        };
        let check_at = |case: &Case, place: &str| {
            let problems = case.problems();
            assert_eq!(problems.len(), 1, "{problems:?}");
            let start = start(place);
            assert!(problems[0].starts_with(&start), "{problems:?}, not {start}");
            for word in valid {
                assert!(problems[0].contains(word), "no {word} in {problems:?}");
            }
        };
        check_at(&case().flags(&["--log", filter]), "--log");
        check_at(&case().flags(&["--check", "--log", filter]), "--log");
        check_at(&case().env("TICKCAST_LOG", filter), "TICKCAST_LOG");
        let file = format!("log = {filter:?}\n");
        check_at(&case().file(&file), "tickcast.toml:1:1: log");
    };
    check("verbose", "\"verbose\" is not a level", &LEVELS);
    check(
        "info,tickcast_server",
        "\"tickcast_server\" is not a level",
        &LEVELS,
    );
    check("", "an empty filter logs nothing", &LEVELS);
    check(",", "an empty filter logs nothing", &LEVELS);
    check(
        "tickcast_server=verbose",
        "\"tickcast_server=verbose\": \"verbose\" is not a level",
        &LEVELS,
    );
    check(
        "info,tickcast_server::feed=",
        "\"tickcast_server::feed=\": \"\" is not a level",
        &LEVELS,
    );
    for (module, wanted) in [
        (
            "tickcast_server::fed",
            "; did you mean tickcast_server::feed?",
        ),
        (
            "tickcast_server::feed::mqt",
            "; did you mean tickcast_server::feed::mqtt?",
        ),
        ("tickcast_serve", "; did you mean tickcast_server?"),
        ("tickcast-server", "; did you mean tickcast_server?"),
        ("hyper", "tickcast_server::net, "),
        // Its connection is not used, and what is used of it does not log.
        ("rumqttc", "tickcast_server::net, "),
        ("a=b", "tickcast_server::net, "),
        ("", "tickcast_server::net, "),
    ] {
        let filter = format!("info,{module}=debug");
        let part = format!("\"{module}=debug\": {module:?} is not a module that logs");
        check(&filter, &part, &[wanted]);
    }
    check("[batch]=debug", "\"[batch]=debug\" names a span", &[]);
}

#[test]
fn log_filters_of_levels_modules_and_fields_are_accepted() {
    for filter in [
        "off",
        "TRACE",
        "warn,tickcast_server::feed=debug",
        "tickcast_server=debug",
        "info,tickcast_server::net::gate=off,",
        "warn,tickcast_server::feed[{feed}]=debug",
        "info,tickcast_server::net=0",
    ] {
        let settings = case().flags(&["--log", filter]).settings();
        assert_eq!(settings.log.filter, filter);
    }
}

#[test]
fn check_finds_misspelt_variables() {
    let case = case().env("TICKCAST_LISTN", "0.0.0.0:7400");
    let expected =
        "TICKCAST_LISTN is set, but there is no such setting; did you mean TICKCAST_LISTEN?";
    assert_eq!(case.settings().warnings, [expected]);
    check_problem(&case.flags(&["--check"]), expected);
}

#[test]
fn variables_of_kubernetes_and_of_the_monitor_are_passed_over() {
    const URL: &str = "tcp://10.96.0.12:7400";
    let mut passed = case().flags(&["--check"]);
    for (name, value) in [
        ("PORT", URL),
        ("SERVICE_HOST", "10.96.0.12"),
        ("SERVICE_PORT", "7400"),
        ("SERVICE_PORT_WS", "7400"),
        ("SERVICE_PORT_ADMIN_HTTP", "7401"),
        ("PORT_7400_TCP", URL),
        ("PORT_7400_TCP_ADDR", "10.96.0.12"),
        ("PORT_7400_TCP_PORT", "7400"),
        ("PORT_7400_TCP_PROTO", "tcp"),
        ("PORT_7400_UDP", "udp://10.96.0.12:7400"),
        ("PORT_7400_SCTP_ADDR", "10.96.0.12"),
        ("ADMIN_PORT", "udp://10.96.0.12:7401"),
        ("ADMIN_SERVICE_HOST", "10.96.0.12"),
        ("ADMIN_SERVICE_PORT", "7401"),
        ("ADMIN_SERVICE_PORT_METRICS", "7401"),
        ("ADMIN_PORT_7401_TCP", URL),
        ("SERVER_SERVICE_HOST", "10.96.0.12"),
        ("SERVER_PORT", URL),
        ("EU_WEST_PORT_7401_TCP_ADDR", "10.96.0.12"),
        ("MONITOR_URL", "ws://127.0.0.1:7400/ws"),
    ] {
        passed = passed.env(&format!("TICKCAST_{name}"), value);
    }
    assert!(passed.print().starts_with(RIGHT));
    assert!(passed.environment.len() > 10);
    for (name, value) in [
        ("PORTS", URL),
        ("SERVICE", "1"),
        ("PORT_7400", URL),
        ("PORT_WS_TCP", URL),
        ("TCP_ADDR", "10.96.0.12"),
        ("HOST", "0.0.0.0"),
        // What an operator sets, and not Kubernetes.
        ("PORT", "7400"),
        ("MQTT_PORT", "1884"),
        ("ADMIN_PORT", ":7401"),
    ] {
        let other = case().env(&format!("TICKCAST_{name}"), value).settings();
        assert_eq!(other.warnings.len(), 1, "{name}");
    }
    let port = case().env("TICKCAST_PORT", "7400").settings();
    assert_eq!(
        port.warnings,
        ["TICKCAST_PORT is set, but there is no such setting; did you mean TICKCAST_LISTEN?"]
    );
    // Only where it is no setting.
    let settings = case().env("TICKCAST_SHARDS", "2").settings();
    assert_eq!(settings.server.shards, 2);
}

#[test]
fn a_port_that_is_taken_twice_is_refused() {
    let addresses = |listen: &str, admin: &str| {
        case()
            .flags(&["--listen", listen, "--check"])
            .env("TICKCAST_ADMIN", admin)
    };
    let check = |listen: &str, admin: &str| {
        let problems = addresses(listen, admin).problems();
        let expected = format!(
            "TICKCAST_ADMIN {admin} has the same port as listen, {listen}: choose another port"
        );
        assert_eq!(problems, [expected]);
    };
    check("127.0.0.1:7400", "127.0.0.1:7400");
    check("127.0.0.1:7400", "0.0.0.0:7400");
    check("0.0.0.0:7400", "127.0.0.1:7400");
    check("127.0.0.1:7400", "[::]:7400");
    check("0.0.0.0:7400", "[::]:7400");
    check("[::]:7400", "[::1]:7400");
    for (listen, admin) in [
        ("127.0.0.1:7400", "127.0.0.1:7401"),
        ("127.0.0.1:7400", "127.0.0.2:7400"),
        ("0.0.0.0:7400", "[::1]:7400"),
        ("0.0.0.0:0", "0.0.0.0:0"),
    ] {
        assert!(addresses(listen, admin).print().starts_with(RIGHT));
    }
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

/// A flag as `--help` has it.
struct HelpFlag {
    name: String,
    /// With the value, such as `--tape SIZE`.
    usage: String,
    text: String,
    default: Option<String>,
}

/// The flags of `--help` below one heading. A wrapped text is joined again.
fn help_flags(heading: &str) -> Vec<HelpFlag> {
    let help = case().flags(&["--help"]).print();
    let start = help.find(&format!("\n{heading}:\n")).unwrap();
    let section = help[start..].trim_start().split("\n\n").next().unwrap();
    let section = section.split("\n  -h, ").next().unwrap();
    let entries = section.split("\n      --").skip(1);
    let flags = entries.map(|entry| {
        let words: Vec<_> = entry.split_whitespace().collect();
        let named = |word: &str| Some(word.strip_prefix('<')?.strip_suffix('>')?.to_owned());
        let values: Vec<_> = words[1..].iter().map_while(|word| named(word)).collect();
        let mut text = words[1 + values.len()..].join(" ");
        let mut take = |kind: &str| {
            let start = text.find(&format!(" [{kind}: "))?;
            let end = start + text[start..].find(']')?;
            let value = text[start + kind.len() + 4..end].to_owned();
            text.replace_range(start..=end, "");
            Some(value)
        };
        take("env");
        let default = take("default");
        let name = format!("--{}", words[0]);
        let usage = [std::slice::from_ref(&name), &values[..]]
            .concat()
            .join(" ");
        HelpFlag {
            name,
            usage,
            text,
            default,
        }
    });
    flags.collect()
}

#[test]
fn every_setting_has_a_text_and_is_printed_below_it() {
    let feeds = ["--feed", "simulated", "--feed", "mqtt", "--print-config"];
    let printed = case().flags(&feeds).print();
    let mut count = 0;
    for (heading, prefix) in [
        ("Server", "--"),
        ("Log", "--"),
        ("Feed simulated", "--sim-"),
        ("Feed mqtt", "--mqtt-"),
    ] {
        for flag in help_flags(heading) {
            let key = flag.name.strip_prefix(prefix).unwrap().replace('-', "_");
            assert!(flag.text.len() > 10, "{key} has no text");
            let lines = [format!("\n{key} = "), format!("\n# {key} is not set ")];
            let at = lines.iter().find_map(|line| printed.find(line));
            let above = printed[..at.unwrap_or_else(|| panic!("{key} is not in\n{printed}"))]
                .lines()
                .next_back()
                .unwrap();
            assert!(
                above.starts_with("# ") && above.len() > 12,
                "{key}: {above}"
            );
            count += 1;
        }
    }
    assert_eq!(count, 42 + 2 + 4 + 16);
}

fn in_code(default: Option<&str>) -> String {
    match default {
        None => "none".into(),
        Some(text) if text.contains(' ') || text.parse::<u64>().is_ok() => text.into(),
        Some(text) => format!("`{text}`"),
    }
}

fn table(flags: &[HelpFlag]) -> String {
    let rows = flags.iter().map(|flag| {
        let default = in_code(flag.default.as_deref());
        let text = match flag.text.split_once(" [values: ") {
            Some((text, values)) => {
                let (values, rest) = values.split_once(']').unwrap();
                format!("{text}: `{}`{rest}", values.replace(", ", "`, `"))
            }
            None => flag.text.clone(),
        };
        format!("| `{}` | {default} | {text} |\n", flag.usage)
    });
    format!(
        "| flag | default | |\n|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

/// Where a document is.
fn document(name: &str) -> String {
    format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_tables_of_settings_in_the_document_for_operators_are_those_of_the_program() {
    const END: &str = "<!-- end of settings -->";
    let path = document("docs/operations.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut expected = String::new();
    let mut tables = 0;
    for (index, part) in text.split("<!-- settings: ").enumerate() {
        if index == 0 {
            expected.push_str(part);
            continue;
        }
        let (heading, _) = part.split_once(" -->").unwrap();
        let (_, rest) = part.split_once(END).unwrap();
        let flags = help_flags(heading);
        tables += flags.len();
        let table = table(&flags);
        expected.push_str(&format!("<!-- settings: {heading} -->\n{table}{END}{rest}"));
    }
    let help = case().flags(&["--help"]).print();
    assert_eq!(
        tables,
        help.matches("\n      --").count(),
        "a flag is in no table"
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert!(
        text == expected || std::env::var_os("UPDATE_DOCS").is_some(),
        "docs/operations.md has other settings than the program. To renew its tables:\n\
         UPDATE_DOCS=1 cargo test --package tickcast-server --test programs config"
    );
}

#[test]
fn the_table_of_settings_in_the_readme_has_the_defaults_of_the_program() {
    let headings = [
        "Options",
        "Server",
        "Log",
        "Feed simulated",
        "Feed mqtt",
        "Feed replay",
    ];
    let flags: Vec<_> = headings.into_iter().flat_map(help_flags).collect();
    let text = fs::read_to_string(document("README.md")).unwrap();
    let section = text.split_once("\n## Settings\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let mut checked = 0;
    for row in section.lines().filter(|line| line.starts_with("| `--")) {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let (names, defaults) = (cells.next().unwrap(), cells.next().unwrap());
        for (name, default) in names.split(", ").zip(defaults.split(", ")) {
            let name = name.trim_matches('`');
            let flag = flags.iter().find(|flag| flag.name == name);
            let flag = flag.unwrap_or_else(|| panic!("{name} is no flag"));
            assert_eq!(
                default,
                in_code(flag.default.as_deref()),
                "{name} in README.md"
            );
            checked += 1;
        }
        assert_eq!(
            names.split(", ").count(),
            defaults.split(", ").count(),
            "{row}"
        );
    }
    assert!(checked > 15, "{checked}");
}
