//! The topics of a table's rows: one of the file, one of each column, or one made of cells.

use std::{collections::HashMap, str::FromStr};

use tickcast_protocol::topic::Topic;

use super::column::Column;
use crate::feed::decode::{DecodeError, bad};

/// Topics that the cells of one file may name: all instruments of an exchange.
const TOPICS_MAX: usize = 65_536;

/// A topic with places for cells: `plant/{sensor}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TopicTemplate<C> {
    pub(super) pieces: Vec<Piece<C>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece<C> {
    Text(String),
    /// A cell, which is one level.
    Level(C),
    /// A cell that may have several levels.
    Levels(C),
}

/// What the values of a topic have been so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    #[default]
    Unknown,
    Numbers,
    Texts,
}

/// A topic of a file.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) topic: Topic,
    pub(super) kind: Kind,
}

/// The topics of a file.
#[derive(Debug)]
pub(super) struct Topics {
    /// Without it, every row has the same topics.
    template: Option<TopicTemplate<usize>>,
    /// The last level of the topic of each column of values.
    levels: Vec<Option<String>>,
    /// The topics of the columns, by what the template makes of the cells.
    known: HashMap<String, Vec<Series>>,
    name: String,
}

impl FromStr for TopicTemplate<Column> {
    type Err = String;

    /// A cell in a longer topic is one level. Alone it is the whole topic, with all its levels.
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("topic {text:?}: write it as in \"plant/{{sensor}}\"");
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or_else(form)?;
            if inside.trim().is_empty() || before.contains('}') {
                return Err(form());
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Level(Column::from(inside.trim())));
            rest = after;
        }
        if rest.contains('}') {
            return Err(form());
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        if let [Piece::Level(column)] = pieces.as_slice() {
            pieces = vec![Piece::Levels(column.clone())];
        }
        Ok(Self { pieces })
    }
}

impl<C> TopicTemplate<C> {
    /// Whether it has a place for a cell.
    pub(super) fn has_cells(&self) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| !matches!(piece, Piece::Text(_)))
    }

    pub(super) fn map<D, E>(&self, f: impl Fn(&C) -> Result<D, E>) -> Result<TopicTemplate<D>, E> {
        let pieces = self.pieces.iter().map(|piece| {
            Ok(match piece {
                Piece::Text(text) => Piece::Text(text.clone()),
                Piece::Level(cell) => Piece::Level(f(cell)?),
                Piece::Levels(cell) => Piece::Levels(f(cell)?),
            })
        });
        let pieces = pieces.collect::<Result<_, E>>()?;
        Ok(TopicTemplate { pieces })
    }
}

impl TopicTemplate<usize> {
    fn fill(&self, row: &csv::StringRecord, name: &mut String) -> Result<(), DecodeError> {
        name.clear();
        for piece in &self.pieces {
            let (cell, has_levels) = match piece {
                Piece::Text(text) => {
                    name.push_str(text);
                    continue;
                }
                Piece::Level(cell) => (*cell, false),
                Piece::Levels(cell) => (*cell, true),
            };
            let text = row.get(cell).unwrap_or_default().trim();
            if text.is_empty() {
                return Err(bad("topic", text, "the cell is empty"));
            }
            name.extend(text.chars().map(|character| match character {
                '/' if has_levels => '/',
                '/' | '+' | '#' => '-',
                control if control.is_control() => '-',
                other => other,
            }));
        }
        Ok(())
    }
}

impl Topics {
    /// The topics below `own`, or by a template. `levels` has one entry for each value of a row.
    pub(super) fn new(
        own: &Topic,
        template: Option<TopicTemplate<usize>>,
        mut levels: Vec<Option<String>>,
    ) -> Result<Self, String> {
        tidy(&mut levels);
        let mut topics = Self {
            template: template.filter(TopicTemplate::has_cells),
            levels,
            known: HashMap::new(),
            name: own.as_str().to_owned(),
        };
        if topics.template.is_none() {
            topics.add().map_err(|error| error.to_string())?;
        }
        Ok(topics)
    }

    /// Whether the cells of a row are part of its topics.
    pub(super) fn are_named_by_cells(&self) -> bool {
        self.template.is_some()
    }

    /// The topics that are known so far.
    pub(super) fn known(&self) -> impl Iterator<Item = &Topic> {
        self.known.values().flatten().map(|series| &series.topic)
    }

    /// The topics of a row, one for each of its values.
    pub(super) fn of(&mut self, row: &csv::StringRecord) -> Result<&mut [Series], DecodeError> {
        if let Some(template) = &self.template {
            template.fill(row, &mut self.name)?;
            if !self.known.contains_key(&self.name) {
                if self.known.len() >= TOPICS_MAX {
                    let reason = format!("the file names more than {TOPICS_MAX} topics");
                    return Err(bad("topic", &self.name, &reason));
                }
                self.add()?;
            }
        }
        let known = self.known.get_mut(&self.name);
        Ok(known.expect("the topics were known or have just been added"))
    }

    fn add(&mut self) -> Result<(), DecodeError> {
        let series = self.levels.iter().map(|level| {
            let topic = match level {
                Some(level) => Topic::new(&format!("{}/{level}", self.name))?,
                None => Topic::new(&self.name)?,
            };
            let kind = Kind::Unknown;
            Ok(Series { topic, kind })
        });
        let series = series.collect::<Result<_, DecodeError>>()?;
        self.known.insert(self.name.clone(), series);
        Ok(())
    }
}

/// Makes headings levels of topics that differ.
fn tidy(levels: &mut [Option<String>]) {
    for index in 0..levels.len() {
        let (before, rest) = levels.split_at_mut(index);
        let Some(level) = &mut rest[0] else {
            continue;
        };
        let clean = |character: char| match character {
            '/' | '+' | '#' => '_',
            control if control.is_control() => '_',
            other => other,
        };
        *level = level.chars().map(clean).collect();
        if level.is_empty() {
            *level = (index + 1).to_string();
        }
        let name = level.clone();
        let mut number = 2;
        while before.iter().flatten().any(|other| other == level) {
            *level = format!("{name}_{number}");
            number += 1;
        }
    }
}
