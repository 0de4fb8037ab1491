"""Tables of updates, candles and rows, for pandas, Polars, Arrow and Parquet. All are extras.

Times become timestamps of nanoseconds in UTC. Decimals stay exact: Arrow and Polars have 38 digits,
18 of them after the point, which hold every decimal of Tickcast; pandas keeps Decimal objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .answers import Candle, Candles, History, Row
from .values import Absent, Quote, Trade, Update

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Record: TypeAlias = Update | Candle | Row
#: Updates, or candles, or rows: a list of them, or an answer that has them.
Records: TypeAlias = Iterable[Record] | History | Candles

#: Digits of a decimal in Arrow and Polars: 20 before the point and 18 after it.
PRECISION, SCALE = 38, 18

_Kind: TypeAlias = Literal["time", "int", "float", "decimal", "text", "word", "bytes"]


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    kind: _Kind
    get: Callable[[Any], Any]


def _kind_of(update: Update) -> str:
    value = update.value
    if isinstance(value, float):
        return "reading"
    if isinstance(value, str):
        return "text"
    return type(value).__name__.lower()


def _of(kind: type, name: str | None = None) -> Callable[[Any], Any]:
    """Gets a value of one kind, or a part of it; else None."""

    def get(update: Update) -> Any:
        value = update.value
        if not isinstance(value, kind):
            return None
        return value if name is None else getattr(value, name)

    return get


def _field(name: str) -> Callable[[Any], Any]:
    return lambda record: getattr(record, name)


_UPDATES: tuple[_Column, ...] = (
    _Column("topic", "word", _field("topic")),
    _Column("position", "int", _field("position")),
    _Column("seq", "int", _field("seq")),
    _Column("source_time", "time", _field("source_time_ns")),
    _Column("ingest_time", "time", _field("ingest_time_ns")),
    _Column("quality", "word", _field("quality")),
    _Column("kind", "word", _kind_of),
)
#: A column of values is there if the records have such a value.
_VALUES: tuple[_Column, ...] = (
    _Column("reading", "float", _of(float)),
    _Column("price", "decimal", _of(Trade, "price")),
    _Column("size", "decimal", _of(Trade, "size")),
    _Column("side", "word", _of(Trade, "side")),
    _Column("bid", "decimal", _of(Quote, "bid")),
    _Column("ask", "decimal", _of(Quote, "ask")),
    _Column("bid_size", "decimal", _of(Quote, "bid_size")),
    _Column("ask_size", "decimal", _of(Quote, "ask_size")),
    _Column("text", "text", _of(str)),
    _Column("bytes", "bytes", _of(bytes)),
    _Column("absent", "text", _of(Absent, "word")),
)
_CANDLES: tuple[_Column, ...] = (
    _Column("start", "time", _field("start_ns")),
    _Column("state", "word", _field("state")),
    *(_Column(name, "decimal", _field(name)) for name in ("open", "high", "low", "close")),
    _Column("volume", "decimal", _field("volume")),
    _Column("count", "int", _field("count")),
)
_ROWS: tuple[_Column, ...] = (
    _Column("start", "time", _field("start_ns")),
    _Column("state", "word", _field("state")),
    *(_Column(name, "float", _field(name)) for name in ("first", "max", "min", "last", "sum")),
    _Column("count", "int", _field("count")),
)


def _columns(records: Records, all_columns: bool) -> list[tuple[_Column, list[Any]]]:
    if isinstance(records, History):
        records = records.updates
    elif isinstance(records, Candles):
        records = [*records.candles, *records.rows]
    rows = list(records)
    kinds = {type(row) for row in rows} or {Update}
    if len(kinds) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"one table cannot hold {names}: make a table of each")
    (kind,) = kinds
    fixed = {Update: _UPDATES, Candle: _CANDLES, Row: _ROWS}.get(kind)
    if fixed is None:
        raise TypeError(f"a table is of updates, candles or rows, not of {kind.__name__}")
    table = [(column, [column.get(row) for row in rows]) for column in fixed]
    if kind is Update:
        values = [(column, [column.get(row) for row in rows]) for column in _VALUES]
        table += [
            (column, cells)
            for column, cells in values
            if all_columns or any(cell is not None for cell in cells)
        ]
    return table


def to_arrow(records: Records, *, all_columns: bool = False) -> pyarrow.Table:
    """An Arrow table. ``all_columns`` adds those for values that the records do not have."""
    import pyarrow

    word = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    types = {
        "time": pyarrow.timestamp("ns", "UTC"),
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "decimal": pyarrow.decimal128(PRECISION, SCALE),
        "text": pyarrow.string(),
        "word": word,
        "bytes": pyarrow.binary(),
    }
    table = _columns(records, all_columns)
    arrays = [_arrow_array(pyarrow, cells, types[column.kind]) for column, cells in table]
    return pyarrow.table(arrays, names=[column.name for column, _ in table])


def _arrow_array(pyarrow: Any, cells: list[Any], kind: Any) -> Any:
    if pyarrow.types.is_dictionary(kind):
        return pyarrow.array(cells, pyarrow.string()).dictionary_encode()
    return pyarrow.array(cells, kind)


def write_parquet(records: Records, path: str | PathLike[str], *, all_columns: bool = True) -> None:
    """Writes a Parquet file, which has all columns so that many files have one schema."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(to_arrow(records, all_columns=all_columns), path)


def to_polars(records: Records, *, all_columns: bool = False) -> polars.DataFrame:
    """A Polars frame."""
    import polars

    types: dict[str, Any] = {
        "time": polars.Datetime("ns", "UTC"),
        "int": polars.Int64(),
        "float": polars.Float64(),
        "decimal": polars.Decimal(PRECISION, SCALE),
        "text": polars.String(),
        "word": polars.Categorical(),
        "bytes": polars.Binary(),
    }
    series = []
    for column, cells in _columns(records, all_columns):
        kind = types[column.kind]
        if column.kind == "time":
            series.append(polars.Series(column.name, cells, polars.Int64()).cast(kind))
        else:
            series.append(polars.Series(column.name, cells, kind))
    return polars.DataFrame(series)


def to_pandas(records: Records, *, all_columns: bool = False) -> pandas.DataFrame:
    """A pandas frame. Decimals are Decimal objects, which keep their zeros at the end."""
    import pandas

    types: dict[str, Any] = {
        "int": "int64",
        "float": "float64",
        "decimal": object,
        "text": object,
        "word": "category",
        "bytes": object,
    }
    columns: dict[str, Any] = {}
    for column, cells in _columns(records, all_columns):
        if column.kind == "time":
            integers = pandas.array(cells, dtype="Int64")
            columns[column.name] = pandas.to_datetime(integers, unit="ns", utc=True)
        else:
            columns[column.name] = pandas.Series(cells, dtype=types[column.kind])
    frame: pandas.DataFrame = pandas.DataFrame(columns)
    return frame
