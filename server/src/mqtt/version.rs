//! The versions of MQTT.

use clap::ValueEnum;

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MqttVersion {
    /// 3.1.1, which every broker speaks.
    #[value(name = "3.1.1")]
    V3,
    /// 5.0
    #[value(name = "5")]
    V5,
}
