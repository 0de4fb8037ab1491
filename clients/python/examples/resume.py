"""Appends each update to a file of JSON lines, once and in order, across restarts of this program.

python examples/resume.py FILTER FILE [URL]

Beside the file it keeps FILE.position: where to continue, and the topics that bincode needs. It is
written after the updates are, so a crash between the two repeats a batch and loses nothing. A gap
is written too, with the number of updates that are lost.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import tickcast
from tickcast import Batch, Event, Gap, Reset, Token, TopicInfo, Topics, Truncated


def load(path: Path) -> tuple[Token | None, Topics | None]:
    """Where an earlier run ended."""
    if not path.exists():
        return None, None
    kept = json.loads(path.read_text(encoding="utf-8"))
    topics = [TopicInfo(*info) for info in kept["topics"]]
    return Token(**kept["token"]), Topics(kept["epoch"], topics)


def save(path: Path, token: Token | None, topics: Topics) -> None:
    """Writes whole files only: a crash leaves the one before."""
    if token is None:
        return
    kept = {"token": asdict(token), "epoch": topics.epoch, "topics": topics.topics}
    new = path.with_suffix(".new")
    new.write_text(json.dumps(kept), encoding="utf-8")
    new.replace(path)


def write(file: TextIO, event: Event) -> None:
    """One line for each update, gap and reset."""
    lines: list[dict[str, object]] = []
    if isinstance(event, Batch):
        lines = [
            {"topic": update.topic, "position": update.position, "value": str(update.value)}
            for update in event.updates
        ]
    elif isinstance(event, Gap):
        lines = [{"lost": event.lost}]
    elif isinstance(event, Truncated):
        lines = [{"truncated": event.kept, "lost": event.lost}]
    elif isinstance(event, Reset):
        lines = [{"reset": event.reason}]
    for line in lines:
        file.write(json.dumps(line) + "\n")
    file.flush()


async def main(filter: str, path: Path, url: str) -> None:
    position = path.with_name(f"{path.name}.position")
    token, topics = load(position)
    with path.open("a", encoding="utf-8") as file:
        async with tickcast.connect(url, topics=topics) as client:
            subscription = client.subscribe(filter, mode="every", resume=token)
            print("continuing" if token else "beginning", flush=True)
            while (event := await subscription.next()) is not None:
                # Asking for this event has said that the one before is handled.
                save(position, subscription.token, client.topics)
                write(file, event)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    url = sys.argv[3] if len(sys.argv) > 3 else "ws://localhost:7400/ws"
    try:
        asyncio.run(main(sys.argv[1], Path(sys.argv[2]), url))
    except KeyboardInterrupt:
        print("stopped")
