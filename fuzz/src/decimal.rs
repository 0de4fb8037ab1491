//! Decimals.

use tickcast_protocol::decimal::{Decimal, SCALE_MAX};

/// Two decimals, one per line.
pub fn decimal(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (one, other) = text.split_once('\n').unwrap_or((&text, "0"));
    let Ok(one) = one.parse::<Decimal>() else {
        return;
    };
    assert!(one.scale() <= SCALE_MAX);
    let again: Decimal = one
        .to_string()
        .parse()
        .expect("the encoder writes what the decoder reads");
    assert_eq!(
        (again.mantissa(), again.scale()),
        (one.mantissa(), one.scale())
    );
    assert!(one.to_f64().is_finite());
    if let Ok(other) = other.parse::<Decimal>() {
        assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
        // Rounding may make them equal, but never reverses their order.
        let rounded = one.to_f64().total_cmp(&other.to_f64());
        assert!(rounded.is_eq() || one.to_f64() == other.to_f64() || rounded == one.cmp(&other));
    }
}
