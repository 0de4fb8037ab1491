//! Devices that describe their series, through the real Mosquitto, as clients see them.

use tickcast_server_testkit::{Program, broker::Broker, raw::get, until};

const HALL: &str = r#"{"temperature":21.5,"humidity":40,"battery":null}"#;

const DEVICES: &str = r#"[{"friendly_name":"hall","definition":{"exposes":[
    {"name":"temperature","label":"Temperature","property":"temperature","unit":"°C","access":1},
    {"name":"humidity","label":"Humidity","property":"humidity","unit":"%","access":1}]}}]"#;

const DISCOVERY: &str = r#"{"dev":{"name":"Hall"},"dev_cla":"temperature","stat_t":"zigbee2mqtt/hall",
    "unit_of_meas":"°C","stat_cla":"measurement","val_tpl":"{{ value_json.temperature }}"}"#;

/// Waits until `/v1/latest` has texts.
async fn until_latest(server: &Program, texts: &[&str]) {
    until("the newest values are known", async || {
        let body = get(server.address, "/v1/latest?filter=zigbee2mqtt/hall/%23")
            .await
            .body;
        texts.iter().all(|text| body.contains(text))
    })
    .await;
}

#[tokio::test]
async fn a_payload_becomes_series_whose_units_the_bridge_tells_before_or_after_it() {
    for is_told_first in [true, false] {
        let broker = Broker::start("allow_anonymous true");
        let url = format!("mqtt://127.0.0.1:{}", broker.port);
        let server = Program::start(&["--feed", "mqtt", "--mqtt-url", &url]).await;
        server.until_feed_is_up("mqtt").await;
        let tell = || {
            let line = DEVICES.replace('\n', "");
            broker.publish("zigbee2mqtt/bridge/devices", &line, &["-r"]);
        };
        if is_told_first {
            tell();
        }
        broker.publish("zigbee2mqtt/hall", HALL, &[]);
        until_latest(&server, &[r#""reading":21.5"#]).await;
        if !is_told_first {
            tell();
        }
        until_latest(
            &server,
            &[
                r#""value":{"reading":21.5},"unit":"°C","name":"hall Temperature"}"#,
                r#""value":{"reading":40.0},"unit":"%","name":"hall Humidity"}"#,
                r#""value":{"absent":"null"}}"#,
            ],
        )
        .await;
        let discovery = DISCOVERY.replace('\n', "");
        broker.publish("homeassistant/sensor/hall/config", &discovery, &["-r"]);
        let told = r#""unit":"°C","name":"Hall Temperature","state_class":"measurement"}"#;
        until_latest(&server, &[told]).await;
        // What describes others stays one text.
        let body = get(server.address, "/v1/latest?filter=zigbee2mqtt/bridge/%23")
            .await
            .body;
        assert_eq!(body.matches("\"topic\":").count(), 1, "{body}");
    }
}
