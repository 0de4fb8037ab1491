//! Numbers in few bytes: seven bits in each, the lowest first, and small magnitudes short.

/// Appends an unsigned number.
pub(super) fn write(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a number of either sign.
pub(super) fn write_signed(number: i64, out: &mut Vec<u8>) {
    write(((number << 1) ^ (number >> 63)) as u64, out);
}

/// The same for a longer one.
pub(super) fn write_long(number: i128, out: &mut Vec<u8>) {
    let mut number = ((number << 1) ^ (number >> 127)) as u128;
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads numbers from bytes that this module wrote.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next byte. After the end there are zeros, which no reader of whole records meets.
    pub(super) fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((&byte, rest)) => {
                self.bytes = rest;
                byte
            }
            None => 0,
        }
    }

    /// The next unsigned number of at most 64 bits.
    pub(super) fn unsigned(&mut self) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 63 {
                return number;
            }
        }
    }

    /// The next number of either sign.
    pub(super) fn signed(&mut self) -> i64 {
        let number = self.unsigned();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    /// The next number of up to 128 bits.
    pub(super) fn long(&mut self) -> i128 {
        let mut number = 0u128;
        let mut shift = 0;
        loop {
            let byte = self.byte();
            number |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 127 {
                return (number >> 1) as i128 ^ -((number & 1) as i128);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_numbers_take_one_byte() {
        for number in [0, 1, -1, 63, -64] {
            let mut out = Vec::new();
            write_signed(number, &mut out);
            assert_eq!(out.len(), 1, "{number}");
        }
    }

    proptest! {
        #[test]
        fn numbers_survive(unsigned in any::<u64>(), signed in any::<i64>(), long in any::<i128>()) {
            for shift in [0, 20, 40, 60] {
                let (unsigned, signed, long) = (unsigned >> shift, signed >> shift, long >> shift);
                let mut out = Vec::new();
                write(unsigned, &mut out);
                write_signed(signed, &mut out);
                write_long(long, &mut out);
                let mut reader = Reader::new(&out);
                prop_assert_eq!(reader.unsigned(), unsigned);
                prop_assert_eq!(reader.signed(), signed);
                prop_assert_eq!(reader.long(), long);
                prop_assert!(reader.bytes.is_empty());
            }
        }
    }
}
