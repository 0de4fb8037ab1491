"""Exact decimals: a mantissa of 64 bits and the number of digits after the point."""

from __future__ import annotations

import re
from decimal import Context, Decimal

from ..errors import MalformedError

SCALE_MAX = 18
MANTISSA_MIN = -(2**63)
MANTISSA_MAX = 2**63 - 1
_PATTERN = re.compile(r"-?[0-9]+(?:\.[0-9]{1,18})?", re.ASCII)
#: Characters of a text that can be a decimal, leading zeros included: longer ones are refused
#: before they cost anything.
_TEXT_MAX = 256

#: More digits than a mantissa of 64 bits has, so that a product of one with a power of ten is
#: exact, whatever the program has set in its own context.
_exact = Context(prec=40, Emin=-999, Emax=999)
multiply = _exact.multiply
#: One, with each number of decimal places.
UNITS = tuple(Decimal(f"1E-{scale}") for scale in range(SCALE_MAX + 1))


def too_many_places(scale: int) -> MalformedError:
    """The error for more digits after the point than a decimal may have."""
    return MalformedError(f"{scale} decimal places are too many (limit {SCALE_MAX})")


def from_parts(mantissa: int, scale: int) -> Decimal:
    """Such as 3943248 and 2 for 39432.48. Zeros at the end are kept."""
    if scale > SCALE_MAX:
        raise too_many_places(scale)
    return multiply(mantissa, UNITS[scale])


def to_parts(value: Decimal) -> tuple[int, int]:
    """The mantissa and the number of decimal places."""
    if not isinstance(value, Decimal):
        raise MalformedError(f"expected a Decimal, got {str(value)[:100]!r}: use Decimal('1.50')")
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise MalformedError(f"{value} is no decimal that can be sent: it must be finite")
    if -exponent > SCALE_MAX:
        raise too_many_places(-exponent)
    if exponent > SCALE_MAX + 1 and any(digits):
        raise MalformedError(f"{value} has more digits than 64 bits can hold")
    mantissa = int("".join(map(str, digits))) * 10 ** max(min(exponent, SCALE_MAX + 1), 0)
    if sign:
        mantissa = -mantissa
    if not MANTISSA_MIN <= mantissa <= MANTISSA_MAX:
        raise MalformedError(f"{value} has more digits than 64 bits can hold")
    return mantissa, max(-exponent, 0)


def from_text(text: object) -> Decimal:
    """From JSON: ``-?digits[.digits]``."""
    if not isinstance(text, str) or len(text) > _TEXT_MAX or not _PATTERN.fullmatch(text):
        raise MalformedError(f"not a decimal: {str(text)[:100]}")
    whole, _, fraction = text.partition(".")
    mantissa = int(whole + fraction)
    if not MANTISSA_MIN <= mantissa <= MANTISSA_MAX:
        raise MalformedError(f"more digits than 64 bits can hold: {text[:100]}")
    return from_parts(mantissa, len(fraction))


def to_text(value: Decimal) -> str:
    """For JSON."""
    mantissa, scale = to_parts(value)
    if scale == 0:
        return str(mantissa)
    digits = str(abs(mantissa)).rjust(scale + 1, "0")
    sign = "-" if mantissa < 0 else ""
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"
