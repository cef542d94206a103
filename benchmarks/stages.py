"""Where the processor time of judging goes, before and after a change: a profile by py-spy.

python -m benchmarks.stages [--before CHECKOUT] [--pictures 150] [--sides 256 1152 4000]

`facetell detect FOLDER --json` on one thread, sampled a hundred times a second; a sample counts
for the innermost of the functions below that it is in. CHECKOUT is another one of this project,
such as `git worktree add ../before COMMIT`. py-spy comes from `pip install py-spy`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.common import PROGRAM, draw_folder
from benchmarks.speed import SMALL_PX, draw_photos

ROOT = Path(__file__).parent.parent
STAGES = {
    "reading the file": ("read_picture", "open_media"),
    "views for the finder": ("_network_inputs",),
    "the finder's net": ("_look",),
    "crops": ("crop_face", "cut_square", "to_tensor"),
    "the judging net": ("score",),
    "quality": ("measure_quality",),
    "opening the files, imports": ("<module>", "_open", "load", "open_file"),
    "rows, JSON": ("_write", "_row", "print", "write"),
}
REST = "all else"


def assert_names_are_there() -> None:
    """A function that is gone would count as all else, without a word."""
    folders = (ROOT / "src" / "facetell" / name for name in ("cli", "detect"))
    source = "".join(path.read_text("utf-8") for f in folders for path in f.glob("*.py"))
    names = [name for names in STAGES.values() for name in names if name != "<module>"]
    gone = [name for name in names if f"def {name}(" not in source]
    assert not gone, f"no function is called {', '.join(gone)}"


def stage_of(stack: list[str]) -> str:
    """stack: functions, outermost first."""
    for function in reversed(stack):
        for stage, names in STAGES.items():
            if function in names:
                return stage
    return REST


def profile(checkout: Path, photos: Path, count: int) -> dict[str, float]:
    """Processor milliseconds per photo, by stage and in all; of the whole command."""
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name, "stacks")
        command = [sys.executable, "-c", PROGRAM, "detect", str(photos), "--threads", "1"]
        command += ["--json", str(Path(name, "reports.jsonl"))]
        spy = [str(Path(sys.executable).parent / "py-spy"), "record", "-r", "100", "-f", "raw"]
        env = os.environ | {"PYTHONPATH": str(checkout / "src")}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        Path(name, "reports.jsonl").unlink()
        subprocess.run(
            [*spy, "-o", str(raw), "--", *command], env=env, check=True, capture_output=True
        )
        found: Counter[str] = Counter()
        for line in raw.read_text(encoding="utf-8").splitlines():
            stack, _, samples = line.rpartition(" ")
            functions = [frame.split(" (")[0].split(".")[-1] for frame in stack.split(";")]
            found[stage_of(functions)] += int(samples)
    each_ms = 1000 * cpu_s / count / found.total()
    return {stage: found[stage] * each_ms for stage in (*STAGES, REST)} | {
        "all": 1000 * cpu_s / count
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout to profile first")
    parser.add_argument(
        "--pictures", type=int, default=150, help="of 256 px; larger ones are fewer"
    )
    parser.add_argument("--sides", type=int, nargs="*", default=[SMALL_PX, 1152, 4000])
    args = parser.parse_args()
    assert_names_are_there()
    checkouts = {"before": args.before, "now": ROOT} if args.before else {"now": ROOT}
    columns: dict[str, dict[str, float]] = {}
    for side_px in args.sides:
        count = max(8, args.pictures * SMALL_PX // side_px)
        with tempfile.TemporaryDirectory() as name:
            draw = draw_folder(Path(name), count) if side_px == SMALL_PX else None
            draw = draw or draw_photos(Path(name), side_px, count)
            for when, checkout in checkouts.items():
                found = profile(checkout, Path(name), len(draw))
                columns[f"{side_px} px, {len(draw)} photos, {when}"] = found
    print(f"| processor ms a photo | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")
    for stage in (*STAGES, REST, "all"):
        print(f"| {stage} | {' | '.join(f'{c[stage]:.1f}' for c in columns.values())} |")


if __name__ == "__main__":
    main()
