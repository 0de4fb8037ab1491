"""The epochs that continue each other, as a welcome tells them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..values import EndedEpoch


class Lineage:
    """The current epoch, and the earlier ones that it continues, oldest first."""

    def __init__(self, epoch: str, continues: Sequence[EndedEpoch] = ()) -> None:
        self.epoch = epoch
        self._continues = continues

    def kept(self, epoch: str | None) -> float | None:
        """The position of the last update of an epoch that the server still has.

        Infinite for the current epoch, None for one that it does not continue.
        """
        if epoch == self.epoch:
            return math.inf
        for at, ended in enumerate(self._continues):
            if ended.epoch == epoch:
                # A later end may have been earlier on the tape.
                return min(later.last for later in self._continues[at:])
        return None
