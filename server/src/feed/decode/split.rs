//! One payload with many values: each leaf of an object is a part, each element of an array a
//! sample.

use super::{
    content::{Content, SampleTime},
    emit::Emitter,
    error::DecodeError,
    json::{Fields, Scalar, elements},
    parts::{plain, sample_time},
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
        self.members(fields, SampleTime::Missing, 1);
    }

    /// Adds the elements of an array, each as a sample of the topic.
    pub(super) fn array(&mut self, raw: &str) -> Result<(), DecodeError> {
        let elements = elements(raw)?;
        if senml::is_pack(&elements) {
            senml::read(&elements, self.emitter);
            return Ok(());
        }
        for element in elements {
            self.sample(element, SampleTime::Missing, 1);
        }
        Ok(())
    }

    /// Adds an element of an array whose elements are samples of the current path.
    fn sample(&mut self, raw: &str, time: SampleTime, level: usize) {
        match Scalar::of(raw) {
            Scalar::Object => self.element(raw, time, level),
            Scalar::Array => self.timed(raw, time, level),
            _ => self.leaf(raw, time),
        }
    }

    /// A pair of a time and a value, as charts use them, or an array of values.
    fn timed(&mut self, raw: &str, time: SampleTime, level: usize) {
        match self.pair(raw) {
            Some((time, value)) => self.leaf(value, time),
            None => self.indexed(raw, time, level),
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
            Scalar::Number(_) if is_value => sample_time(at, self.emitter.now_ns),
            _ => return None,
        };
        matches!(time, SampleTime::At(_)).then_some((time, *value))
    }

    /// An object in an array. If it has a name, so has its series.
    fn element(&mut self, raw: &str, time: SampleTime, level: usize) {
        let before = self.path.len();
        self.object_of(raw, time, level, true);
        self.path.truncate(before);
    }

    fn members(&mut self, fields: &Fields<'_>, outer: SampleTime, level: usize) {
        let mut time = outer;
        let mut time_name = None;
        if let Some(name) = sample::time_member(fields, self.emitter.now_ns)
            && let Some(raw) = fields.get(name)
        {
            let own = sample_time(raw, self.emitter.now_ns);
            if raw != "null" {
                time = own;
            }
            // A time that cannot be read stays visible as a part.
            time_name = matches!(own, SampleTime::At(_)).then_some(name);
        }
        for (name, raw) in fields.iter() {
            if time_name == Some(name) {
                continue;
            }
            let before = self.path.len();
            push_name(&mut self.path, name);
            match Scalar::of(raw) {
                Scalar::Object => self.inner_object(raw, time, level + 1),
                Scalar::Array => self.inner_array(raw, time, level + 1),
                _ => self.leaf(raw, time),
            }
            self.path.truncate(before);
        }
    }

    fn inner_object(&mut self, raw: &str, time: SampleTime, level: usize) {
        self.object_of(raw, time, level, false);
    }

    fn object_of(&mut self, raw: &str, time: SampleTime, level: usize, is_element: bool) {
        if level > LEVELS_MAX {
            self.emitter.decoded.left_out += 1;
            return;
        }
        let fields = match Fields::parse(raw) {
            Ok(fields) => fields,
            Err(error) => return self.emitter.fail(DecodeError::NotJson(error.to_string())),
        };
        let content = sample::read(&fields, self.emitter.now_ns);
        let known = content.as_ref().ok().and_then(Option::as_ref);
        if is_element && let Some(name) = sample::element_name(&fields, known) {
            push_name(&mut self.path, &name);
        }
        match content {
            Ok(Some(mut content)) => {
                if content.time == SampleTime::Missing {
                    content.time = time;
                }
                self.put(content);
            }
            Ok(None) => self.members(&fields, time, level),
            Err(error) => self.emitter.fail(error),
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
        let are_objects = elements.iter().all(|element| element.starts_with('{'));
        if are_objects {
            for element in elements {
                self.element(element, time, level + 1);
            }
        } else if elements.iter().all(|element| self.pair(element).is_some()) {
            for element in elements {
                self.timed(element, time, level + 1);
            }
        } else {
            self.indexed(raw, time, level);
        }
    }

    fn indexed(&mut self, raw: &str, time: SampleTime, level: usize) {
        if level > LEVELS_MAX {
            self.emitter.decoded.left_out += 1;
            return;
        }
        let Ok(elements) = elements(raw) else {
            return;
        };
        for (index, element) in elements.into_iter().enumerate() {
            let before = self.path.len();
            push_name(&mut self.path, &index.to_string());
            match Scalar::of(element) {
                Scalar::Object => self.inner_object(element, time, level + 1),
                Scalar::Array => self.inner_array(element, time, level + 1),
                _ => self.leaf(element, time),
            }
            self.path.truncate(before);
        }
    }

    fn leaf(&mut self, raw: &str, time: SampleTime) {
        match plain(raw) {
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
