//! Numbers and texts.

use tickcast_protocol::decimal::Decimal;

/// Larger numbers are written with a power of ten.
const WRITTEN_OUT_MAX: f64 = 1e13;

/// Groups the digits before the point by three.
fn group(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::with_capacity(digits.len() + 6);
    out.push_str(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out.push_str(fraction);
    out
}

/// A number with this many decimals, `39 484.64`.
pub fn number(value: f64, decimals: u8) -> String {
    if !value.is_finite() {
        return format!("{value}");
    }
    if value.abs() >= WRITTEN_OUT_MAX {
        return format!("{value:.4e}");
    }
    let text = format!("{value:.*}", usize::from(decimals));
    // A zero has no sign.
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => group(rest),
        _ => group(&text),
    }
}

/// A number with its sign, `+0.12`.
pub(crate) fn signed(value: f64, decimals: u8) -> String {
    let text = number(value, decimals);
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if text.starts_with('-') || is_zero {
        text
    } else {
        format!("+{text}")
    }
}

/// An exact decimal with all its digits.
pub(crate) fn decimal(value: Decimal) -> String {
    group(&value.to_string())
}

/// An integer, `1 482 119`.
pub(crate) fn count(value: u64) -> String {
    group(&value.to_string())
}

/// The first line of a text, cut to this many characters.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Updates per second: `12k`, `4.0k`, `412`, `1.0`, `0.003`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        r if r >= 9_950.0 => format!("{}k", count((r / 1e3).round() as u64)),
        r if r >= 999.5 => format!("{:.1}k", r / 1e3),
        r if r >= 9.95 => count(r.round() as u64),
        r if r >= 0.095 => format!("{r:.1}"),
        r if r >= 0.0095 => format!("{r:.2}"),
        r if r >= 0.0005 => format!("{r:.3}"),
        _ => "0".to_owned(),
    }
}

/// An amount of memory in whole MiB.
pub(crate) fn mebibytes(bytes: usize) -> String {
    count((bytes as u64).div_ceil(1024 * 1024))
}
