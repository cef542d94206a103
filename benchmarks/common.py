"""What several benchmarks share: timing in turn, and pictures drawn from the examples."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples" / "pictures"
PROGRAM = "from facetell.cli.main import run; run()"
"""`facetell`, for `python -c`."""
SIDE_PX = 256


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def processor_seconds(work: Callable[[], object]) -> float:
    """Of this process; what else runs on the machine does not count."""
    started = time.process_time()
    work()
    return time.process_time() - started


def in_turn(
    rounds: int,
    clock: Callable[[Callable[[], object]], float] = seconds,
    /,
    **works: Callable[[], object],
) -> dict[str, float]:
    """Median seconds of each, taken in turn (A B C A B C …) so that drift hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()  # warm the disk cache; not counted
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(clock(work))
    return {name: statistics.median(found) for name, found in times.items()}


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of processor time: of all threads, whatever else is running."""

    clock_s: float
    cpu_s: float


def spent_in_turn(rounds: int, **works: Callable[[], object]) -> dict[str, Spent]:
    """Both medians of each, taken in turn as by `in_turn`."""
    spent: dict[str, list[Spent]] = {name: [] for name in works}
    for work in works.values():
        work()  # warm the disk cache; not counted
    for _ in range(rounds):
        for name, work in works.items():
            before_s = time.process_time()
            clock_s = seconds(work)
            spent[name].append(Spent(clock_s, time.process_time() - before_s))
    return {
        name: Spent(
            statistics.median(one.clock_s for one in found),
            statistics.median(one.cpu_s for one in found),
        )
        for name, found in spent.items()
    }


def draw_folder(folder: Path, count: int) -> list[Path]:
    """Portraits of 256 px, no two alike: the example faces, moved, scaled and saved as JPEG."""
    rng = np.random.default_rng(0)
    portraits = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("real-*.jpg"))]
    paths = []
    for number in range(count):
        portrait = portraits[number % len(portraits)]
        side = int(rng.integers(300, 420))
        left, top = (int(rng.integers(0, min(60, size - side) + 1)) for size in portrait.size)
        crop = portrait.crop((left, top, left + side, top + side)).resize((SIDE_PX, SIDE_PX))
        paths.append(folder / f"{number:05d}.jpg")
        crop.save(paths[-1], quality=int(rng.integers(75, 96)))
    return paths
