//! A subscriber of Mosquitto's own, which remembers the messages of each topic.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{Arc, Mutex},
};

use tickcast_server_testkit::until;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A message: whether it was retained, and its payload.
type Message = (bool, String);

/// The subscriber, which ends when the test drops it.
pub(crate) struct Reader {
    all: Arc<Mutex<BTreeMap<String, Vec<Message>>>>,
    _child: Child,
}

impl Reader {
    /// Subscribes to everything.
    pub(crate) fn start(port: u16) -> Self {
        let mut child = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", "#"])
            .args(["-q", "2", "-F", "%r %t %p"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("mosquitto_sub is installed");
        let all = Arc::<Mutex<BTreeMap<String, Vec<_>>>>::default();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let written = Arc::clone(&all);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut parts = line.splitn(3, ' ');
                let [retained, topic, payload] =
                    [(); 3].map(|()| parts.next().unwrap_or_default().to_owned());
                let mut all = written.lock().unwrap();
                all.entry(topic)
                    .or_default()
                    .push((retained == "1", payload));
            }
        });
        Self { all, _child: child }
    }

    /// The last message of a topic.
    pub(crate) fn last(&self, topic: &str) -> Option<Message> {
        self.all.lock().unwrap().get(topic)?.last().cloned()
    }

    /// The payloads of all messages of a topic, in order.
    pub(crate) fn payloads(&self, topic: &str) -> Vec<String> {
        let all = self.all.lock().unwrap();
        let messages = all.get(topic).into_iter().flatten();
        messages.map(|(_, payload)| payload.clone()).collect()
    }

    /// All topics below a prefix.
    pub(crate) fn topics(&self, prefix: &str) -> Vec<String> {
        let all = self.all.lock().unwrap();
        let topics = all.keys().filter(|topic| topic.starts_with(prefix));
        topics.cloned().collect()
    }

    /// Waits until the last message of a topic has this payload.
    pub(crate) async fn until(&self, topic: &str, payload: &str) {
        let what = format!("{topic} is {payload}");
        let is = async || self.last(topic).is_some_and(|(_, last)| last == payload);
        until(&what, is).await;
    }
}
