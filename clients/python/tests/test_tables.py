"""Tables of updates, with the extras that they need."""

from __future__ import annotations

from decimal import Decimal, localcontext
from pathlib import Path

import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest

from tickcast import Absent, Candle, Candles, Quote, Row, Trade, Update
from tickcast.tables import to_arrow, to_pandas, to_polars, write_parquet

#: The largest mantissas with all decimal places and without any, and small ones.
DECIMALS = ["9223372036854775807", "-9.223372036854775808", "0.000000000000000001", "39432.480"]
TIME = 1_610_064_000_278_450_001

UPDATES = [
    *(
        Update("a/trade", at, at, None, TIME, "live", Trade(Decimal(text), Decimal(text), "sell"))
        for at, text in enumerate(DECIMALS, 1)
    ),
    Update("a/quote", 5, 1, TIME - 1, TIME, "live", Quote(bid=Decimal("1.5"))),
    Update("a/reading", 6, 1, None, TIME + 1, "retained", 21.5),
    Update("a/reading", 7, 2, None, TIME + 1, "live", float("nan")),
    Update("a/text", 8, 1, None, TIME + 1, "live", "zu, ≤ 1 °C"),
    Update("a/bytes", 9, 1, None, TIME + 1, "live", b"\x00\xff"),
    Update("a/absent", 10, 1, None, TIME + 1, "live", Absent("unavailable")),
]
COLUMNS = [
    "topic", "position", "seq", "source_time", "ingest_time", "quality", "kind", "reading",
    "price", "size", "side", "bid", "ask", "bid_size", "ask_size", "text", "bytes", "absent",
]  # fmt: skip
#: No update has these.
EMPTY = ["ask", "bid_size", "ask_size"]
ONE, TWO = Decimal("1.5"), Decimal("2.50")
CANDLE = Candle(TIME, "complete", ONE, TWO, ONE, ONE, TWO, 3)
ROW = Row(TIME, "open", 1.0, 2.0, 0.5, 1.5, 5.0, 4)


@pytest.fixture(autouse=True)
def _small_context() -> object:
    """A program may have set any precision."""
    with localcontext() as context:
        context.prec = 5
        yield


def test_arrow_keeps_every_decimal_and_every_nanosecond() -> None:
    table = to_arrow(UPDATES)
    assert table.column_names == [name for name in COLUMNS if name not in EMPTY]
    assert table["price"].to_pylist()[:4] == [Decimal(text) for text in DECIMALS]
    assert table["ingest_time"].cast(pyarrow.int64()).to_pylist()[0] == TIME
    assert table["source_time"].cast(pyarrow.int64()).to_pylist()[4] == TIME - 1
    assert table["bid"].to_pylist()[4] == Decimal("1.5")
    reading = table["reading"].to_pylist()
    assert reading[5] == 21.5
    # No number is a value; a missing one is none.
    assert reading[6] != reading[6]
    assert reading[7] is None
    assert table["bytes"].to_pylist()[8] == b"\x00\xff"
    assert table["absent"].to_pylist()[9] == "unavailable"


def test_parquet_files_have_all_columns_and_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "updates.parquet"
    write_parquet(UPDATES, path)
    table = pyarrow.parquet.read_table(path)
    assert table.column_names == COLUMNS
    assert table["size"].to_pylist()[:4] == [Decimal(text) for text in DECIMALS]
    assert table["ask"].null_count == len(UPDATES)
    write_parquet([], path)
    assert pyarrow.parquet.read_table(path).schema.names == COLUMNS


def test_polars_keeps_every_decimal_and_every_nanosecond() -> None:
    frame = to_polars(UPDATES)
    assert frame.columns == [name for name in COLUMNS if name not in EMPTY]
    assert frame["price"].to_list()[:4] == [Decimal(text) for text in DECIMALS]
    assert frame["ingest_time"].dtype == polars.Datetime("ns", "UTC")
    assert frame["ingest_time"].to_physical().to_list()[0] == TIME
    assert frame["kind"].to_list()[4:6] == ["quote", "reading"]


def test_pandas_keeps_decimals_with_their_zeros() -> None:
    frame = to_pandas(UPDATES)
    assert list(frame.columns) == [name for name in COLUMNS if name not in EMPTY]
    assert [format(price, "f") for price in frame["price"][:4]] == DECIMALS
    assert frame["ingest_time"].astype("int64").iloc[0] == TIME
    assert frame["source_time"].isna().tolist() == [True] * 4 + [False] + [True] * 5
    assert isinstance(frame["quality"].dtype, pandas.CategoricalDtype)
    assert frame["reading"].iloc[5] == 21.5


def test_candles_and_rows_are_tables_too() -> None:
    candles = to_arrow([CANDLE])
    assert candles.column_names[:3] == ["start", "state", "open"]
    assert candles["high"].to_pylist() == [Decimal("2.50")]
    rows = to_pandas(Candles(7, [], [ROW], more=False, info=None))
    assert rows["max"].tolist() == [2.0]
    assert to_polars([ROW])["sum"].to_list() == [5.0]


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="Candle, Row"):
        to_arrow([CANDLE, ROW])
    with pytest.raises(TypeError, match="not of str"):
        to_pandas(["x"])  # type: ignore[list-item]
    assert to_pandas([]).empty
