//! What has no form of its own here, as JSON text: arrays, tables and structures.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use prost::Message;
use serde::{Serialize, Serializer};

use super::{
    datatype::{DataType, Element, Plain, Scalar, date_time, widen},
    payload::{Cell, CellValue, DataSet, Metric, MetricValue, Parameter, ParameterValue, Template},
};

/// Structures within structures that are written, at most: as many levels as the payloads without
/// Sparkplug may have.
const TEMPLATE_LEVELS_MAX: usize = 8;

/// A JSON value that keeps the order and the number of members.
enum Json {
    Null,
    Plain(Plain),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Plain(Plain::Integer(number)) => serializer.serialize_i128(*number),
            // JSON has no NaN: serde_json writes null.
            Self::Plain(Plain::Float(number)) => serializer.serialize_f64(*number),
            Self::Plain(Plain::Boolean(is_set)) => serializer.serialize_bool(*is_set),
            Self::Plain(Plain::Text(text)) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

fn text(json: &Json) -> Result<String, String> {
    serde_json::to_string(json).map_err(|error| error.to_string())
}

/// A packed array (6.4.17): little-endian elements, bits, or texts that end with a null.
pub(super) fn array(element: Element, bytes: &[u8]) -> Result<String, String> {
    text(&Json::List(array_json(element, bytes)?))
}

fn array_json(element: Element, bytes: &[u8]) -> Result<Vec<Json>, String> {
    match element {
        Element::Integer {
            bytes: width,
            is_signed,
        } => elements(bytes, width, |bits| {
            let shift = 128 - 8 * width as u32;
            let number = match is_signed {
                // Fills the upper bits with the sign.
                true => ((bits as i128) << shift) >> shift,
                false => bits as i128,
            };
            Ok(Plain::Integer(number))
        }),
        Element::Float => elements(bytes, 4, |bits| {
            Ok(Plain::Float(widen(f32::from_bits(bits as u32))))
        }),
        Element::Double => elements(bytes, 8, |bits| {
            Ok(Plain::Float(f64::from_bits(bits as u64)))
        }),
        Element::DateTime => elements(bytes, 8, |bits| date_time(bits as u64).map(Plain::Text)),
        Element::Boolean => booleans(bytes),
        Element::Text => texts(bytes),
    }
}

fn elements(
    bytes: &[u8],
    width: usize,
    read: impl Fn(u128) -> Result<Plain, String>,
) -> Result<Vec<Json>, String> {
    if !bytes.len().is_multiple_of(width) {
        let len = bytes.len();
        return Err(format!("{len} bytes are no array of {width} bytes each"));
    }
    let little_endian = |chunk: &[u8]| {
        let mut padded = [0; 16];
        padded[..width].copy_from_slice(chunk);
        u128::from_le_bytes(padded)
    };
    let chunks = bytes.chunks_exact(width);
    chunks
        .map(|chunk| read(little_endian(chunk)).map(Json::Plain))
        .collect()
}

/// Their number in four bytes, then eight in a byte, the first in the highest bit.
fn booleans(bytes: &[u8]) -> Result<Vec<Json>, String> {
    let Some((count, bits)) = bytes.split_first_chunk() else {
        return Err("an array of booleans begins with its length in 4 bytes".into());
    };
    let count = u32::from_le_bytes(*count) as usize;
    if count.div_ceil(8) != bits.len() {
        let len = bits.len();
        return Err(format!("{len} bytes do not hold {count} booleans"));
    }
    let is_set = |index: usize| bits[index / 8] & (0x80 >> (index % 8)) != 0;
    let list = (0..count).map(|index| Json::Plain(Plain::Boolean(is_set(index))));
    Ok(list.collect())
}

fn texts(bytes: &[u8]) -> Result<Vec<Json>, String> {
    let bytes = match bytes.split_last() {
        None => return Ok(Vec::new()),
        Some((0, bytes)) => bytes,
        Some(_) => return Err("the last text of an array does not end with a null".into()),
    };
    let read = |text: &[u8]| match std::str::from_utf8(text) {
        Ok(text) => Ok(Json::Plain(Plain::Text(text.into()))),
        Err(error) => Err(error.to_string()),
    };
    bytes.split(|&byte| byte == 0).map(read).collect()
}

/// A table: `{"columns":["a"],"rows":[[1],[2]]}`.
pub(super) fn data_set(table: DataSet) -> Result<String, String> {
    text(&table_json(table)?)
}

fn table_json(table: DataSet) -> Result<Json, String> {
    let DataSet {
        columns,
        types,
        rows,
    } = table;
    let types = types.into_iter().map(|code| {
        DataType::from_code(code).ok_or_else(|| format!("there is no datatype {code}"))
    });
    let types: Vec<_> = types.collect::<Result<_, _>>()?;
    let rows = rows.into_iter().map(|row| {
        let cells = row.elements.into_iter().enumerate().map(|(index, cell)| {
            let datatype = types.get(index).copied();
            cell_json(cell, datatype.unwrap_or(DataType::Unknown))
        });
        cells.collect::<Result<_, _>>().map(Json::List)
    });
    let rows = rows.collect::<Result<_, _>>().map(Json::List)?;
    let columns = columns.into_iter().map(text_json).collect();
    Ok(Json::Object(vec![
        ("columns".into(), Json::List(columns)),
        ("rows".into(), rows),
    ]))
}

fn cell_json(cell: Cell, datatype: DataType) -> Result<Json, String> {
    let scalar = match cell.value {
        None => return Ok(Json::Null),
        Some(CellValue::Int(value)) => Scalar::Int(value),
        Some(CellValue::Long(value)) => Scalar::Long(value),
        Some(CellValue::Float(value)) => Scalar::Float(value),
        Some(CellValue::Double(value)) => Scalar::Double(value),
        Some(CellValue::Boolean(value)) => Scalar::Boolean(value),
        Some(CellValue::Text(value)) => Scalar::Text(value),
    };
    datatype.read(scalar).map(Json::Plain)
}

/// A structure: `{"template":"Motor","parameters":{"index":1},"metrics":{"speed":1450}}`.
pub(super) fn template(template: Template) -> Result<String, String> {
    text(&template_json(template, TEMPLATE_LEVELS_MAX)?)
}

fn template_json(template: Template, levels: usize) -> Result<Json, String> {
    let Some(levels) = levels.checked_sub(1) else {
        return Err(format!(
            "structures within structures have more than {TEMPLATE_LEVELS_MAX} levels"
        ));
    };
    let mut members = Vec::new();
    if let Some(name) = template.template_ref {
        members.push(("template".to_owned(), text_json(name)));
    }
    if let Some(version) = template.version {
        members.push(("version".to_owned(), text_json(version)));
    }
    if template.is_definition == Some(true) {
        let is_set = Json::Plain(Plain::Boolean(true));
        members.push(("is_definition".to_owned(), is_set));
    }
    if !template.parameters.is_empty() {
        let parameters = template.parameters.into_iter().map(parameter_json);
        let parameters = parameters.collect::<Result<_, _>>()?;
        members.push(("parameters".to_owned(), Json::Object(parameters)));
    }
    let metrics = template.metrics.iter();
    let metrics = metrics.map(|bytes| member_json(bytes, levels));
    let metrics = metrics.collect::<Result<_, _>>()?;
    members.push(("metrics".to_owned(), Json::Object(metrics)));
    Ok(Json::Object(members))
}

fn parameter_json(parameter: Parameter) -> Result<(String, Json), String> {
    let scalar = match parameter.value {
        None => return Ok((parameter.name.unwrap_or_default(), Json::Null)),
        Some(ParameterValue::Int(value)) => Scalar::Int(value),
        Some(ParameterValue::Long(value)) => Scalar::Long(value),
        Some(ParameterValue::Float(value)) => Scalar::Float(value),
        Some(ParameterValue::Double(value)) => Scalar::Double(value),
        Some(ParameterValue::Boolean(value)) => Scalar::Boolean(value),
        Some(ParameterValue::Text(value)) => Scalar::Text(value),
    };
    let datatype = datatype_of(parameter.datatype)?;
    let name = parameter.name.unwrap_or_default();
    Ok((name, Json::Plain(datatype.read(scalar)?)))
}

fn member_json(bytes: &Bytes, levels: usize) -> Result<(String, Json), String> {
    let metric = Metric::decode(bytes.clone()).map_err(|error| error.to_string())?;
    let name = metric.name.unwrap_or_default();
    let datatype = datatype_of(metric.datatype)?;
    let value = metric.value.filter(|_| metric.is_null != Some(true));
    let json = match value {
        None => Json::Null,
        Some(MetricValue::Template(template)) => template_json(template, levels)?,
        Some(MetricValue::DataSet(table)) => table_json(table)?,
        Some(MetricValue::Bytes(bytes)) => match datatype {
            DataType::Array(element) => Json::List(array_json(element, &bytes)?),
            _ => text_json(BASE64.encode(&bytes)),
        },
        Some(value) => value.scalar().map_or(Ok(Json::Null), |scalar| {
            datatype.read(scalar).map(Json::Plain)
        })?,
    };
    Ok((name, json))
}

fn datatype_of(code: Option<u32>) -> Result<DataType, String> {
    let code = code.unwrap_or_default();
    DataType::from_code(code).ok_or_else(|| format!("there is no datatype {code}"))
}

fn text_json(text: String) -> Json {
    Json::Plain(Plain::Text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u32, bytes: &[u8], expected: &str) {
        let Some(DataType::Array(element)) = DataType::from_code(code) else {
            panic!("{code} is no array");
        };
        assert_eq!(array(element, bytes).as_deref(), Ok(expected), "{code}");
    }

    #[test]
    fn arrays_are_read_as_the_specification_shows_them() {
        check(22, &[0xef, 0x7b], "[-17,123]");
        check(23, &[0xd0, 0x8a, 0x30, 0x75], "[-30000,30000]");
        check(
            24,
            &[0xff, 0xff, 0xff, 0xff, 0xfa, 0xaf, 0xcb, 0x12],
            "[-1,315338746]",
        );
        check(26, &[0x17, 0xfa], "[23,250]");
        check(27, &[0x1e, 0, 0x88, 0xcc], "[30,52360]");
        check(29, &[0xff; 8], "[18446744073709551615]");
        check(25, &[0xff; 8], "[-1]");
        check(30, &1.23f32.to_le_bytes(), "[1.23]");
        check(31, &12.354_213f64.to_le_bytes(), "[12.354213]");
        let bits = "[false,false,true,true,false,true,false,false,true,true,false,true]";
        check(32, &[0x0c, 0, 0, 0, 0x34, 0xdf], bits);
        check(33, b"ABC\0hello\0", r#"["ABC","hello"]"#);
        check(33, b"", "[]");
        check(34, &0u64.to_le_bytes(), r#"["1970-01-01T00:00:00.000Z"]"#);
    }

    #[test]
    fn arrays_of_another_length_are_refused() {
        for (code, bytes) in [
            (23, &[1][..]),
            (31, &[0; 9]),
            (32, &[1, 0, 0]),
            (32, &[9, 0, 0, 0, 0]),
            (32, &[0xff, 0xff, 0xff, 0xff]),
            (33, b"ABC"),
            (33, b"\xff\0"),
        ] {
            let Some(DataType::Array(element)) = DataType::from_code(code) else {
                panic!("{code} is no array");
            };
            assert!(array(element, bytes).is_err(), "{code} {bytes:?}");
        }
    }
}
