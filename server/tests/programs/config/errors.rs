//! Errors of settings: each names the setting and the value, and says which values are right.

use std::{ffi::OsString, fs};

use proptest::prelude::*;
use tickcast_server::config;

use super::case;

/// What a program with these flags and variables, and a file with this text, reports.
fn problems(flags: &[&str], variables: &[(&str, &str)], file: Option<&str>) -> Vec<String> {
    let mut given = case().flags(flags);
    for (name, value) in variables {
        given = given.env(name, value);
    }
    if let Some(text) = file {
        given = given.file(text);
    }
    given.found()
}

#[track_caller]
fn check_file(text: &str, expected: &[&str]) {
    assert_eq!(problems(&[], &[], Some(text)), expected, "{text}");
}

fn help() -> String {
    case().flags(&["--help"]).print()
}

/// All flags with a value, from `--help`.
fn flags() -> Vec<String> {
    let help = help();
    let entries = help.split("\n      --").skip(1);
    let names = entries.filter_map(|entry| {
        let (name, rest) = entry.split_once(' ')?;
        rest.starts_with('<').then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn problems_of_a_file_are_in_its_order_and_begin_alike() {
    check_file(
        "lisen = \"x\"\nshards = 0\n\nping = soon\n\n[[decode]]\nfilter = \"a\"\nformat = \"xml\"\n\n\
         [[feed]]\nkind = \"mqtt\"\n  qos = 7\n\n[[decode]]\nfiltr = \"a\"\n\n[[feed]]\nkind = \"kafka\"\n",
        &[
            "tickcast.toml:1:1: lisen: there is no such setting; did you mean listen?",
            "tickcast.toml:2:1: shards \"0\": expected a number from 1 to 1024",
            "tickcast.toml:4:8: ping: write texts in quotes: ping = \"soon\"",
            "tickcast.toml:8:1: decode.format \"xml\": expected one of auto, fields, number, json, \
             text, bytes, skip, error",
            "tickcast.toml:12:3: feed.qos \"7\": expected a number from 0 to 2",
            "tickcast.toml:15:1: decode.filtr: there is no such setting of [[decode]]; did you mean \
             filter?",
            "tickcast.toml:18:1: feed.kind \"kafka\": expected one of simulated, mqtt, replay, stdin, \
             program, websocket, none",
        ],
    );
}

#[test]
fn the_document_for_operators_shows_what_is_printed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, shown) = text.split_once("```text\n--shards").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let shown = format!("--shards{shown}");
    let file = "listen = 127.0.0.1:7400\n\n\n\n\n\n[[decode]]\nfilter = \"a\"\nformt = \"text\"\n";
    let printed = problems(&["--shards", "0"], &[], Some(file));
    assert_eq!(printed, shown.lines().collect::<Vec<_>>());
}

#[test]
fn a_text_without_quotes_is_shown_with_them() {
    check_file(
        "listen = 127.0.0.1:7400\ntape = 64MiB\norigins = [https://example.org]\n",
        &[
            "tickcast.toml:1:10: listen: write texts in quotes: listen = \"127.0.0.1:7400\"",
            "tickcast.toml:2:8: tape: write texts in quotes: tape = \"64MiB\"",
            "tickcast.toml:3:11: origins: write texts in quotes: origins = [\"https://example.org\"]",
        ],
    );
    check_file(
        "[[feed]]\nkind = mqtt\nurl = \"mqtt://h\"\n",
        &["tickcast.toml:2:8: feed.kind: write texts in quotes: kind = \"mqtt\""],
    );
    check_file(
        "listen: :7401\nshards: 2\nadmin = \"127.0.0.1:7400\"\n[[feed]\nkind = \"stdin\"\n",
        &[
            "tickcast.toml:1:7: listen: write = between key and value: listen = \":7401\"",
            "tickcast.toml:2:7: shards: write = between key and value: shards = 2",
            "tickcast.toml:4:1: feed: write [[feed]]",
        ],
    );
    // What is missing because its line cannot be read is no second problem.
    check_file(
        "[[decode]]\nfilter = plant/#\nformat = \"text\"\n[[decode]]\nformat = \"text\"\n",
        &[
            "tickcast.toml:2:10: decode.filter: write texts in quotes: filter = \"plant/#\"",
            "tickcast.toml:4:1: decode: the key filter is missing",
        ],
    );
    check_file(
        "listen: 127.0.0.1:7400",
        &["tickcast.toml:1:7: listen: write = between key and value: listen = \"127.0.0.1:7400\""],
    );
}

#[test]
fn a_setting_at_the_wrong_place_is_shown_its_place() {
    check_file(
        "mqtt_url = \"mqtt://h\"",
        &[
            "tickcast.toml:1:1: mqtt_url: there is no such setting; in the file, write url in a table \
           [[feed]] with kind = \"mqtt\"",
        ],
    );
    check_file(
        "[[feed]]\nkind = \"stdin\"\nlisten = \":7400\"\n",
        &[
            "tickcast.toml:3:1: feed.listen: there is no such setting of feeds of kind stdin; it is a \
           setting of the server: write it above all tables",
        ],
    );
    check_file(
        "[[feed]]\nkind = \"mqtt\"\nmqtt_url = \"mqtt://h\"\n",
        &[
            "tickcast.toml:3:1: feed.mqtt_url: there is no such setting of feeds of kind mqtt; did you \
           mean url?",
        ],
    );
    check_file(
        "[[feeds]]\nkind = \"stdin\"\n",
        &["tickcast.toml:1:3: feeds: there is no such table; did you mean [[feed]]?"],
    );
    check_file(
        "[server]\nlisten = \":7400\"\n",
        &[
            "tickcast.toml:1:2: server: there is no such table; the server's own settings are above all \
           tables, and tables are [[feed]] with a kind such as \"mqtt\", [[listen]], [[output]], \
           [[decode]], [[liveness]] and [[wills]]",
        ],
    );
    check_file(
        "publish-from = \"loopback\"",
        &["tickcast.toml:1:1: publish-from: there is no such setting; did you mean publish_from?"],
    );
}

#[test]
fn flags_of_other_programs_are_answered_with_ours() {
    let check = |flags: &[&str], end: &str| {
        let problems = problems(flags, &[], None);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].ends_with(end), "{problems:?}");
    };
    check(&["--port", "7400"], "; did you mean --listen?");
    check(
        &["--publish_from", "loopback"],
        "; did you mean --publish-from?",
    );
    check(
        &["tickcast.toml"],
        ": settings are flags, such as --config FILE: see --help",
    );
}

#[test]
fn names_and_all_addresses_can_be_listened_on_and_brokers_need_no_scheme() {
    let listen = |text: &str| {
        let broker = ["--feed", "mqtt", "--mqtt-url", "h:1884"];
        let given = case().flags(&["--listen", text]).flags(&broker);
        given.settings().server.listen.to_string()
    };
    assert_eq!(listen("localhost:7400"), "localhost:7400");
    assert_eq!(listen("unix:/run/t.sock"), "unix:/run/t.sock");
    assert_eq!(listen(":7400"), "0.0.0.0:7400");
    assert_eq!(
        problems(
            &["--listen", ":7400", "--admin", "localhost:7400"],
            &[],
            None
        ),
        ["--admin 127.0.0.1:7400 has the same port as listen, 0.0.0.0:7400: choose another port"]
    );
}

#[test]
fn an_empty_variable_is_an_empty_list() {
    let text = case()
        .flags(&["--check"])
        .env("TICKCAST_SUBSCRIBE_ALLOW", "")
        .env("TICKCAST_PUBLISH_ALLOW", "")
        .print();
    for line in [
        "\n  let clients subscribe to nothing\n",
        "\n  let clients publish to nothing\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn check_tells_what_the_server_will_do() {
    let file = "listen = \":7400\"\nadmin = \"localhost:7401\"\nshards = 3\n\
                publish_allow = [\"lab/#\", \"b\"]\n[[feed]]\nkind = \"mqtt\"\nname = \"plant\"\n\
                url = \"mqtt://me:geheim@h\"\nfilter = \"plant/#\"\n\
                [[decode]]\nfilter = \"a\"\nformat = \"text\"\n";
    let text = case().file(file).flags(&["--check"]).print();
    let expected = "The settings are right. The server will\n  \
        listen on 0.0.0.0:7400 (shards: 3)\n  \
        answer operators on 127.0.0.1:7401\n  \
        run the feed mqtt \"plant\": plant/# at mqtt://me:(hidden)@h:1883\n  \
        let clients subscribe to #\n  \
        let clients on this machine publish to lab/#, b\n  \
        let no web page of another site connect\n  \
        follow 1 of the rules [[decode]]\n  \
        log info\n";
    assert_eq!(text, expected);
}

#[test]
fn help_has_examples_that_check_accepts() {
    let help = help();
    let (_, examples) = help.split_once("\nExamples:\n").unwrap();
    let mut checked = 0;
    for line in examples.lines() {
        let words = line.trim().replace('\'', "");
        let mut words: Vec<_> = words.split(' ').collect();
        let variable = words[0]
            .split_once('=')
            .map(|(name, value)| (name.into(), value.into()));
        words.drain(..usize::from(variable.is_some()));
        assert_eq!(words[0], "tickcast-server", "{line}");
        // These files are the reader's.
        let words = words.iter().map(|word| match *word {
            "tickcast.toml" => OsString::from("/dev/null"),
            word if word.ends_with("=quotes.csv") => {
                let data = concat!(env!("CARGO_MANIFEST_DIR"), "/data/eurusd-quotes.csv");
                format!("market/EUR-USD/quote={data}").into()
            }
            word => word.into(),
        });
        let variables: Vec<(OsString, OsString)> = variable.into_iter().collect();
        let loaded = config::load(words.chain(["--shards".into(), "1".into()]), variables);
        assert!(loaded.is_ok(), "{line}: {loaded:?}");
        checked += 1;
    }
    assert!(checked >= 5, "{help}");
}

/// What says which values are right.
const EXAMPLES: [&str; 4] = ["such as ", "as in ", "expected one of ", " from "];

/// Settings that take any text, the log's, whose parser has tests in `config`, and the flags that
/// take two texts.
const TEXTS: [&str; 14] = [
    "audit",
    "data",
    "make-token",
    "program-shell",
    "websocket-send",
    "websocket-ping-text",
    "websocket-user-agent",
    "mqtt-user",
    "mqtt-password",
    "mqtt-client-id",
    "replay-unit",
    "config",
    "log",
    "try-decode",
];

/// Settings whose values are not repeated: they may have passwords.
const SECRETS: [&str; 5] = [
    "cluster-servers",
    "mqtt-url",
    "program-env",
    "websocket-url",
    "websocket-header",
];

/// Settings that are checked below. Those of TLS belong together, and have tests of their own.
fn checked_flags() -> Vec<String> {
    let mut flags = flags();
    flags.retain(|flag| !TEXTS.contains(&flag.as_str()) && !flag.contains("-tls-"));
    flags
}

#[track_caller]
fn check_errors(value: &str) {
    for flag in &checked_flags() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/ec2-cpu.csv");
        let feed: &[&str] = match flag.split('-').next() {
            Some("sim") => &["--feed", "simulated"],
            Some("mqtt") => &["--feed", "mqtt"],
            Some("program") if flag == "program-run" => &["--feed", "program"],
            Some("program") => &["--feed", "program", "--program-shell", "true"],
            Some("websocket") if flag == "websocket-url" => &["--feed", "websocket"],
            Some("websocket") => &["--feed", "websocket", "--websocket-url", "ws://h"],
            Some("replay") if flag == "replay-file" => &["--feed", "replay"],
            Some("replay") => &["--feed", "replay", "--replay-file", file],
            Some("cluster") if flag != "cluster-servers" => &["--cluster-servers", "h"],
            Some("data" | "durability" | "new") => &["--data", "d"],
            _ if flag == "on-data-failure" => &["--data", "d"],
            _ => &[],
        };
        let name = format!("--{flag}");
        let flags = [feed, &[&name, value]].concat();
        let variable = format!("TICKCAST_{}", flag.replace('-', "_").to_uppercase());
        for (name, lines) in [
            (&name, problems(&flags, &[], None)),
            (
                &variable,
                problems(&flags[..flags.len() - 2], &[(&variable, value)], None),
            ),
        ] {
            // A few settings accept it.
            for line in lines {
                assert!(line.starts_with(name.as_str()), "{name} {value:?}: {line}");
                // The place is one, and there is no log in which it could be.
                if line.contains("it is about logs") {
                    continue;
                }
                // A list or a rule has members, and the error names one.
                let mut members = value.split([',', '=']).map(str::trim).chain([value]);
                let is_shown = members
                    .any(|member| line.contains(member) || line.contains(&format!("{member:?}")));
                let is_secret = SECRETS.contains(&flag.as_str());
                assert!(is_shown || is_secret, "{name} {value:?}: {line}");
                // A name may be right in form, and there is no such file, or it is there twice. A
                // name that resembles a right one is answered with that.
                let is_file = line.contains("(os error ") || line.contains("is named twice");
                let is_corrected = line.contains("; did you mean ");
                let has_example =
                    is_file || is_corrected || EXAMPLES.iter().any(|part| line.contains(part));
                assert!(has_example, "{name} {value:?}: {line}");
            }
        }
    }
}

#[test]
fn every_setting_refuses_something_and_says_what_it_expects() {
    assert!(flags().len() > 40);
    for value in [
        "-1",
        "x y/#/+z",
        "99999999999999999999",
        "1e400",
        ":",
        "=",
        "a=b",
        "~",
        ".",
        "2",
        "+07",
        "=,a=",
    ] {
        check_errors(value);
    }
    // Each setting refuses one of them, so that nothing above was checked in an empty loop.
    for flag in &checked_flags() {
        let feed = match flag.split('-').next() {
            Some("sim") => "simulated",
            Some("mqtt") => "mqtt",
            Some("replay") => "replay",
            Some("program") => "program",
            Some("websocket") => "websocket",
            _ => "none",
        };
        let name = format!("--{flag}");
        let refuses = |value: &&str| {
            let feed = ["--feed", feed];
            let flags = if flag == "feed" {
                &feed[..0]
            } else {
                &feed[..]
            };
            !problems(&[flags, &[&name, value]].concat(), &[], None).is_empty()
        };
        assert!(
            ["x y/#/+z", "a=b", "://"].iter().any(refuses),
            "{name} accepts everything"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 10))]

    #[test]
    fn whatever_the_value_the_error_names_the_setting_and_an_example(value in "[ -9;-~]{1,12}") {
        check_errors(&value);
    }

    #[test]
    fn the_order_of_problems_is_that_of_the_lines(
        lines in proptest::collection::vec(0usize..5, 1..12),
    ) {
        // Each line is wrong in its own way, and none depends on another.
        let text: String = lines.iter().enumerate().map(|(index, kind)| match kind {
            0 => format!("lisen{index} = 1\n"),
            1 => format!("wrong{index} = no quotes\n"),
            2 => format!("[[decode]]\nfilter = \"a{index}#\"\nformat = \"text\"\n"),
            3 => format!("[[feed]]\nkind = \"kafka{index}\"\n"),
            _ => format!("[[liveness]]\nfilter = \"a\"\nexpect_every = \"{index} apples\"\n"),
        }).collect();
        let numbers: Vec<usize> = problems(&[], &[], Some(&text))
            .iter()
            .map(|line| line.split(':').nth(1).unwrap().parse().unwrap())
            .collect();
        // Nothing is known of the keys of a feed of an unknown kind.
        let sure = lines.iter().filter(|kind| **kind != 0).count();
        prop_assert!(numbers.len() >= sure, "{:?} of {}", numbers, text);
        prop_assert!(numbers.is_sorted(), "{:?} of {}", numbers, text);
    }
}
