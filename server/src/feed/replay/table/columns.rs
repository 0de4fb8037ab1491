//! The columns of a table: their meaning, and where they are in a file.

use super::{column::Column, topics::TopicTemplate};

/// The meaning of columns. `C` identifies one: a [`Column`] in the settings, an index in an open
/// file.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns<C = Column> {
    /// The date, if it has a column of its own.
    pub(super) date: Option<C>,
    pub(super) time: C,
    pub(super) unit: Option<C>,
    /// Where the topic comes from, if not from the file's own topic alone.
    pub(super) topic: Option<TopicTemplate<C>>,
    pub(super) shape: RowShape<C>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowShape<C> {
    /// Numbers.
    Reading(C),
    Text(C),
    /// Numbers or texts, each a topic of its own.
    Cells(Vec<Cell<C>>),
    /// The same for all columns that have no other meaning.
    Rest,
    Trade {
        price: C,
        size: C,
        side: Option<SideColumn<C>>,
    },
    Quote {
        bid: C,
        ask: C,
        bid_size: Option<C>,
        ask_size: Option<C>,
    },
}

/// A column of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell<C> {
    pub(super) column: C,
    /// The level that its topic adds to the file's topic; none if it is the only one.
    pub(super) level: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum SideColumn<C> {
    Side(C),
    BuyerMaker(C),
}

impl Columns<Column> {
    /// Whether a column is given by its name, so that there must be a heading.
    pub(super) fn has_names(&self) -> bool {
        let named = |column: &Column| match column {
            Column::Name(_) => Err(()),
            Column::Number(_) => Ok(0),
        };
        self.map(named).is_err()
    }

    /// Finds the columns in the heading of a file, or in its first row if it has no heading.
    pub(super) fn locate(
        &self,
        first: &csv::StringRecord,
        has_header: bool,
    ) -> Result<Columns<usize>, String> {
        let find = |column: &Column| match column {
            Column::Number(0) => Err("columns are counted from 1".into()),
            Column::Number(number) if *number > first.len() => Err(format!(
                "there is no column {number}: the first line has {} (is it the right delimiter?)",
                first.len()
            )),
            Column::Number(number) => Ok(number - 1),
            Column::Name(name) if !has_header => Err(format!(
                "column {name:?} must be a number, because there is no heading"
            )),
            Column::Name(name) => position(first, name).ok_or_else(|| {
                let names: Vec<_> = first.iter().map(str::trim).collect();
                format!("there is no column {name:?}; the heading is {names:?}")
            }),
        };
        let mut columns = self.map(find)?;
        if matches!(columns.shape, RowShape::Rest) {
            let rest = (0..first.len()).filter(|index| !columns.uses(*index));
            let cells: Vec<_> = rest
                .map(|column| match has_header {
                    true => named_cell(first, column),
                    false => Cell {
                        column,
                        level: Some((column + 1).to_string()),
                    },
                })
                .collect();
            if cells.is_empty() {
                return Err("there is no column of values".into());
            }
            columns.shape = RowShape::Cells(cells);
        }
        Ok(columns)
    }
}

/// The cell of a column whose topic is named after the heading.
pub(super) fn named_cell(heading: &csv::StringRecord, column: usize) -> Cell<usize> {
    let level = heading.get(column).map(|name| name.trim().to_owned());
    Cell { column, level }
}

/// The column with this heading: exactly, or else in another case.
fn position(heading: &csv::StringRecord, name: &str) -> Option<usize> {
    let is_exact = |field: &str| field.trim() == name;
    let is_similar = |field: &str| field.trim().to_lowercase() == name.to_lowercase();
    let exact = heading.iter().position(is_exact);
    exact.or_else(|| heading.iter().position(is_similar))
}

impl Columns<usize> {
    /// Whether a column has a meaning.
    pub(super) fn uses(&self, index: usize) -> bool {
        let is_other = |column: &usize| match *column == index {
            true => Err(()),
            false => Ok(()),
        };
        self.map(is_other).is_err()
    }

    /// The columns whose cells are numbers.
    pub(super) fn numbers(&self) -> Vec<usize> {
        match &self.shape {
            RowShape::Reading(value) => vec![*value],
            RowShape::Text(_) | RowShape::Rest => Vec::new(),
            RowShape::Cells(cells) => cells.iter().map(|cell| cell.column).collect(),
            RowShape::Trade { price, size, .. } => vec![*price, *size],
            RowShape::Quote {
                bid,
                ask,
                bid_size,
                ask_size,
            } => [*bid, *ask]
                .into_iter()
                .chain(*bid_size)
                .chain(*ask_size)
                .collect(),
        }
    }
}

impl<C> Columns<C> {
    fn map<D, E>(&self, f: impl Fn(&C) -> Result<D, E>) -> Result<Columns<D>, E> {
        let maybe = |column: &Option<C>| column.as_ref().map(&f).transpose();
        let shape = match &self.shape {
            RowShape::Reading(value) => RowShape::Reading(f(value)?),
            RowShape::Text(text) => RowShape::Text(f(text)?),
            RowShape::Rest => RowShape::Rest,
            RowShape::Cells(cells) => {
                let cells = cells.iter().map(|cell| {
                    let (column, level) = (f(&cell.column)?, cell.level.clone());
                    Ok(Cell { column, level })
                });
                RowShape::Cells(cells.collect::<Result<_, E>>()?)
            }
            RowShape::Trade { price, size, side } => RowShape::Trade {
                price: f(price)?,
                size: f(size)?,
                side: match side {
                    None => None,
                    Some(SideColumn::Side(side)) => Some(SideColumn::Side(f(side)?)),
                    Some(SideColumn::BuyerMaker(maker)) => Some(SideColumn::BuyerMaker(f(maker)?)),
                },
            },
            RowShape::Quote {
                bid,
                ask,
                bid_size,
                ask_size,
            } => RowShape::Quote {
                bid: f(bid)?,
                ask: f(ask)?,
                bid_size: maybe(bid_size)?,
                ask_size: maybe(ask_size)?,
            },
        };
        Ok(Columns {
            date: maybe(&self.date)?,
            time: f(&self.time)?,
            unit: maybe(&self.unit)?,
            topic: self.topic.as_ref().map(|topic| topic.map(&f)).transpose()?,
            shape,
        })
    }
}
