//! One payload with many values: each leaf of an object is a part, each element of an array a
//! sample.

use std::borrow::Cow;

use tickcast_protocol::value::Value;

use super::{
    content::{Content, SampleTime},
    emit::Emitter,
    error::DecodeError,
    json::{Fields, Scalar, elements},
    parts::{plain, time},
    path::{SEPARATOR, push_name},
    sample, senml,
};

/// Levels of objects and arrays in a payload, at most. Devices nest two or three.
const LEVELS_MAX: usize = 8;

/// What is wanted of an object's leaves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Choice<'a> {
    /// If it is not empty: only these, by name or by path with slashes.
    pub(super) include: &'a [Box<str>],
    /// Not these.
    pub(super) exclude: &'a [Box<str>],
}

impl Choice<'_> {
    fn takes(&self, path: &str) -> bool {
        let names = |list: &[Box<str>]| {
            list.iter().any(|wanted| {
                let mut names = path.split(SEPARATOR);
                let mut levels = wanted.split('/');
                // A choice of "a" takes everything below "a" as well.
                levels.all(|level| names.next() == Some(level))
            })
        };
        (self.include.is_empty() || names(self.include)) && !names(self.exclude)
    }
}

/// Splits one payload.
pub(super) struct Splitter<'e, 'k> {
    pub(super) emitter: &'e mut Emitter<'k>,
    pub(super) choice: Choice<'e>,
    path: String,
}

impl<'e, 'k> Splitter<'e, 'k> {
    pub(super) fn new(emitter: &'e mut Emitter<'k>, choice: Choice<'e>) -> Self {
        Self {
            emitter,
            choice,
            path: String::new(),
        }
    }

    /// Adds the leaves of an object below the topic.
    pub(super) fn object(&mut self, fields: &Fields<'_>) {
        let hints = self.emitter.hints;
        match hints.time_of(fields, self.emitter.now_ns) {
            Some(time) => {
                let name = hints.time_name();
                let used = name.filter(|_| matches!(time, SampleTime::At(_)));
                self.members_at(fields, time, used, 1);
            }
            None => self.members(fields, SampleTime::Missing, 1),
        }
    }

    /// Adds the elements of an array, each as a sample of the topic. An array of several kinds is a
    /// record, of which each element has its own meaning.
    pub(super) fn array(&mut self, raw: &str) -> Result<(), DecodeError> {
        let elements = elements(raw)?;
        if senml::is_pack(&elements) {
            senml::read(&elements, self.emitter);
            return Ok(());
        }
        let time = SampleTime::Missing;
        let mut kinds = elements.iter().filter_map(|element| kind(element));
        let first = kinds.next();
        if !kinds.all(|kind| Some(kind) == first) {
            self.indexed(&elements, time, 1);
            return Ok(());
        }
        if first == Some(b'{') {
            self.objects(&elements, time, 1, false);
            return Ok(());
        }
        for element in elements {
            match kind(element) {
                Some(b'[') => self.timed(element, time, 1),
                _ => self.leaf(element, time),
            }
        }
        Ok(())
    }

    /// A pair of a time and a value, as charts use them, or an array of values.
    fn timed(&mut self, raw: &str, time: SampleTime, level: usize) {
        match self.pair(raw) {
            Some((time, value)) => self.leaf(value, time),
            None => self.indexed(&elements(raw).unwrap_or_default(), time, level),
        }
    }

    /// The time and the value, if an array is a pair of these.
    fn pair<'a>(&self, raw: &'a str) -> Option<(SampleTime, &'a str)> {
        let elements = elements(raw).ok()?;
        let [at, value] = elements.as_slice() else {
            return None;
        };
        let is_value = !matches!(Scalar::of(value), Scalar::Array | Scalar::Object);
        let time = match Scalar::of(at) {
            Scalar::Number(_) if is_value => {
                time(at, &self.emitter.hints.times, self.emitter.now_ns)
            }
            _ => return None,
        };
        matches!(time, SampleTime::At(_)).then_some((time, *value))
    }

    fn members(&mut self, fields: &Fields<'_>, outer: SampleTime, level: usize) {
        let emitter = &self.emitter;
        match sample::find_time(fields, emitter.hints, emitter.now_ns) {
            Some((name, time @ SampleTime::At(_))) => {
                self.members_at(fields, time, Some(name), level);
            }
            // A time that cannot be read stays visible as a part.
            Some((_, time)) => self.members_at(fields, time, None, level),
            None => self.members_at(fields, outer, None, level),
        }
    }

    /// The members of an object except for the one that has their time.
    fn members_at(
        &mut self,
        fields: &Fields<'_>,
        time: SampleTime,
        time_name: Option<&str>,
        level: usize,
    ) {
        for (name, raw) in fields.iter() {
            if time_name == Some(name) {
                continue;
            }
            let before = self.path.len();
            push_name(&mut self.path, name);
            self.part(raw, time, level + 1);
            self.path.truncate(before);
        }
    }

    /// A member of an object or an element of a record, at its path.
    fn part(&mut self, raw: &str, time: SampleTime, level: usize) {
        match Scalar::of(raw) {
            Scalar::Object => {
                if let Some(object) = self.read(raw, level) {
                    self.put_object(object, time, level);
                }
            }
            Scalar::Array => self.inner_array(raw, time, level),
            _ => self.leaf(raw, time),
        }
    }

    /// Parses an object. Without one, it is counted.
    fn read<'a>(&mut self, raw: &'a str, level: usize) -> Option<Object<'a>> {
        if level > LEVELS_MAX {
            self.emitter.decoded.left_out += 1;
            return None;
        }
        let fields = match Fields::parse(raw) {
            Ok(fields) => fields,
            Err(error) => {
                self.emitter.fail(DecodeError::not_json(raw, &error));
                return None;
            }
        };
        let content = sample::read(&fields, self.emitter.hints, self.emitter.now_ns);
        match content {
            Ok(content) => Some(Object { fields, content }),
            Err(error) => {
                self.emitter.fail(error);
                None
            }
        }
    }

    fn put_object(&mut self, object: Object<'_>, time: SampleTime, level: usize) {
        match object.content {
            Some(mut content) => {
                if content.time == SampleTime::Missing {
                    content.time = time;
                }
                self.put(content);
            }
            None => self.members(&object.fields, time, level),
        }
    }

    /// The objects of an array. One with a name is a sample of the series of that name. Within an
    /// object, those without names and times are no samples: they are told apart by their index, as
    /// the phases of a meter.
    fn objects(&mut self, elements: &[&str], time: SampleTime, level: usize, is_inner: bool) {
        let mut objects = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match *element {
                // There is nothing at this place.
                "null" => self.leaf(element, time),
                _ => objects.extend(self.read(element, level).map(|object| (index, object))),
            }
        }
        let (hints, now_ns) = (self.emitter.hints, self.emitter.now_ns);
        let are_samples = || {
            let mut objects = objects.iter();
            objects.any(|(_, object)| {
                let time = sample::find_time(&object.fields, hints, now_ns);
                let has_time = matches!(time, Some((_, SampleTime::At(_))));
                has_time || object.is_trade_or_quote() || object.name().is_some()
            })
        };
        let are_indexed = is_inner && !are_samples();
        for (index, object) in objects {
            let before = self.path.len();
            match object.name() {
                _ if are_indexed => push_name(&mut self.path, &index.to_string()),
                Some(name) => push_name(&mut self.path, &name),
                None => {}
            }
            self.put_object(object, time, level);
            self.path.truncate(before);
        }
    }

    /// An array within an object: its objects are samples, its numbers have their index as a name.
    fn inner_array(&mut self, raw: &str, time: SampleTime, level: usize) {
        if level > LEVELS_MAX {
            self.emitter.decoded.left_out += 1;
            return;
        }
        let Ok(elements) = elements(raw) else {
            return;
        };
        if elements.iter().all(|element| element.starts_with('{')) {
            self.objects(&elements, time, level + 1, true);
        } else if elements.iter().all(|element| self.pair(element).is_some()) {
            for element in elements {
                self.timed(element, time, level + 1);
            }
        } else {
            self.indexed(&elements, time, level);
        }
    }

    /// The elements of an array, with their index as a name.
    fn indexed(&mut self, elements: &[&str], time: SampleTime, level: usize) {
        if level > LEVELS_MAX {
            self.emitter.decoded.left_out += 1;
            return;
        }
        for (index, element) in elements.iter().enumerate() {
            let before = self.path.len();
            push_name(&mut self.path, &index.to_string());
            self.part(element, time, level + 1);
            self.path.truncate(before);
        }
    }

    fn leaf(&mut self, raw: &str, time: SampleTime) {
        match plain(raw, self.emitter.hints.numerals) {
            Ok(mut content) => {
                content.time = time;
                self.put(content);
            }
            Err(error) => self.emitter.fail(error),
        }
    }

    fn put(&mut self, content: Content<'_>) {
        if self.path.is_empty() {
            return self.emitter.own(content);
        }
        if self.choice.takes(&self.path) {
            let name = self.path.rsplit(SEPARATOR).next();
            self.emitter
                .part(&self.path, name.unwrap_or_default(), content);
        } else {
            self.emitter.decoded.passed_over += 1;
        }
    }
}

/// An object within a payload.
struct Object<'a> {
    fields: Fields<'a>,
    /// Its value, if it is one.
    content: Option<Content<'a>>,
}

impl Object<'_> {
    /// The name that it has as an element of an array.
    fn name(&self) -> Option<Cow<'_, str>> {
        sample::element_name(&self.fields, self.content.as_ref())
    }

    fn is_trade_or_quote(&self) -> bool {
        let value = self.content.as_ref().map(|content| &content.value);
        matches!(value, Some(Value::Trade(_) | Value::Quote(_)))
    }
}

/// The kind of an element by its first character; `None` for null, which may be of any.
fn kind(raw: &str) -> Option<u8> {
    match raw.as_bytes().first()? {
        b'n' => None,
        b't' | b'f' => Some(b't'),
        kind @ (b'"' | b'[' | b'{') => Some(*kind),
        _ => Some(b'0'),
    }
}
