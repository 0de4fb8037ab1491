//! The bincode encoding. The only file that calls bincode's functions.

use bincode::{
    Decode, Encode,
    config::{Configuration, Limit, LittleEndian, Varint},
};

use super::{
    error::CodecError,
    limits::{
        CLIENT_MESSAGE_MAX_BYTES, DECODE_LIMIT_FACTOR, SERVER_MESSAGE_MAX_BYTES, check_length,
    },
    tagged::Tagged,
};

type Limited<const BYTES: usize> = Configuration<LittleEndian, Varint, Limit<BYTES>>;

/// Appends a message or a part of one.
pub(super) fn encode<T: Encode>(value: &T, out: &mut Vec<u8>) {
    // Encoding fails only for a map, a RefCell or a Mutex, which no message has, or if writing
    // fails, which a Vec never does.
    bincode::encode_into_std_write(value, out, bincode::config::standard())
        .expect("a message can always be encoded");
}

/// Appends a list.
pub(super) fn encode_list<T: Encode>(list: &[T], out: &mut Vec<u8>) {
    encode(&(list.len() as u64), out);
    for element in list {
        encode(element, out);
    }
}

/// Decodes a message.
pub(super) fn decode_message<T: Decode<()> + Tagged>(bytes: &[u8]) -> Result<T, CodecError> {
    check_length(bytes, T::MAX_BYTES)?;
    // If there is no tag, decoding the message says what is wrong with the bytes.
    if let Ok((tag, _)) = bincode::decode_from_slice::<u32, _>(bytes, bincode::config::standard())
        && usize::try_from(tag).is_ok_and(|tag| tag >= T::TYPES.len())
    {
        return Err(CodecError::UnknownMessage(tag.to_string()));
    }
    decode(bytes)
}

/// Decodes a part of a message of at most [`SERVER_MESSAGE_MAX_BYTES`].
///
/// bincode reserves the memory that a declared length asks for, up to its limit. Limits are types,
/// so there is one for every order of magnitude of the input. That keeps the memory in proportion
/// to the bytes received.
pub(super) fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    const SHORT: usize = 1024;
    const MEDIUM: usize = CLIENT_MESSAGE_MAX_BYTES;
    const LONG: usize = 1024 * 1024;

    check_length(bytes, SERVER_MESSAGE_MAX_BYTES)?;
    let len = bytes.len();
    if len <= SHORT {
        decode_limited::<T, { SHORT * DECODE_LIMIT_FACTOR }>(bytes)
    } else if len <= MEDIUM {
        decode_limited::<T, { MEDIUM * DECODE_LIMIT_FACTOR }>(bytes)
    } else if len <= LONG {
        decode_limited::<T, { LONG * DECODE_LIMIT_FACTOR }>(bytes)
    } else {
        decode_limited::<T, { SERVER_MESSAGE_MAX_BYTES * DECODE_LIMIT_FACTOR }>(bytes)
    }
}

/// Decodes the first fields of a struct, which hold no list and no text.
pub(super) fn decode_start<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    match bincode::decode_from_slice(bytes, bincode::config::standard()) {
        Ok((value, _)) => Ok(value),
        Err(error) => Err(CodecError::Malformed(error.to_string())),
    }
}

fn decode_limited<T: Decode<()>, const BYTES: usize>(bytes: &[u8]) -> Result<T, CodecError> {
    let limit: Limited<BYTES> = bincode::config::standard().with_limit();
    match bincode::decode_from_slice(bytes, limit) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(CodecError::TrailingBytes(bytes.len() - used)),
        Err(error) => Err(CodecError::Malformed(error.to_string())),
    }
}
