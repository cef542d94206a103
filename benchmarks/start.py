"""How long a cold `facetell detect one.jpg` takes, beside what it cannot do without.

python -m benchmarks.start [--rounds 9]

Every process starts with its bytecode compiled, as pip leaves an installation, and with its output
in a pipe.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections import defaultdict

from benchmarks.common import EXAMPLES, PROGRAM, in_turn
from facetell.cli.detect import SPARED

PICTURE = str(EXAMPLES / "real-astronaut.jpg")
BARE = "import numpy, onnxruntime, PIL"
LOADED = """
import sys
before = set(sys.modules)
from facetell.cli.main import run
try:
    run()
finally:
    names = [name for name in sys.modules if name not in before and name != "__mp_main__"]
    print(*(n for n in names if n.partition(".")[0] != "facetell"), file=sys.stderr)
"""
SPLIT = f"""
import time
laps = [("", time.perf_counter())]
lap = lambda what: laps.append((what, time.perf_counter()))
import numpy, onnxruntime; lap("import NumPy and ONNX Runtime")
import facetell.cli.main; lap("import Typer and the command line")
from pydantic import BaseModel, Field, TypeAdapter; lap("import pydantic")
import facetell.cli.judge; lap("import Pillow and the rest of facetell")
from facetell.detect.analyze import Detector
detector = Detector.load(); lap("open the model")
detector.finder.card; lap("open the finder")
detector.analyze({PICTURE!r}); lap("judge the picture")
for (_, before), (what, after) in zip(laps, laps[1:]):
    print(after - before, what)
"""


def environment(**more: str) -> dict[str, str]:
    """This process's, but for what keeps Python from writing bytecode."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", *SPARED)}
    return kept | more


def run(code: str, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`python -c CODE ARGS…` in a process of its own."""
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment(**more)
    )


def importing_what_detect_loads() -> str:
    """A program that imports all that `facetell detect` does, but for facetell itself."""
    names = run(LOADED, "detect", PICTURE).stderr.split()
    return f"import importlib\nfor name in {names!r}:\n    importlib.import_module(name)"


def split(rounds: int) -> dict[str, float]:
    """Median seconds of each step, one after the other in one process."""
    taken = defaultdict(list)
    for _ in range(rounds):
        for line in run(SPLIT, **dict.fromkeys(SPARED, "1")).stdout.splitlines():
            seconds, _, what = line.partition(" ")
            taken[what].append(float(seconds))
    return {what: statistics.median(found) for what, found in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    same_imports = importing_what_detect_loads()
    spared = dict.fromkeys(SPARED, "1")
    taken = in_turn(
        rounds,
        bare=lambda: run(BARE),
        same=lambda: run(same_imports, **spared),
        help=lambda: run(PROGRAM, "--help"),
        detect=lambda: run(PROGRAM, "detect", PICTURE),
        terminal=lambda: run(PROGRAM, "detect", PICTURE, FORCE_COLOR="1"),
        nothing=lambda: run("pass"),
    )
    named = {
        "nothing": "Python alone",
        "bare": "bare imports (numpy, onnxruntime, PIL)",
        "same": "all imports of `facetell detect` but facetell itself",
        "help": "`facetell --help`",
        "detect": "cold `facetell detect one.jpg`",
        "terminal": "the same where a person watches (colours, bars)",
    }
    print(f"{os.cpu_count()} cores, medians of {rounds} rounds in turn\n")
    print("| process | ms | x the bare imports | x all imports |\n| --- | --- | --- | --- |")
    for key, what in named.items():
        seconds = taken[key]
        print(f"| {what} | {1000 * seconds:.0f} | {seconds / taken['bare']:.2f} "
              f"| {seconds / taken['same']:.2f} |")  # fmt: skip
    print("\n| step, if one came after the other | ms |\n| --- | --- |")
    print(f"| start Python | {1000 * taken['nothing']:.0f} |")
    for what, seconds in split(rounds).items():
        print(f"| {what} | {1000 * seconds:.0f} |")


if __name__ == "__main__":
    main()
