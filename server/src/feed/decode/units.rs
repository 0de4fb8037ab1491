//! Numbers with a unit after them, such as `21.5 °C`.

/// The units that are known. Other words after a number may mean anything, so they stay text.
const UNITS: [&str; 76] = [
    "%", "°C", "°F", "℃", "℉", "°", "V", "mV", "kV", "A", "mA", "W", "mW", "kW", "MW", "VA", "kVA",
    "var", "kvar", "Wh", "kWh", "MWh", "Ah", "mAh", "Hz", "kHz", "MHz", "GHz", "rpm", "Ω", "kΩ",
    "Pa", "hPa", "kPa", "MPa", "mbar", "bar", "psi", "inHg", "mmHg", "ppm", "ppb", "µg/m³",
    "μg/m³", "ug/m3", "mg/m³", "g/m³", "lx", "lm", "dB", "dBm", "dBA", "m/s", "km/h", "mph", "mm",
    "cm", "km", "mm/h", "ml", "mL", "m³", "m³/h", "l/min", "L/min", "l/h", "L/h", "kg", "ms", "µs",
    "kJ", "Nm", "W/m²", "kWh/m²", "µS/cm", "Bq/m³",
];

/// Units after a space only: `1m` may be a minute, `5K` thousands, and `7g` a name.
const SPACED_UNITS: [&str; 13] = [
    "K", "J", "N", "m", "in", "ft", "l", "L", "g", "s", "min", "h", "kn",
];

/// The number and the unit of a text. The number has no exponent.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | ',' | '\'');
    let end = text.find(|c| !is_part(c)).filter(|end| *end > 0)?;
    let (number, rest) = text.split_at(end);
    let unit = rest.trim_start_matches([' ', '\u{a0}', '\u{202f}']);
    let is_known = UNITS.contains(&unit) || unit.len() < rest.len() && SPACED_UNITS.contains(&unit);
    is_known.then_some((number, unit))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn only_known_units_are_units() {
        assert_eq!(split("21.5 °C"), Some(("21.5", "°C")));
        assert_eq!(split("55%"), Some(("55", "%")));
        assert_eq!(split("-3\u{a0}dBm"), Some(("-3", "dBm")));
        assert_eq!(split("12 min"), Some(("12", "min")));
        for text in [
            "",
            "1m",
            "5K",
            "°C",
            "7",
            "12 apples",
            "3 mw",
            "2024-01-01",
            "21.5 °C x",
            "10:30 h",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
