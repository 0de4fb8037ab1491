"""The examples run as they are, with a real server.

`UPDATE_NOTEBOOK=1` writes the outputs of the notebook.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from functools import partial
from pathlib import Path

import nbclient
import nbformat
import pytest
from conftest import World
from support.waiting import DEADLINE_S, until

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOK = EXAMPLES / "live.ipynb"


async def output_until(expected: str, *words: str) -> str:
    """Runs a program until its output matches. It is ended then."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=PIPE, stderr=STDOUT
    )
    assert process.stdout is not None
    output = ""

    async def read() -> None:
        nonlocal output
        assert process.stdout is not None
        while not re.search(expected, output, re.MULTILINE):
            chunk = await process.stdout.read(4096)
            if not chunk:
                break
            output += chunk.decode()

    try:
        await asyncio.wait_for(read(), DEADLINE_S)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    assert re.search(expected, output, re.MULTILINE), output
    return output


async def test_watch_prints_values_and_their_age(world: World) -> None:
    server = await world.server()
    words = [str(EXAMPLES / "watch.py"), "market/+/trade", server.url]
    await output_until(r"^market/\S+/trade +Trade\(price=.* ms old\)", *words)


async def test_publish_prints_the_position(world: World) -> None:
    server = await world.server("--feed", "none")
    words = [str(EXAMPLES / "publish.py"), "lab/scale", server.url]
    await output_until(r"^lab/scale 20.50 at position 2$", *words)


def values_in(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    # The program may be writing the last one.
    return [json.loads(line)["value"] for line in lines if line.endswith("}")]


async def test_resume_writes_each_update_across_restarts(world: World, tmp_path: Path) -> None:
    server = await world.server("--feed", "none")
    client = world.client(server.url)
    await client.ready()
    path = tmp_path / "updates.jsonl"
    words = [str(EXAMPLES / "resume.py"), "lab/#", str(path), server.url]
    published = 0
    for _ in range(3):
        program = asyncio.create_task(output_until("no such line", *words))

        def has_written(value: str, program: asyncio.Task[str] = program) -> bool:
            return program.done() or value in values_in(path)

        # In its first run it gets a snapshot of what is there; from then on it gets everything.
        for _ in range(5):
            published += 1
            await client.publish("lab/a", float(published))
            await until(partial(has_written, str(float(published))))
        program.cancel()
        await asyncio.gather(program, return_exceptions=True)
        # While nothing runs, an update waits on the tape.
        published += 1
        await client.publish("lab/a", float(published))
    values = list(dict.fromkeys(values_in(path)))
    # After a kill the last batch may come again: it was written, but not noted.
    assert values == [str(float(number)) for number in range(1, published)]


def load() -> nbformat.NotebookNode:
    text = NOTEBOOK.read_text(encoding="utf-8")
    found: nbformat.NotebookNode = nbformat.reads(text, 4)  # type: ignore[no-untyped-call]
    return found


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


async def test_the_notebook_runs_and_has_a_picture(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await world.server("--sim-rate", "5000")
    monkeypatch.setenv("TICKCAST_URL", server.url)
    notebook = load()
    client = nbclient.NotebookClient(notebook, timeout=int(DEADLINE_S), kernel_name="python3")
    await client.async_execute()
    assert pictures(notebook) == 1
    if os.environ.get("UPDATE_NOTEBOOK"):
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(notebook, NOTEBOOK)  # type: ignore[no-untyped-call]
    kept = load()
    assert pictures(kept) == 1, "run the test with UPDATE_NOTEBOOK=1"
