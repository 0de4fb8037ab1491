use clap::FromArgMatches;

use super::*;
use crate::{feed::mqtt::MqttSettings, settings::field::command};

fn read(flags: &[&str]) -> Result<OutputSettings, String> {
    let matches = command::<OutputKeys>().try_get_matches_from(flags);
    let matches = matches.map_err(|error| error.to_string())?;
    OutputKeys::from_arg_matches(&matches).unwrap().try_into()
}

#[test]
fn an_output_is_for_a_broker_or_for_grafana() {
    let output = read(&["--mqtt=h", "--prefix=home/", "--qos=1", "--every=0s"]).unwrap();
    let Target::Mqtt(target) = &output.target else {
        panic!("{output:?}");
    };
    assert_eq!(
        (output.name.as_str(), target.prefix.as_str()),
        ("mqtt", "home")
    );
    assert!(target.qos == 1 && target.is_retained);
    assert_eq!(target.topic, "home/{topic}".parse().unwrap());
    let every = Duration::ZERO;
    assert_eq!(output.updates, Updates::Latest { every });
    let output = read(&["--grafana=https://g/api/live/push/s"]).unwrap();
    let Target::Grafana(target) = &output.target else {
        panic!("{output:?}");
    };
    assert_eq!(target.url.to_string(), "https://g/api/live/push/s");
    for (flags, expected) in [
        (&["--qos=1"][..], "neither mqtt nor grafana"),
        (&["--mqtt=h", "--grafana=http://g/s"], "write two"),
        (&["--mqtt=h", "--qos=3"], "0 to 2"),
        (&["--mqtt=h", "--prefix=a/#"], "levels of a topic"),
        (&["--mqtt=h", "--tls_insecure=true"], "with TLS"),
        (&["--mqtt=h", "--token_file=f"], "is for Grafana"),
        (
            &["--mqtt=h", "--discovery=h", "--payload=json"],
            "plain values",
        ),
        (
            &["--mqtt=h", "--discovery=h", "--prefix="],
            "needs a prefix",
        ),
        (&["--grafana=ftp://g/s"], "expected a URL"),
        (&["--grafana=http://g"], "expected a URL"),
        (&["--grafana=http://g/push/"], "expected a URL"),
        (&["--grafana=http://g/s?key=1"], "without a query"),
        (
            &["--grafana=http://g/s", "--discovery=h"],
            "is for a broker",
        ),
        (
            &["--grafana=http://g/s", "--topic={topic}"],
            "is for a broker",
        ),
        (&["--grafana=http://g/s", "--mode=every"], "is for a broker"),
        (
            &["--grafana=http://g/s", "--prefix=a"],
            "prefix is for a broker",
        ),
        (
            &["--grafana=http://g/s", "--payload=json"],
            "payload is for a broker",
        ),
        (
            &["--grafana=http://g/s", "--retained=false"],
            "retained is for a broker",
        ),
        (&["--grafana=http://g/s", "--qos=1"], "qos is for a broker"),
        (
            &["--grafana=http://g/s", "--version=5"],
            "version is for a broker",
        ),
        (
            &["--grafana=http://g/s", "--token_file=/nowhere/token"],
            "token_file: cannot read",
        ),
        (&["--mqtt=h", "--mode=all"], "latest, every"),
        (&["--mqtt=h", "--mode=every", "--every=1s"], "newest values"),
        (&["--mqtt=h", "--queue_max=5"], "for each update"),
        (
            &["--mqtt=h", "--mode=every", "--queue_max=0"],
            "1 to 1000000",
        ),
        (
            &["--mqtt=h", "--discovery=h", "--mode=every"],
            "set mode = \"latest\"",
        ),
        (
            &["--mqtt=h", "--discovery=h", "--topic=x/{1}"],
            "a topic with {topic}",
        ),
        (&["--mqtt=h", "--topic=x/{9"], "without the other"),
        (&["--mqtt=h", "--topic=x"], "all topics would go to"),
    ] {
        let error = read(flags).unwrap_err();
        assert!(error.contains(expected), "{flags:?}: {error}");
    }
}

#[test]
fn an_output_that_would_feed_itself_is_refused() {
    let loops = |flags: &[&str], url: &str, filter: &str| {
        let feed = FeedSettings {
            name: "plant".into(),
            source: Source::Mqtt(MqttSettings {
                url: url.parse().unwrap(),
                filters: vec![Filter::new(filter).unwrap()],
                ..MqttSettings::default()
            }),
        };
        let checked = read(flags).unwrap().check_loop(&[feed]);
        checked.is_err_and(|error| error.contains("the feed plant takes"))
    };
    let here = "localhost:1883";
    assert!(loops(&["--mqtt=127.0.0.1"], here, "#"));
    assert!(loops(&["--mqtt=localhost"], here, "tickcast/#"));
    assert!(loops(&["--mqtt=LOCALHOST", "--prefix="], here, "plant/#"));
    assert!(loops(
        &["--mqtt=localhost", "--discovery=homeassistant"],
        here,
        "homeassistant/#"
    ));
    assert!(!loops(&["--mqtt=localhost"], here, "plant/#"));
    let site = &["--mqtt=localhost", "--topic=site/{topic}"];
    assert!(loops(site, here, "site/plant"));
    assert!(loops(site, here, "tickcast/status/+"));
    assert!(!loops(site, here, "tickcast/plant"));
    // A host of Sparkplug subscribes to more than its filters.
    let sparkplug = FeedSettings {
        name: "cells".into(),
        source: Source::Mqtt(MqttSettings {
            filters: vec![Filter::new("plant/#").unwrap()],
            sparkplug: Some("host".into()),
            ..MqttSettings::default()
        }),
    };
    let output = read(&["--mqtt=localhost", "--prefix=spBv1.0"]).unwrap();
    assert!(output.check_loop(&[sparkplug]).is_err());
    assert!(!loops(&["--mqtt=localhost:1884"], here, "#"));
    assert!(!loops(&["--mqtt=other"], here, "#"));
    let apart = &["--mqtt=localhost", "--prefix=", "--filter=b/#"];
    assert!(!loops(apart, here, "a/#"));
}

#[test]
fn each_update_is_sent_with_a_bounded_queue() {
    let output = read(&["--mqtt=h", "--mode=every", "--qos=2"]).unwrap();
    let queue_max = QUEUE_DEFAULT;
    assert_eq!(output.updates, Updates::Every { queue_max });
    let output = read(&["--mqtt=h", "--mode=every", "--queue_max=7"]).unwrap();
    assert_eq!(output.updates, Updates::Every { queue_max: 7 });
}
