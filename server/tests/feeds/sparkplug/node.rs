//! A node of Sparkplug, written from the specification and apart from the server's code.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::{Message, Oneof};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use tickcast_server_testkit::soon;
use tokio::{sync::mpsc, task::JoinHandle};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Payload {
    #[prost(uint64, optional, tag = "1")]
    pub(super) timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) seq: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) alias: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub(super) datatype: Option<u32>,
    #[prost(bool, optional, tag = "5")]
    pub(super) is_historical: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub(super) is_null: Option<bool>,
    #[prost(message, optional, tag = "9")]
    pub(super) properties: Option<PropertySet>,
    #[prost(oneof = "Value", tags = "10, 11, 13, 14, 16, 17, 18")]
    pub(super) value: Option<Value>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Value {
    #[prost(uint32, tag = "10")]
    Int(u32),
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Boolean(bool),
    #[prost(bytes = "vec", tag = "16")]
    Bytes(Vec<u8>),
    #[prost(message, tag = "17")]
    DataSet(DataSet),
    #[prost(message, tag = "18")]
    Template(Template),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DataSet {
    #[prost(uint64, optional, tag = "1")]
    pub(super) columns_count: Option<u64>,
    #[prost(string, repeated, tag = "2")]
    pub(super) columns: Vec<String>,
    #[prost(uint32, repeated, packed = "false", tag = "3")]
    pub(super) types: Vec<u32>,
    #[prost(message, repeated, tag = "4")]
    pub(super) rows: Vec<Row>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(message, repeated, tag = "1")]
    pub(super) cells: Vec<Cell>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Cell {
    #[prost(double, optional, tag = "4")]
    pub(super) double: Option<f64>,
    #[prost(string, optional, tag = "6")]
    pub(super) string: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Template {
    #[prost(string, optional, tag = "1")]
    pub(super) version: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
    #[prost(string, optional, tag = "4")]
    pub(super) template_ref: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertySet {
    #[prost(string, repeated, tag = "1")]
    pub(super) keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<PropertyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertyValue {
    #[prost(uint32, optional, tag = "1")]
    pub(super) datatype: Option<u32>,
    #[prost(string, optional, tag = "8")]
    pub(super) string_value: Option<String>,
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() as u64
}

/// A metric of a birth: name, alias and value.
pub(super) fn defined(name: &str, alias: u64, value: f64) -> Metric {
    Metric {
        name: Some(name.into()),
        datatype: Some(10),
        ..valued(alias, value)
    }
}

/// A metric of data.
pub(super) fn valued(alias: u64, value: f64) -> Metric {
    Metric {
        alias: Some(alias),
        value: Some(Value::Double(value)),
        ..Metric::default()
    }
}

pub(super) fn session(number: u64) -> Metric {
    Metric {
        name: Some("bdSeq".into()),
        datatype: Some(4),
        value: Some(Value::Long(number)),
        ..Metric::default()
    }
}

/// A client of the broker.
pub(super) struct Client {
    client: AsyncClient,
    messages: mpsc::Receiver<(String, Vec<u8>)>,
    task: JoinHandle<()>,
}

impl Client {
    /// Connects and subscribes.
    pub(super) async fn start(port: u16, will: Option<LastWill>, filter: &str) -> Self {
        let id = format!("test{:x}", rand::random::<u64>());
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(5));
        // 10 KiB without this.
        options.set_max_packet_size(256 * 1024, 256 * 1024);
        if let Some(will) = will {
            options.set_last_will(will);
        }
        let (client, mut events) = AsyncClient::new(options, 64);
        client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        soon("the broker answers", async {
            while !matches!(
                events.poll().await.unwrap(),
                Event::Incoming(Packet::SubAck(_))
            ) {}
        })
        .await;
        let (sender, messages) = mpsc::channel(1024);
        let task = tokio::spawn(receive(events, sender));
        Self {
            client,
            messages,
            task,
        }
    }

    pub(super) async fn publish(&self, topic: &str, payload: Vec<u8>) {
        let sent = self.client.publish(topic, QoS::AtLeastOnce, false, payload);
        sent.await.unwrap();
    }

    /// The next message of its subscription.
    pub(super) async fn next(&mut self) -> (String, Vec<u8>) {
        soon("a message", self.messages.recv()).await.unwrap()
    }
}

impl Drop for Client {
    /// As if it were killed: the connection ends without a goodbye, and the broker publishes its
    /// will.
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(mut events: EventLoop, sender: mpsc::Sender<(String, Vec<u8>)>) {
    while let Ok(event) = events.poll().await {
        if let Event::Incoming(Packet::Publish(message)) = event {
            // The test may have ended.
            let _ = sender.send((message.topic, message.payload.to_vec())).await;
        }
    }
}

/// A node of group `Plant`.
pub(super) struct Node {
    name: &'static str,
    client: Client,
    session: u64,
    seq: u64,
}

impl Node {
    /// Connects, with its death as its will.
    pub(super) async fn start(port: u16, name: &'static str, session: u64) -> Self {
        let will = LastWill::new(
            format!("spBv1.0/Plant/NDEATH/{name}"),
            death(session),
            QoS::AtLeastOnce,
            false,
        );
        let commands = format!("spBv1.0/Plant/NCMD/{name}");
        let client = Client::start(port, Some(will), &commands).await;
        Self {
            name,
            client,
            session,
            seq: 0,
        }
    }

    /// Publishes its birth.
    pub(super) async fn birth(&mut self, metrics: Vec<Metric>) {
        self.seq = 0;
        let metrics = [vec![session(self.session)], metrics].concat();
        self.publish("NBIRTH", None, metrics).await;
    }

    /// Publishes a message of its sequence, of the node or a device.
    pub(super) async fn publish(&mut self, kind: &str, device: Option<&str>, metrics: Vec<Metric>) {
        let name = self.name;
        let mut topic = format!("spBv1.0/Plant/{kind}/{name}");
        if let Some(device) = device {
            topic = format!("{topic}/{device}");
        }
        let payload = Payload {
            timestamp: Some(now_ms()),
            metrics,
            seq: Some(self.seq),
        };
        self.seq = (self.seq + 1) % 256;
        self.client.publish(&topic, payload.encode_to_vec()).await;
    }

    /// Publishes any bytes to any topic, outside of its sequence.
    pub(super) async fn publish_bytes(&self, topic: &str, payload: Vec<u8>) {
        self.client.publish(topic, payload).await;
    }

    /// Publishes data that get lost on their way.
    pub(super) fn lose(&mut self) {
        self.seq = (self.seq + 1) % 256;
    }

    /// Publishes the death of a session, as a broker does that has noticed it late.
    pub(super) async fn publish_death(&self, session: u64) {
        let topic = format!("spBv1.0/Plant/NDEATH/{}", self.name);
        self.client.publish(&topic, death(session)).await;
    }

    /// Waits for the command to be born again.
    pub(super) async fn rebirth_asked(&mut self) {
        let (topic, command) = self.client.next().await;
        assert_eq!(topic, format!("spBv1.0/Plant/NCMD/{}", self.name));
        let command = Payload::decode(command.as_slice()).unwrap();
        let [metric] = command.metrics.as_slice() else {
            panic!("{command:?}");
        };
        assert_eq!(metric.name.as_deref(), Some("Node Control/Rebirth"));
        assert_eq!(metric.value, Some(Value::Boolean(true)));
    }
}

fn death(number: u64) -> Vec<u8> {
    let payload = Payload {
        timestamp: Some(now_ms()),
        metrics: vec![session(number)],
        seq: None,
    };
    payload.encode_to_vec()
}
