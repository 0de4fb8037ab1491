//! The values of all datatypes, units, times and compressed payloads.

use std::io::Write;

use bytes::Bytes;
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use prost::Message as _;

use super::sender::{World, metric, payload, text, updates};
use crate::feed::sparkplug::payload::{
    Cell, CellValue, DataSet, Metric, MetricValue, Parameter, ParameterValue, Payload, PropertySet,
    PropertyValue, Row, Template,
};

const NBIRTH: &str = "spBv1.0/G/NBIRTH/E";

/// Properties that are texts or numbers.
pub(super) fn properties(pairs: &[(&str, Result<&str, u32>)]) -> PropertySet {
    let value = |value: &Result<&str, u32>| PropertyValue {
        int_value: value.err(),
        string_value: value.ok().map(Into::into),
        ..PropertyValue::default()
    };
    PropertySet {
        keys: pairs.iter().map(|(key, _)| (*key).into()).collect(),
        values: pairs.iter().map(|(_, text)| value(text)).collect(),
    }
}

#[track_caller]
fn check(metric: Metric, expected: &str) {
    let mut world = World::new();
    let outcome = world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), vec![metric]));
    assert_eq!(
        updates(&outcome),
        [format!("G/E/m={expected}")],
        "{outcome:?}"
    );
}

#[test]
fn each_datatype_has_its_value() {
    let m = |datatype, value| metric("m", datatype, value);
    check(m(1, MetricValue::Int(0xff)), "-1");
    check(m(4, MetricValue::Long(1 << 53)), "9007199254740992");
    check(m(9, MetricValue::Float(21.6)), "21.6");
    check(m(10, MetricValue::Double(f64::NAN)), "absent NaN");
    check(m(11, MetricValue::Boolean(true)), "true");
    check(m(12, MetricValue::Text("21.5".into())), "21.5");
    check(m(13, MetricValue::Long(0)), "1970-01-01T00:00:00.000Z");
    check(
        m(17, MetricValue::Bytes(Bytes::from_static(b"ab"))),
        "Bytes([97, 98])",
    );
    check(
        m(27, MetricValue::Bytes(Bytes::from_static(&[1, 0, 2, 0]))),
        "[1,2]",
    );
    let null = Metric {
        is_null: Some(true),
        value: None,
        ..m(10, MetricValue::Int(0))
    };
    check(null, "absent null");
    let table = DataSet {
        columns: vec!["a".into(), "b".into()],
        types: vec![3, 12],
        rows: vec![Row {
            elements: vec![
                Cell {
                    value: Some(CellValue::Int(u32::MAX)),
                },
                Cell {
                    value: Some(CellValue::Text("x".into())),
                },
            ],
        }],
    };
    let expected = r#"{"columns":["a","b"],"rows":[[-1,"x"]]}"#;
    check(m(16, MetricValue::DataSet(table)), expected);
    let template = Template {
        template_ref: Some("Motor".into()),
        parameters: vec![Parameter {
            name: Some("index".into()),
            datatype: Some(3),
            value: Some(ParameterValue::Int(1)),
        }],
        metrics: vec![
            metric("speed", 9, MetricValue::Float(1450.5))
                .encode_to_vec()
                .into(),
            metric(
                "bits",
                32,
                MetricValue::Bytes(Bytes::from_static(&[2, 0, 0, 0, 0x80])),
            )
            .encode_to_vec()
            .into(),
        ],
        ..Template::default()
    };
    let expected = r#"{"template":"Motor","parameters":{"index":1},"metrics":{"speed":1450.5,"bits":[true,false]}}"#;
    check(m(19, MetricValue::Template(template)), expected);
}

#[test]
fn whole_numbers_that_a_reading_cannot_hold_are_counted_as_rounded() {
    let mut world = World::new();
    let metrics = vec![
        metric("exact", 8, MetricValue::Long(1 << 60)),
        metric("rounded", 8, MetricValue::Long((1 << 60) + 1)),
        metric(
            "negative",
            4,
            MetricValue::Long(((1 << 53) + 1u64).wrapping_neg()),
        ),
    ];
    let outcome = world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), metrics));
    assert_eq!(
        (outcome.decoded.updates.len(), outcome.decoded.rounded),
        (3, 2)
    );
}

#[test]
fn a_metric_that_cannot_be_read_spoils_no_other() {
    let mut world = World::new();
    let mut deep = text(Some("deep"), None, "x");
    for _ in 0..9 {
        let template = Template {
            metrics: vec![deep.encode_to_vec().into()],
            ..Template::default()
        };
        deep = metric("deep", 19, MetricValue::Template(template));
    }
    let metrics = [
        metric("a", 1, MetricValue::Text("x".into())),
        metric("b", 99, MetricValue::Int(1)),
        metric("c", 23, MetricValue::Bytes(Bytes::from_static(b"abc"))),
        Metric {
            value: None,
            ..metric("d", 3, MetricValue::Int(1))
        },
        deep,
        metric("good", 3, MetricValue::Int(1)),
    ];
    let mut encoded: Vec<Bytes> = metrics
        .iter()
        .map(|metric| metric.encode_to_vec().into())
        .collect();
    encoded.push(Bytes::from_static(b"\x0a\xff"));
    let message = Payload {
        metrics: encoded,
        seq: Some(0),
        ..Payload::default()
    };
    let outcome = world.outcome(NBIRTH, &message.encode_to_vec().into());
    assert_eq!(updates(&outcome), ["G/E/good=1"]);
    assert_eq!(
        outcome.decoded.errors.len(),
        6,
        "{:?}",
        outcome.decoded.errors
    );
}

#[test]
fn units_come_from_the_properties_of_the_birth() {
    for key in ["engUnit", "Engineering Units", "unit", "engineering_unit"] {
        let mut world = World::new();
        let define = Metric {
            properties: Some(properties(&[("x", Ok("y")), (key, Ok("°C"))])),
            alias: Some(1),
            ..metric("t", 9, MetricValue::Float(1.0))
        };
        let outcome = world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), vec![define]));
        assert_eq!(
            outcome.decoded.updates[0].unit.as_deref(),
            Some("°C"),
            "{key}"
        );
    }
}

#[test]
fn a_metric_has_its_own_time_or_that_of_its_message_unless_it_is_impossible() {
    let mut world = World::new();
    let now_ms = world.now_ms();
    let at = |ms| Metric {
        timestamp: ms,
        ..text(Some("m"), None, "x")
    };
    let metrics = vec![
        at(Some(now_ms - 5)),
        at(None),
        at(Some(1)),
        at(Some(u64::MAX)),
    ];
    let outcome = world.outcome(NBIRTH, &payload(Some(0), now_ms - 1, metrics));
    let times = outcome.decoded.updates.iter();
    let times: Vec<_> = times
        .map(|update| {
            update
                .source_time_ns
                .map(|ns| now_ms as i64 - ns / 1_000_000)
        })
        .collect();
    assert_eq!(times, [Some(5), Some(1), None, None]);
    assert_eq!(outcome.decoded.times_ignored, 2);
}

fn compressed(body: Vec<u8>, algorithm: Option<&str>) -> Bytes {
    let algorithm = algorithm.map(|name| text(Some("algorithm"), None, name));
    let payload = Payload {
        uuid: Some("SPBV1.0_COMPRESSED".into()),
        seq: Some(0),
        body: Some(body.into()),
        metrics: algorithm
            .iter()
            .map(|metric| metric.encode_to_vec().into())
            .collect(),
        ..Payload::default()
    };
    payload.encode_to_vec().into()
}

#[test]
fn compressed_payloads_are_expanded_up_to_a_limit() {
    let inner = payload(None, 0, vec![text(Some("a"), None, "1")]);
    let level = Compression::default();
    let mut zlib = ZlibEncoder::new(Vec::new(), level);
    zlib.write_all(&inner).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), level);
    raw.write_all(&inner).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), level);
    gzip.write_all(&inner).unwrap();
    for (body, algorithm) in [
        (zlib.finish().unwrap(), None),
        (raw.finish().unwrap(), Some("DEFLATE")),
        (gzip.finish().unwrap(), Some("gzip")),
    ] {
        let mut world = World::new();
        let outcome = world.outcome(NBIRTH, &compressed(body, algorithm));
        assert_eq!(updates(&outcome), ["G/E/a=1"], "{algorithm:?}");
    }
    let mut bomb = ZlibEncoder::new(Vec::new(), level);
    bomb.write_all(&vec![0; 10 << 20]).unwrap();
    for (body, algorithm) in [
        (bomb.finish().unwrap(), None),
        (b"no zlib".to_vec(), None),
        (vec![], Some("LZ4")),
    ] {
        let mut world = World::new();
        let outcome = world.outcome(NBIRTH, &compressed(body, algorithm));
        assert_eq!(outcome.decoded.errors.len(), 1, "{algorithm:?}");
    }
}
