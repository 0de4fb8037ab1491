"""The topics of one epoch, and of those that continue it, by their id."""

from __future__ import annotations

from ..errors import MalformedError
from ..values import TopicInfo, Topics
from .lineage import Lineage

#: Four times what a server holds by default. A server that introduces more is broken, and the
#: client's memory must be bounded.
TOPICS_MAX = 4_000_000


class TopicTable:
    """A client has one table for all its subscriptions and connections."""

    def __init__(self, saved: Topics | None = None) -> None:
        """``saved`` is the result of an earlier ``save``."""
        self.epoch: str | None = None
        #: Of the last connection.
        self._lineage: Lineage | None = None
        #: The topic of each id, for the decoder.
        self.names: dict[int, str] = {}
        self._infos: dict[int, TopicInfo] = {}
        if saved is not None:
            self.epoch = saved.epoch
            for info in saved.topics:
                self.learn(TopicInfo(*info))

    def covers(self, epoch: str) -> bool:
        """Whether it has the topics of an epoch."""
        if epoch == self.epoch:
            return True
        return self._lineage is not None and self._lineage.kept(epoch) is not None

    def enter(self, lineage: Lineage) -> None:
        """A connection has this lineage.

        An epoch that does not continue the one before clears the table. Else the server introduces
        the topics anew whose ids are not those of the epoch before.
        """
        if lineage.kept(self.epoch) is None:
            self.names.clear()
            self._infos.clear()
        self.epoch = lineage.epoch
        self._lineage = lineage

    def learn(self, info: TopicInfo) -> None:
        """Replaces what was known about the topic."""
        if len(self._infos) >= TOPICS_MAX and info.id not in self._infos:
            raise MalformedError(f"the server introduces more topics than {TOPICS_MAX}")
        self.names[info.id] = info.topic
        self._infos[info.id] = info

    def id_of(self, topic: str) -> int:
        """The id of a topic. A linear search: only the servers of tests encode ids."""
        for info in self._infos.values():
            if info.topic == topic:
                return info.id
        raise MalformedError(f"the topic {topic!r} has no id")

    def save(self) -> Topics:
        """The whole table as plain data for JSON."""
        return Topics(self.epoch, list(self._infos.values()))
