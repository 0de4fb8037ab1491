"""The examples of README.md, of the package and of the project, run as they are.

Only the server's address is replaced.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import World
from test_examples import output_until

from tickcast import Client

PLACES = (Path(__file__).parents[1], Path(__file__).parents[3])
TEXT = "".join((place / "README.md").read_text(encoding="utf-8") for place in PLACES)
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
#: What each block prints.
EXPECTED = [
    r"^market/\S+ (Trade|Quote)\(",
    r"^market/\S+ \d+ (Trade|Quote)\(",
    r"(?s)^1 0\.25\n39432\.480\n.*^lab/gold Trade\(price=Decimal\('39432\.480'\)",
    r"decimal128\(38, 18\)",
    r"^market/\S+/trade \d+(\.\d+)?$",
]


def test_each_block_has_an_expectation() -> None:
    assert len(BLOCKS) == len(EXPECTED)


@pytest.mark.parametrize("number", range(len(EXPECTED)))
async def test_the_examples_of_the_readme_run(
    world: World, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ("--feed", "none") if number == 2 else ()
    server = await world.server(*flags)
    if number == 3:
        # Until there is something to make tables of.
        client: Client = world.client(server.url)
        await client.subscribe("market/+/trade", mode="every").next()
    code = re.sub(r"ws://[^\"]+:7400/ws", server.url, BLOCKS[number])
    assert code != BLOCKS[number]
    await output_until(EXPECTED[number], "-c", code)
