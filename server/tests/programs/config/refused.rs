//! Wrong settings are refused by name: flags, variables, keys of the file, filters of the log and
//! ports that are taken twice.

use super::{Case, RIGHT, case, check_problem, precedence::TWO_BROKERS};

#[test]
fn a_setting_that_has_no_effect_without_another_one_is_refused() {
    let check = |flags: &[&str], expected: &str| check_problem(&case().flags(flags), expected);
    for flag in [
        "--durability=synced",
        "--data-bytes=1GiB",
        "--data-age=1h",
        "--new-epoch=true",
    ] {
        let name = flag.split('=').next().unwrap();
        let text = format!("{name} has no effect without data: set data, or leave it out");
        check(&[flag], &text);
        let with_data = case().flags(&[flag, "--data", "d"]);
        assert_eq!(with_data.found(), [""; 0]);
    }
    check(
        &["--cluster-replicas", "3"],
        "--cluster-replicas has no effect without cluster_servers: set cluster_servers, or leave \
         it out",
    );
    check_problem(
        &case().file("on_data_failure = \"go-on\"\n"),
        "tickcast.toml:1:1: on_data_failure has no effect without data: set data, or leave it out",
    );
    // What --print-config has printed is right again.
    let printed = case().flags(&["--print-config"]).print();
    assert_eq!(case().file(&printed).found(), [""; 0]);
}

#[test]
fn a_path_that_is_empty_is_said_to_be() {
    for name in ["audit", "data", "identities"] {
        let expected = format!("--{name} \"\": it is empty: give it a value, or leave it out");
        check_problem(&case().flags(&[&format!("--{name}"), ""]), &expected);
    }
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
    check(
        &["--decode", "a=json,value=/x,value=/y"],
        "--decode \"a=json,value=/x,value=/y\": value is given twice",
    );
    check(
        &["--decode", "a=json,value=/x,filter=b"],
        "--decode \"a=json,value=/x,filter=b\": filter is given twice",
    );
    check(
        &["--liveness", "a=5s,expect_every=3s"],
        "--liveness \"a=5s,expect_every=3s\": expect_every is given twice",
    );
    check(
        &["--liveness", "a=5s,dead_after=1m,dead_after=2m"],
        "--liveness \"a=5s,dead_after=1m,dead_after=2m\": dead_after is given twice",
    );
    check(
        &["--decode", "a=json,price=/p,size=/s,round=19"],
        "--decode: round \"19\": expected a number from 0 to 18",
    );
    for pattern in ["", "%", "%K", "%H:%M", "%Y-%m"] {
        check(
            &[
                "--decode",
                &format!("a=json,value=/x,time=/t,time_format={pattern}"),
            ],
            &format!(
                "--decode: time_format {pattern:?}: expected a pattern of strftime(3) that tells a \
                 date, as in %d.%m.%Y %H:%M"
            ),
        );
    }
    check(
        &[
            "--decode",
            "a=json,value=/x,time=/t,time_unit=s,time_format=%s",
        ],
        "--decode: time_unit and time_format say the same thing twice",
    );
    check(
        &["--decode", "a=json,topic=x/+/{/y},value=/x"],
        "--decode: topic \"x/+/{/y}\": '+' cannot be in a topic: write parts of the payload as in \
         \"market/{/symbol}/trade\"",
    );
}

#[test]
fn flags_that_cannot_be_meant_come_before_what_is_wrong_with_them() {
    for (flags, expected) in [
        (
            &["--lisen", "x"][..],
            "--lisen: there is no such flag; did you mean --listen?",
        ),
        (
            &["--lisen=x"],
            "--lisen: there is no such flag; did you mean --listen?",
        ),
        (&["-q"], "-q: there is no such flag"),
        (
            &["here"],
            "\"here\": settings are flags, such as --config FILE: see --help",
        ),
        (
            &["--log", "info", "--log", "debug"],
            "--log: it is given twice",
        ),
        (&["--log"], "--log: its value is missing"),
        (&["--check=1"], "--check: it takes no value"),
    ] {
        assert_eq!(case().flags(flags).problems(), [expected], "{flags:?}");
    }
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
        // Those of the command and of the monitor, from the same shell.
        .env("TICKCAST_URL", "ws://h/ws")
        .env("TICKCAST_CA", "ca.pem")
        .env("TICKCAST_TOKEN", "tct_x")
        .env("TICKCAST_TOKEN_FILE", "token")
        .env("TICKCAST_MONITOR_URL", "ws://h/ws")
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
