//! The forms of metrics: tables, structures, arrays, names, and values of the past.

use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, HistoryRequest, Mode, Quality, ServerMessage, Update},
    topic::Topic,
    value::Value as TopicValue,
};
use tickcast_server::testing::mqtt::MqttVersion;
use tickcast_server_testkit::{
    broker::Broker,
    raw::get,
    subscriber::{Subscriber, answer, number},
};

use super::{
    node::{Cell, DataSet, Metric, Node, Row, Template, Value, defined, now_ms, valued},
    setup::{OPEN, born, host, host_program, reading, settled},
};

fn metric(name: &str, datatype: u32, value: Value) -> Metric {
    Metric {
        name: Some(name.into()),
        datatype: Some(datatype),
        value: Some(value),
        ..Metric::default()
    }
}

#[tokio::test]
async fn tables_structures_and_arrays_are_json_text() {
    let broker = Broker::start(OPEN);
    let mut feed = host(&broker, MqttVersion::V5).await;
    let mut node = Node::start(broker.port, "boiler", 1).await;
    let cell = |double, string: Option<&str>| Cell {
        double,
        string: string.map(Into::into),
    };
    let table = DataSet {
        columns_count: Some(2),
        columns: vec!["time".into(), "state".into()],
        types: vec![10, 12],
        rows: vec![
            Row {
                cells: vec![cell(Some(0.5), None), cell(None, Some("\"on\""))],
            },
            Row {
                cells: vec![cell(Some(1.0), None), cell(None, None)],
            },
        ],
    };
    let motor = Template {
        version: Some("1".into()),
        metrics: vec![
            metric("speed", 10, Value::Double(1450.0)),
            metric("table", 16, Value::DataSet(DataSet::default())),
        ],
        template_ref: Some("Motor".into()),
    };
    let metrics = vec![
        metric("log", 16, Value::DataSet(table)),
        metric("motor", 19, Value::Template(motor)),
        metric("counts", 23, Value::Bytes(vec![0xff, 0xff, 1, 0])),
        metric("pressure", 2, Value::Int(0xffff)),
    ];
    node.birth(metrics).await;
    let updates = feed.take(4).await;
    let texts = [
        r#"{"columns":["time","state"],"rows":[[0.5,"\"on\""],[1.0,null]]}"#,
        concat!(
            r#"{"template":"Motor","version":"1","metrics":"#,
            r#"{"speed":1450.0,"table":{"columns":[],"rows":[]}}}"#
        ),
        "[-1,1]",
    ];
    for (update, text) in updates.iter().zip(texts) {
        assert_eq!(update.value, TopicValue::Text(text.into()));
    }
    assert_eq!(reading(&updates[3]), ("Plant/boiler/pressure", -1.0));
    let metrics = feed.metrics.clone();
    feed.stop().await;
    settled(&metrics);
}

#[tokio::test]
async fn names_become_levels_and_what_a_topic_cannot_have_is_replaced() {
    let broker = Broker::start(OPEN);
    let (mut feed, mut node) = born(&broker, MqttVersion::V3).await;
    let names = ["Motor/1/speed", "a+b#c\0d", "a_b_c_d", "/", "x//y", "°C ü"];
    let metrics = names.iter().zip(10..);
    let metrics = metrics.map(|(name, alias)| defined(name, alias, alias as f64));
    node.birth(metrics.collect()).await;
    let updates = feed.take(names.len()).await;
    let topics: Vec<_> = updates.iter().map(|update| update.topic.as_str()).collect();
    let expected = [
        "Plant/boiler/Motor/1/speed",
        "Plant/boiler/a_b_c_d",
        "Plant/boiler/a_b_c_d_2",
        "Plant/boiler//",
        "Plant/boiler/x//y",
        "Plant/boiler/°C ü",
    ];
    assert_eq!(topics, expected);
    // Aliases keep them apart.
    node.publish("NDATA", None, vec![valued(11, 1.0), valued(12, 2.0)])
        .await;
    let updates = feed.take(2).await;
    assert_eq!(reading(&updates[0]), (expected[1], 1.0));
    assert_eq!(reading(&updates[1]), (expected[2], 2.0));
    feed.stop().await;
}

#[tokio::test]
async fn a_sequence_wraps_from_255_to_0_without_a_gap() {
    let broker = Broker::start(OPEN);
    let (mut feed, mut node) = born(&broker, MqttVersion::V3).await;
    for number in 0..600 {
        node.publish("NDATA", None, vec![valued(1, number.into())])
            .await;
    }
    let updates = feed.take(600).await;
    let numbers: Vec<_> = updates.iter().map(|update| reading(update).1).collect();
    assert!(numbers.iter().copied().eq((0..600).map(f64::from)));
    let counts = &feed.metrics.sparkplug;
    let counts = [
        &counts.gaps,
        &counts.late,
        &counts.rebirths,
        &counts.unresolved,
    ];
    assert_eq!(counts.map(|number| number.get()), [0; 4]);
    feed.stop().await;
}

#[tokio::test]
async fn a_historical_value_is_in_the_history_and_is_not_the_newest() {
    let broker = Broker::start(OPEN);
    let server = host_program(&broker).await;
    let topic = "Plant/boiler/temp";
    let mut every = Subscriber::start(&server.url(), Encoding::Json, "Plant/#", Mode::Every).await;
    let mut node = Node::start(broker.port, "boiler", 1).await;
    node.birth(vec![defined("temp", 1, 20.0)]).await;
    let old_ms = now_ms() - 3_600_000;
    let old = Metric {
        is_historical: Some(true),
        timestamp: Some(old_ms),
        ..valued(1, 15.0)
    };
    node.publish("NDATA", None, vec![old]).await;
    let mut updates = Vec::new();
    while updates.len() < 2 {
        updates.extend(every.updates().await);
    }
    let found = |update: &Update<Topic>| (number(update), update.quality);
    let expected = [(20.0, Quality::Live), (15.0, Quality::Historical)];
    assert!(updates.iter().map(found).eq(expected));
    assert_eq!(updates[1].source_time_ns, Some(old_ms as i64 * 1_000_000));

    let latest = get(server.address, "/v1/latest?filter=Plant/%23").await;
    assert!(
        latest.body.contains("{\"reading\":20.0}"),
        "{}",
        latest.body
    );
    let mut latest =
        Subscriber::start(&server.url(), Encoding::Json, "Plant/#", Mode::Latest).await;
    assert!(latest.updates().await.iter().map(found).eq([expected[0]]));

    let request = ClientMessage::History(HistoryRequest {
        id: 2,
        topic: topic.into(),
        before: None,
        limit: None,
    });
    every.connection.send(&request).await.unwrap();
    let history = answer(&mut every.connection, |message| match message {
        ServerMessage::History(history) => Some(history),
        _ => None,
    })
    .await;
    assert!(history.updates.iter().map(found).eq(expected));
}
