//! Numbers and texts.

use tickcast_protocol::decimal::Decimal;

/// Larger numbers are written with a power of ten.
const WRITTEN_OUT_MAX: f64 = 1e13;

/// Numbers whose source sends more decimals than this are written with a power of ten if they are
/// small, because zeros cannot be counted at a glance.
const DECIMALS_WRITTEN_OUT_MAX: u8 = 8;

/// Of a source that sends small numbers, numbers from here on are written out.
const SMALL_BELOW: f64 = 1e-3;

/// Digits of a value that would be zero with the decimals of its topic.
const RESCUED_DIGITS: usize = 3;

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
    if decimals > DECIMALS_WRITTEN_OUT_MAX {
        return match value.abs() {
            0.0 => "0".to_owned(),
            size if size < SMALL_BELOW => {
                let above_point = -size.log10().floor() as i32;
                let digits = (i32::from(decimals) - above_point).max(0);
                exponent(value, digits as usize)
            }
            _ => number(value, DECIMALS_WRITTEN_OUT_MAX),
        };
    }
    let text = format!("{value:.*}", usize::from(decimals));
    // A zero has no sign.
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => group(rest),
        _ => group(&text),
    }
}

/// A value of a topic with the topic's decimals. A value is never written as zero if it is not:
/// `1.2e-9`.
pub(crate) fn value(value: f64, decimals: u8) -> String {
    let text = number(value, decimals);
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if is_zero && value != 0.0 {
        exponent(value, RESCUED_DIGITS - 1)
    } else {
        text
    }
}

/// A number as a power of ten with at most this many digits after the point; the last ones are not
/// zeros.
fn exponent(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    match text.split_once('e') {
        Some((number, power)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number}e{power}")
        }
        _ => text,
    }
}

/// The number in a text that a person typed, with spaces between groups of digits or without.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
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

/// A change in percent, without the sign of percent: `+0.12`, `-380`, `+461 k`. What switches
/// between nearly nothing and a kilowatt has changes that no column has room for.
pub(crate) fn percent(change: f64) -> String {
    match change.abs() {
        size if size < 100.0 => signed(change, 2),
        size if size < 1e5 => signed(change, 0),
        size if size < 1e8 => format!("{} k", signed(change / 1e3, 0)),
        size if size < 1e11 => format!("{} M", signed(change / 1e6, 0)),
        _ => format!("{} G", signed((change / 1e9).clamp(-99_999.0, 99_999.0), 0)),
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

/// The end of a name, cut at the front to this many characters: the end tells names apart.
pub(crate) fn cut_front(name: &str, chars: usize) -> String {
    let count = name.chars().count();
    if count <= chars {
        return name.to_owned();
    }
    let kept = name.chars().skip(count - chars.saturating_sub(1));
    std::iter::once('…').chain(kept).collect()
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
