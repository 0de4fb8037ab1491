//! Requests in bincode: reads the bytes as the crate bincode does, but knows the names of members.

use super::{
    problem::{Path, Problem, one_of},
    schema::{Kind, Object, Presence, REQUESTS},
};
use crate::{decimal::SCALE_MAX, message::RequestId};

/// Finds the first problem of a request.
pub(super) fn check(bytes: &[u8]) -> Result<(), Problem> {
    let mut reader = Reader { bytes, at: 0 };
    let mut path = Path::default();
    let tag = reader.unsigned(&path, Width::U32)?;
    let Some(request) = request(tag) else {
        let last = REQUESTS.len() - 1;
        let reason = format!("the message has number {tag}: the requests have 0 to {last}");
        return Err(Problem::unknown_message(reason));
    };
    reader.object(request, &mut path)?;
    match bytes.len() - reader.at {
        0 => Ok(()),
        rest => {
            let reason = format!("there are {rest} trailing bytes after the message");
            Err(Problem::malformed(reason))
        }
    }
}

/// The id after the number of the message.
pub(super) fn find_id(bytes: &[u8]) -> Option<RequestId> {
    let mut reader = Reader { bytes, at: 0 };
    let path = &mut Path::default();
    let tag = reader.unsigned(path, Width::U32).ok()?;
    let id = request(tag)?.members.first()?;
    if id.presence == Presence::Optional && !reader.flag(path).ok()? {
        return None;
    }
    let id = reader.unsigned(path, Width::U32).ok()?;
    RequestId::try_from(id).ok()
}

fn request(tag: u64) -> Option<&'static Object> {
    REQUESTS.get(usize::try_from(tag).ok()?)
}

/// The longest form that an integer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    U32,
    U64,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn object(&mut self, object: &'static Object, path: &mut Path<'_>) -> Result<(), Problem> {
        for member in object.members {
            path.member(member.name, |path| {
                if member.presence == Presence::Optional && !self.flag(path)? {
                    return Ok(());
                }
                self.kind(member.kind, path)
            })?;
        }
        Ok(())
    }

    fn kind(&mut self, kind: Kind, path: &mut Path<'_>) -> Result<(), Problem> {
        match kind {
            Kind::U32 => self.unsigned(path, Width::U32).map(drop),
            Kind::U64 | Kind::I64 | Kind::Hex | Kind::Time => {
                self.unsigned(path, Width::U64).map(drop)
            }
            Kind::Bool => self.take(path, 1).map(drop),
            Kind::F64 | Kind::Reading => self.take(path, 8).map(drop),
            Kind::Bytes => self.sized(path).map(drop),
            Kind::Text => {
                let at = self.at;
                match std::str::from_utf8(self.sized(path)?) {
                    Ok(_) => Ok(()),
                    Err(_) => Err(path.problem(format!("at byte {at} is not UTF-8"))),
                }
            }
            Kind::Decimal => {
                self.unsigned(path, Width::U64)?;
                let at = self.at;
                match self.take(path, 1)?[0] {
                    scale if scale > SCALE_MAX => Err(path.problem(format!(
                        "at byte {at} has {scale} digits after the point (limit {SCALE_MAX})"
                    ))),
                    _ => Ok(()),
                }
            }
            Kind::Name(names) => self.choice(path, names.iter().copied()).map(drop),
            Kind::List(kind) => {
                let elements = self.unsigned(path, Width::U64)?;
                for index in 0..elements {
                    path.element(index, |path| self.kind(*kind, path))?;
                }
                Ok(())
            }
            Kind::Object(object) | Kind::ObjectOrText(object) => self.object(object, path),
            Kind::OneOf(kinds) => {
                let chosen = self.choice(path, kinds.iter().map(|(name, _)| *name))?;
                let (name, kind) = kinds[chosen];
                path.member(name, |path| self.kind(kind, path))
            }
        }
    }

    /// Reads the number of one of some names.
    fn choice(
        &mut self,
        path: &Path<'_>,
        names: impl ExactSizeIterator<Item = &'static str>,
    ) -> Result<usize, Problem> {
        let (at, len) = (self.at, names.len());
        let number = self.unsigned(path, Width::U32)?;
        match usize::try_from(number) {
            Ok(number) if number < len => Ok(number),
            _ => {
                let right = names.enumerate();
                let right = one_of(right.map(|(number, name)| format!("{number} ({name})")));
                let says = format!("at byte {at} has number {number}: it must be {right}");
                Err(path.problem(says))
            }
        }
    }

    /// Reads whether an optional member is there.
    fn flag(&mut self, path: &Path<'_>) -> Result<bool, Problem> {
        let at = self.at;
        match self.take(path, 1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            byte => Err(path.problem(format!(
                "at byte {at} begins with {byte}: it must begin with 0 (missing) or 1 (present)"
            ))),
        }
    }

    /// Reads an integer in any of its forms, also a longer one than needed.
    fn unsigned(&mut self, path: &Path<'_>, width: Width) -> Result<u64, Problem> {
        let at = self.at;
        let number = |bytes: &[u8]| {
            let digits = bytes.iter().rev();
            digits.fold(0, |number, &byte| number << 8 | u64::from(byte))
        };
        match (self.take(path, 1)?[0], width) {
            (byte @ 0..=250, _) => Ok(byte.into()),
            (251, _) => self.take(path, 2).map(number),
            (252, _) => self.take(path, 4).map(number),
            (253, Width::U64) => self.take(path, 8).map(number),
            (byte, width) => {
                let (last, bits) = match width {
                    Width::U32 => (252, 32),
                    Width::U64 => (253, 64),
                };
                Err(path.problem(format!(
                    "at byte {at} begins with {byte}: an integer of {bits} bits begins with \
                     {last} at most"
                )))
            }
        }
    }

    /// Reads a length and that many bytes.
    fn sized(&mut self, path: &Path<'_>) -> Result<&'a [u8], Problem> {
        let len = self.unsigned(path, Width::U64)?;
        self.take(path, len)
    }

    fn take(&mut self, path: &Path<'_>, len: u64) -> Result<&'a [u8], Problem> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(len).ok().and_then(|len| rest.get(..len)) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => {
                let (at, left) = (self.at, rest.len());
                let says = format!(
                    "is not complete: {len} bytes belong to it from byte {at} on, and the message \
                     has {left} more"
                );
                Err(path.problem(says))
            }
        }
    }
}
