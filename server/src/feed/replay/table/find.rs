//! Finding the form of a table in its first rows.

use csv::StringRecord;
use tickcast_protocol::{topic::Topic, value::Value};

use super::{
    column::Column,
    columns::{Columns, RowShape, SideColumn},
    format::{CsvFormat, Options, WITHOUT_HEADING, delimiter_name},
    headings::{Headings, KNOWN, is_heading},
    numbers::{Numbers, is_absent, looks_like_number},
    reader::{RowReader, time_text},
    sample::Sample,
    times::{Times, looks_like_time},
    topics::{Piece, TopicTemplate, Topics},
};
use crate::{
    clock::wall_ns,
    feed::{
        decode::MissingPolicy,
        replay::row::{Chunk, Row},
    },
};

/// The form of a table.
#[derive(Debug)]
pub(super) struct Layout {
    /// Lines before the heading or the first row.
    pub(super) skip: usize,
    pub(super) has_header: bool,
    pub(super) delimiter: u8,
    pub(super) reader: RowReader,
    /// What was found, for the log.
    pub(super) told: String,
}

/// The own topic of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnTopic<'a> {
    pub(crate) topic: &'a Topic,
    /// Whether the settings name it.
    pub(crate) is_set: bool,
}

/// Rows without a heading are compared with the known formats; this many are enough.
const COMPARED_ROWS: usize = 20;

impl Layout {
    /// Finds the form. The error states the problem, but not the file.
    pub(super) fn find(
        sample: &Sample,
        format: &CsvFormat,
        own: OwnTopic<'_>,
    ) -> Result<Self, String> {
        let skip = format.options.skip + sample.lines_before();
        let delimiter = match format.options.delimiter {
            Some(delimiter) => delimiter,
            None => sample.delimiter(skip),
        };
        let rows = sample.rows(delimiter, skip)?;
        let Some(first) = rows.first() else {
            return Err("there are no rows: it is empty".into());
        };
        let table = Table {
            skip,
            delimiter,
            rows: &rows,
            first,
            own,
        };
        match &format.columns {
            Some(columns) => table.by_columns(columns, &format.options),
            None => table.by_headings(&format.options),
        }
    }
}

/// The first rows of a file.
struct Table<'a> {
    skip: usize,
    delimiter: u8,
    rows: &'a [StringRecord],
    first: &'a StringRecord,
    own: OwnTopic<'a>,
}

impl Table<'_> {
    fn by_columns(&self, columns: &Columns, options: &Options) -> Result<Layout, String> {
        let has_header = match options.header {
            Some(told) => told,
            None if columns.has_names() => true,
            None => !self.first_is_data(&columns.locate(self.first, false)?, options)?,
        };
        let columns = columns.locate(self.first, has_header)?;
        self.layout(columns, options, has_header)
    }

    fn by_headings(&self, options: &Options) -> Result<Layout, String> {
        if options.header != Some(false) {
            let prefix = self.own.is_set.then(|| self.own.topic.as_str());
            let row = self.rows.get(1);
            let headings = Headings::new(self.first);
            if let Some(columns) = headings.columns(self.first, row, prefix) {
                let mut columns = columns.map_err(|reason| self.unknown(&reason))?;
                if let Some(topic) = &options.topic {
                    columns.topic = Some(self.locate_topic(topic)?);
                }
                return self.layout(columns, options, true);
            }
            if options.header == Some(true) || is_heading(self.first) {
                return Err(self.unknown("the heading is not known"));
            }
        }
        let known = WITHOUT_HEADING.iter();
        let mut known = known.filter(|(_, columns)| columns.contains(&self.first.len()));
        let found = known.find_map(|(name, _)| self.by_preset(name, options));
        found.ok_or_else(|| {
            self.unknown("the first line is data and no heading, and its columns are not known")
        })
    }

    fn locate_topic(&self, topic: &TopicTemplate<Column>) -> Result<TopicTemplate<usize>, String> {
        let columns = Columns {
            date: None,
            time: Column::Number(1),
            unit: None,
            topic: Some(topic.clone()),
            shape: RowShape::Cells(Vec::new()),
        };
        let located = columns.locate(self.first, true)?.topic;
        located.ok_or_else(|| "there is no topic".to_owned())
    }

    /// A known format without a heading, if the first rows have it.
    fn by_preset(&self, name: &str, options: &Options) -> Option<Layout> {
        let preset: CsvFormat = name.parse().ok()?;
        let columns = preset.columns?.locate(self.first, false).ok()?;
        let mut merged = options.clone();
        let (times, preset_times) = (&mut merged.times, &preset.options.times);
        times.form = times.form.take().or(preset_times.form.clone());
        times.zone = times.zone.take().or(preset_times.zone.clone());
        let mut layout = self.layout(columns, &merged, false).ok()?;
        let mut chunk = Chunk::default();
        for row in self.rows.iter().take(COMPARED_ROWS) {
            layout.reader.read(row, 0, &mut chunk);
        }
        let is_text = |row: &Row| matches!(row.value, Value::Text(_));
        let fits = chunk.bad_rows.is_empty() && !chunk.rows.iter().any(is_text);
        // What was read counts as the first rows of no file.
        fits.then(|| self.layout(layout.reader.columns, &merged, false).ok())?
    }

    fn layout(
        &self,
        columns: Columns<usize>,
        options: &Options,
        has_header: bool,
    ) -> Result<Layout, String> {
        let rows = &self.rows[usize::from(has_header)..];
        if rows.is_empty() {
            return Err("there are no rows".into());
        }
        let mut joined = String::new();
        let times = rows.iter().filter_map(|row| {
            let text = time_text(&columns, row, &mut joined).ok()?;
            Some(text.to_owned())
        });
        let times: Vec<_> = times.collect();
        let times = Times::find(&options.times, &times, wall_ns())?;
        let in_numbers = columns.numbers();
        let cells = rows.iter().flat_map(|row| {
            let cells = in_numbers.iter();
            cells.filter_map(|column| row.get(*column))
        });
        let numbers = Numbers::find(&options.numbers, cells)?;
        let levels = match &columns.shape {
            RowShape::Cells(cells) => cells.iter().map(|cell| cell.level.clone()).collect(),
            _ => vec![None],
        };
        let told = self.told(&columns, has_header);
        let topics = Topics::new(self.own.topic, self.template(&columns)?, levels)?;
        Ok(Layout {
            skip: self.skip,
            has_header,
            delimiter: self.delimiter,
            told,
            reader: RowReader {
                columns,
                times,
                numbers,
                missing: options.missing.unwrap_or(MissingPolicy::Absent),
                topics,
                unit: None,
                joined: String::new(),
            },
        })
    }

    /// The template of the topics: of the format, or of the file's own topic.
    fn template(&self, columns: &Columns<usize>) -> Result<Option<TopicTemplate<usize>>, String> {
        let own = self.own.topic.as_str();
        if own.contains(['{', '}']) {
            return self.locate_topic(&own.parse()?).map(Some);
        }
        let Some(mut template) = columns.topic.clone() else {
            return Ok(None);
        };
        // The name of a column alone goes below the file's topic.
        if let Some(Piece::Text(text)) = template.pieces.first_mut()
            && text == "/"
        {
            *text = format!("{own}/");
        }
        Ok(Some(template))
    }

    /// Whether the first line is a row and no heading, by the columns that have a meaning.
    fn first_is_data(&self, columns: &Columns<usize>, options: &Options) -> Result<bool, String> {
        let mut joined = String::new();
        let has_time = |row: &StringRecord, joined: &mut String| {
            time_text(columns, row, joined).is_ok_and(|text| looks_like_time(&options.times, text))
        };
        let numbers = columns.numbers();
        let cells = || numbers.iter().filter_map(|column| self.first.get(*column));
        let cells = || cells().map(str::trim).filter(|cell| !is_absent(cell));
        let (all, none) = match columns.shape {
            // Columns of values may have texts.
            RowShape::Cells(_) => (true, !cells().any(looks_like_number)),
            _ => (
                cells().all(looks_like_number),
                cells().next().is_some() && !cells().any(looks_like_number),
            ),
        };
        let first_has_time = has_time(self.first, &mut joined);
        if first_has_time && all {
            return Ok(true);
        }
        let next_has_time = || {
            let next = self.rows.get(1);
            next.is_none_or(|row| has_time(row, &mut String::new()))
        };
        if !first_has_time && (none || numbers.is_empty()) && next_has_time() {
            return Ok(false);
        }
        Err(format!(
            "the first line, {:?}, may be a heading or a row: set header=true or header=false in \
             --replay-format",
            excerpt(self.first)
        ))
    }

    fn unknown(&self, reason: &str) -> String {
        format!(
            "{reason}: it begins with {:?}. Known are {KNOWN}. Name the columns by their heading or \
             number in --replay-format, as in {:?} (skip=1 passes over a line before them)",
            excerpt(self.first),
            match is_heading(self.first) {
                true => self.example(),
                false => "time=1,value=2".to_owned(),
            }
        )
    }

    /// A format with the headings of this file.
    fn example(&self) -> String {
        let mut names = self.first.iter().map(str::trim);
        let plain = |name: &&str| !name.is_empty() && !name.contains([',', '=']);
        match (names.next().filter(plain), names.next().filter(plain)) {
            (Some(time), Some(value)) => format!("time={time},value={value}"),
            _ => "time=1,value=2".to_owned(),
        }
    }

    /// The columns and their meaning.
    fn told(&self, columns: &Columns<usize>, has_header: bool) -> String {
        let name = |column: &usize| match self.first.get(*column).filter(|_| has_header) {
            Some(name) if !name.trim().is_empty() => format!("{:?}", name.trim()),
            _ => (column + 1).to_string(),
        };
        let mut parts = Vec::new();
        let mut part = |key: &str, column: &usize| parts.push(format!("{key} {}", name(column)));
        columns.date.iter().for_each(|date| part("date", date));
        part("time", &columns.time);
        match &columns.shape {
            RowShape::Reading(value) => part("value", value),
            RowShape::Text(text) => part("text", text),
            RowShape::Cells(cells) => cells.iter().for_each(|cell| part("value", &cell.column)),
            RowShape::Rest => {}
            RowShape::Trade { price, size, side } => {
                part("price", price);
                part("size", size);
                match side {
                    Some(SideColumn::Side(side)) => part("side", side),
                    Some(SideColumn::BuyerMaker(maker)) => {
                        part("buyer_maker", maker);
                    }
                    None => {}
                }
            }
            RowShape::Quote {
                bid,
                ask,
                bid_size,
                ask_size,
            } => {
                part("bid", bid);
                part("ask", ask);
                bid_size.iter().for_each(|size| part("bid_size", size));
                ask_size.iter().for_each(|size| part("ask_size", size));
            }
        }
        columns.unit.iter().for_each(|unit| part("unit", unit));
        let unused = (0..self.first.len()).filter(|column| !columns.uses(*column));
        let unused: Vec<_> = unused.map(|column| name(&column)).collect();
        let mut told = format!(
            "{}, delimiter {}, columns {}",
            if has_header {
                "a heading"
            } else {
                "no heading"
            },
            delimiter_name(self.delimiter),
            parts.join(", ")
        );
        if !unused.is_empty() {
            told.push_str(&format!(" (not read: {})", unused.join(", ")));
        }
        told
    }
}

/// The beginning of a line.
fn excerpt(row: &StringRecord) -> String {
    const CELLS: usize = 8;
    let cells: Vec<_> = row.iter().take(CELLS).collect();
    cells.join(",")
}
