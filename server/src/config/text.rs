//! Values of TOML as texts, which is what flags and variables are: so one parser per setting reads
//! them from everywhere.

use toml::de::DeValue;

/// The text of a value, or those of a list.
pub(super) fn texts(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let texts: Option<_> = match value.as_array() {
        Some(values) => values.iter().map(|value| scalar(value.get_ref())).collect(),
        None => scalar(value).map(|text| vec![text]),
    };
    let kind = value.type_str();
    texts.ok_or_else(|| format!("expected a value or a list of values, found: {kind}"))
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Integer(number) => {
            let number = i128::from_str_radix(number.as_str(), number.radix());
            number.ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().into()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A list in the brackets of TOML.
pub(super) fn parse_list(text: &str) -> Result<Vec<String>, String> {
    let wrong = |reason: &str| {
        let reason = reason.lines().next().unwrap_or_default();
        format!("{text:?} is no list ({reason}): write it as in A,B or [\"A\", \"B\"]")
    };
    let value = DeValue::parse(text).map_err(|error| wrong(error.message()))?;
    texts(value.get_ref()).map_err(|reason| wrong(&reason))
}

/// The text as a value of TOML: a number or a boolean if it reads as the same text again.
pub(super) fn written(text: &str) -> String {
    match DeValue::parse(text) {
        Ok(value) if scalar(value.get_ref()).as_deref() == Some(text) => text.into(),
        _ => toml::Value::from(text).to_string(),
    }
}
