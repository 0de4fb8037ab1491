//! The value of a metric as a value of a topic.

use tickcast_protocol::{message::Quality, value::Value};

use super::{
    datatype::{DataType, Plain},
    json,
    payload::{Metric, MetricValue},
};

/// Quality codes (section 6.4.9.1) of values that are bad or stale.
const DOUBTFUL: [u32; 2] = [0, 500];

/// A value, and whether a whole number needs more digits than a reading has.
pub(super) type Read = (Value, bool);

/// Reads the value of a metric, or says why it cannot be read.
pub(super) fn read(metric: &mut Metric, datatype: DataType) -> Result<Read, String> {
    if metric.is_null == Some(true) {
        return Ok((Value::Absent("null".into()), false));
    }
    let Some(value) = metric.value.take() else {
        return Err("it has no value, and is not marked as null".into());
    };
    let exact = |value| Ok((value, false));
    match (datatype, value) {
        (DataType::Bytes | DataType::Unknown, MetricValue::Bytes(bytes)) => {
            exact(Value::Bytes(bytes.into()))
        }
        (DataType::Array(element), MetricValue::Bytes(bytes)) => {
            exact(Value::Text(json::array(element, &bytes)?))
        }
        (DataType::DataSet | DataType::Unknown, MetricValue::DataSet(table)) => {
            exact(Value::Text(json::data_set(table)?))
        }
        (DataType::Template | DataType::Unknown, MetricValue::Template(template)) => {
            exact(Value::Text(json::template(template)?))
        }
        (datatype, value) => match value.scalar() {
            Some(scalar) => Ok(plain(datatype.read(scalar)?)),
            None => Err(format!("a {datatype:?} has another form")),
        },
    }
}

fn plain(plain: Plain) -> Read {
    match plain {
        Plain::Integer(number) => {
            let reading = number as f64;
            (Value::Reading(reading), reading as i128 != number)
        }
        // As a payload without Sparkplug says it.
        Plain::Float(number) if !number.is_finite() => (Value::Absent(number.to_string()), false),
        Plain::Float(number) => (Value::Reading(number), false),
        Plain::Boolean(is_set) => (Value::Text(is_set.to_string()), false),
        Plain::Text(text) => (Value::Text(text), false),
    }
}

/// How far a value can be trusted. A metric that gives no quality has the one of its birth.
pub(super) fn quality(metric: &Metric, is_doubtful: &mut bool) -> Quality {
    let code = metric.property(|key| key == "Quality");
    if let Some(code) = code.and_then(|property| property.int_value) {
        *is_doubtful = DOUBTFUL.contains(&code);
    }
    match (metric.is_historical, *is_doubtful) {
        (Some(true), _) => Quality::Historical,
        (_, true) => Quality::Stale,
        (_, false) => Quality::Live,
    }
}

/// The unit in a metric's properties. The specification names no key; these are in use.
pub(super) fn unit(metric: &Metric) -> Option<&str> {
    const KEYS: [&str; 6] = [
        "engunit",
        "engunits",
        "engineeringunit",
        "engineeringunits",
        "unit",
        "units",
    ];
    let is_key = |key: &str| {
        let letters = key.chars().filter(|c| c.is_alphanumeric());
        let plain: String = letters.flat_map(char::to_lowercase).collect();
        KEYS.contains(&plain.as_str())
    };
    let unit = metric.property(is_key)?.string_value.as_deref()?;
    (!unit.is_empty()).then_some(unit)
}
