//! The messages of Sparkplug B (section 6.4.1). Field numbers are facts of the format; the names
//! follow the project.

use bytes::Bytes;
use prost::{Message, Oneof};

use super::datatype::Scalar;

/// What every message of a node or device carries (6.4.5).
#[derive(Clone, PartialEq, Message)]
pub(super) struct Payload {
    /// Milliseconds since the Unix epoch, when the message was sent.
    #[prost(uint64, optional, tag = "1")]
    pub(super) timestamp: Option<u64>,
    /// Encoded [`Metric`]s. Each is decoded alone, so that an unreadable one spoils no other.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) metrics: Vec<Bytes>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) seq: Option<u64>,
    #[prost(string, optional, tag = "4")]
    pub(super) uuid: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub(super) body: Option<Bytes>,
}

/// One metric (6.4.6).
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) alias: Option<u64>,
    /// Milliseconds since the Unix epoch, when the value was read.
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
    #[prost(oneof = "MetricValue", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18")]
    pub(super) value: Option<MetricValue>,
}

/// The value of a metric.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum MetricValue {
    #[prost(uint32, tag = "10")]
    Int(u32),
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(float, tag = "12")]
    Float(f32),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Boolean(bool),
    #[prost(string, tag = "15")]
    Text(String),
    #[prost(bytes = "bytes", tag = "16")]
    Bytes(Bytes),
    #[prost(message, tag = "17")]
    DataSet(DataSet),
    #[prost(message, tag = "18")]
    Template(Template),
}

/// Properties of a metric: a list of keys and a list of values (6.4.8).
#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertySet {
    #[prost(string, repeated, tag = "1")]
    pub(super) keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<PropertyValue>,
}

/// The value of a property, as far as it is read (6.4.9).
#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertyValue {
    #[prost(uint32, optional, tag = "3")]
    pub(super) int_value: Option<u32>,
    #[prost(uint64, optional, tag = "4")]
    pub(super) long_value: Option<u64>,
    #[prost(string, optional, tag = "8")]
    pub(super) string_value: Option<String>,
}

/// A table (6.4.11).
#[derive(Clone, PartialEq, Message)]
pub(super) struct DataSet {
    #[prost(string, repeated, tag = "2")]
    pub(super) columns: Vec<String>,
    #[prost(uint32, repeated, packed = "false", tag = "3")]
    pub(super) types: Vec<u32>,
    #[prost(message, repeated, tag = "4")]
    pub(super) rows: Vec<Row>,
}

/// A row of a table (6.4.12).
#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(message, repeated, tag = "1")]
    pub(super) elements: Vec<Cell>,
}

/// A cell of a table (6.4.13).
#[derive(Clone, PartialEq, Message)]
pub(super) struct Cell {
    #[prost(oneof = "CellValue", tags = "1, 2, 3, 4, 5, 6")]
    pub(super) value: Option<CellValue>,
}

/// The value of a cell.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum CellValue {
    #[prost(uint32, tag = "1")]
    Int(u32),
    #[prost(uint64, tag = "2")]
    Long(u64),
    #[prost(float, tag = "3")]
    Float(f32),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(bool, tag = "5")]
    Boolean(bool),
    #[prost(string, tag = "6")]
    Text(String),
}

/// A structure: named parameters and metrics (6.4.14).
#[derive(Clone, PartialEq, Message)]
pub(super) struct Template {
    #[prost(string, optional, tag = "1")]
    pub(super) version: Option<String>,
    /// Encoded [`Metric`]s, as in a [`Payload`]. So the depth of nested templates is bounded here.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) metrics: Vec<Bytes>,
    #[prost(message, repeated, tag = "3")]
    pub(super) parameters: Vec<Parameter>,
    #[prost(string, optional, tag = "4")]
    pub(super) template_ref: Option<String>,
    #[prost(bool, optional, tag = "5")]
    pub(super) is_definition: Option<bool>,
}

/// A parameter of a structure (6.4.15).
#[derive(Clone, PartialEq, Message)]
pub(super) struct Parameter {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) datatype: Option<u32>,
    #[prost(oneof = "ParameterValue", tags = "3, 4, 5, 6, 7, 8")]
    pub(super) value: Option<ParameterValue>,
}

/// The value of a parameter.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ParameterValue {
    #[prost(uint32, tag = "3")]
    Int(u32),
    #[prost(uint64, tag = "4")]
    Long(u64),
    #[prost(float, tag = "5")]
    Float(f32),
    #[prost(double, tag = "6")]
    Double(f64),
    #[prost(bool, tag = "7")]
    Boolean(bool),
    #[prost(string, tag = "8")]
    Text(String),
}

impl Metric {
    /// The name, unless it is empty.
    pub(super) fn given_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    /// A property that is a whole number or a text, by its key.
    pub(super) fn property(&self, is_key: impl Fn(&str) -> bool) -> Option<&PropertyValue> {
        let PropertySet { keys, values } = self.properties.as_ref()?;
        let mut pairs = keys.iter().zip(values);
        pairs.find_map(|(key, value)| is_key(key).then_some(value))
    }
}

impl MetricValue {
    /// The value, if it is a scalar.
    pub(super) fn scalar(self) -> Option<Scalar> {
        match self {
            Self::Int(value) => Some(Scalar::Int(value)),
            Self::Long(value) => Some(Scalar::Long(value)),
            Self::Float(value) => Some(Scalar::Float(value)),
            Self::Double(value) => Some(Scalar::Double(value)),
            Self::Boolean(value) => Some(Scalar::Boolean(value)),
            Self::Text(value) => Some(Scalar::Text(value)),
            Self::Bytes(_) | Self::DataSet(_) | Self::Template(_) => None,
        }
    }
}
