"""Draw at random, so that no large source becomes the task."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")


class Pool(Generic[Item]):
    """Things by source; a source counts by the root of how many it holds, times its boost (1.0
    where not named)."""

    def __init__(
        self,
        items: Iterable[Item],
        source_of: Callable[[Item], str],
        boost: Mapping[str, float] | None = None,
    ) -> None:
        sources: defaultdict[str, list[Item]] = defaultdict(list)
        for item in items:
            sources[source_of(item)].append(item)
        names = sorted(sources)
        self._sources = [sources[name] for name in names]
        boosts = [(boost or {}).get(name, 1.0) for name in names]
        weights = np.array([len(s) ** 0.5 * b for s, b in zip(self._sources, boosts, strict=True)])
        self._weights = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> Item:
        source = self._sources[int(rng.choice(len(self._sources), p=self._weights))]
        return source[int(rng.integers(len(source)))]
