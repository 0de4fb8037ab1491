//! Times as text.

/// A time with three significant digits and a suitable unit.
pub fn format_ns(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns >= 1e9 => (ns / 1e9, "s"),
        ns if ns >= 1e6 => (ns / 1e6, "ms"),
        ns if ns >= 1e3 => (ns / 1e3, "us"),
        ns => return format!("{ns:.0} ns"),
    };
    let decimals = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_three_digits() {
        for (ns, text) in [
            (0.0, "0 ns"),
            (999.0, "999 ns"),
            (1234.0, "1.23 us"),
            (56_789.0, "56.8 us"),
            (123_456_789.0, "123 ms"),
            (6e9, "6.00 s"),
        ] {
            assert_eq!(format_ns(ns), text);
        }
    }
}
