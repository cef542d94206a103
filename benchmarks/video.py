"""Speed and memory of judging clips: x real time beside its limits, and both by length.

`.venv/bin/python -m benchmarks.video`; the clips are drawn here, one face moving over a ground.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from PIL import Image

from benchmarks.common import EXAMPLES, spent_in_turn
from benchmarks.growth import Growth, draw_growth
from facetell import Detector
from facetell.detect.faces import SmallFinder
from facetell.detect.scan import scan

FPS = 30
COLUMNS = (
    *("clip", "judged, x real time", "decoding alone", "finder's net alone", "judging net alone"),
    *("cores busy", "CPU s for 1 s", "decoding / judged", "decoding and nets / judged"),
)
ONE_CLIP = """
import contextlib, io, sys, time
from pathlib import Path
from facetell.cli.judge import Outputs, judge
from facetell.detect.analyze import Options
from facetell.detect.session import DEFAULT_MODEL
from facetell.types import Sampling
clip, threads, fps, json = sys.argv[1:]
options = Options(sampling=Sampling(fps=float(fps)))
started = time.process_time()
with contextlib.redirect_stdout(io.StringIO()):
    judge([clip], Outputs(json=Path(json)), options,
          model=DEFAULT_MODEL, threads=int(threads), resume=False)
spent = time.process_time() - started
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory, too
print(int(status.partition("VmHWM:")[2].split()[0]) * 1024, spent)
"""
"""What `facetell detect` does with a clip; prints its peak memory and the processor time of it."""


def draw_clip(path: Path, size_wh: tuple[int, int], seconds: int) -> Path:
    """A portrait that wanders over coarse noise, as H.264."""
    width, height = size_wh
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 16, 3), np.uint8))
    ground = coarse.resize((width + 64, height), Image.Resampling.BICUBIC)
    with Image.open(EXAMPLES / "real-astronaut.jpg") as picture:
        side = height * 3 // 4
        portrait = picture.convert("RGB").crop((96, 0, 352, 256)).resize((side, side))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast"}
        for number in range(seconds * FPS):
            sway = np.sin(number / FPS)
            image = ground.crop((int(32 + 30 * sway), 0, int(32 + 30 * sway) + width, height))
            image.paste(portrait, (int((width - side) * (0.5 + 0.4 * sway)), height // 8))
            frame = av.VideoFrame.from_ndarray(np.asarray(image))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def repeat(path: Path, out: Path, times: int) -> Path:
    """The clip, one time after the other, without coding it again."""
    with av.open(str(out), "w") as target:
        stream = None
        shift = 0
        for _ in range(times):
            with av.open(str(path)) as source:
                video = source.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                assert video.time_base is not None, path
                length = round(Fraction(video.frames, FPS) / video.time_base)
                for packet in source.demux(video):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        target.mux(packet)
            shift += length
    return out


def decode(path: Path, threads: int) -> None:
    """Every frame, and nothing done with it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        for _ in container.decode(stream):
            pass


class Recorded:
    """A session of ONNX Runtime's that keeps what it is given."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.given: list[tuple[Any, ...]] = []
        self.get_inputs = session.get_inputs

    def run(self, *given: Any) -> Any:
        self.given.append(given)
        return self.session.run(*given)

    def again(self, threads: int) -> None:
        """The net alone: everything it was given, on tensors that are ready."""
        work = partial(_run, self.session)
        for _ in scan(self.given, work, threads):
            pass


def _run(session: Any, given: tuple[Any, ...]) -> None:
    session.run(*given)


def nets_of(path: Path) -> list[Recorded]:
    """The finder's net and the judging one, with all that they are given for a clip."""
    detector = Detector.load()
    finder = cast(SmallFinder, detector.finder)
    session, card = finder._opened
    nets = [Recorded(session), Recorded(detector.model._session)]
    finder._opened, detector.model._session = (nets[0], card), nets[1]
    detector.analyze(path)
    return nets


def print_speed(
    folder: Path, sizes_wh: list[tuple[int, int]], seconds: int, rounds: int, threads: int
) -> None:
    """How fast clips are judged at the default sampling, beside what cannot be saved: decoding
    every frame, and the two nets. Ratios by processor time."""
    detector = Detector.load(threads=threads)
    print(f"{threads} cores, {seconds} s at {FPS} frames a second, medians of {rounds} rounds "
          "in turn\n")  # fmt: skip
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- " * len(COLUMNS) + "|")
    for size_wh in sizes_wh:
        path = draw_clip(folder / f"{size_wh[1]}.mp4", size_wh, seconds)
        finder, model = nets_of(path)
        spent = spent_in_turn(
            rounds,
            judged=partial(detector.analyze, path),
            decoded=partial(decode, path, threads),
            finder=partial(finder.again, threads),
            model=partial(model.again, threads),
        )
        cells = [f"{size_wh[1]}p{FPS}"]
        cells += [f"{seconds / one.clock_s:.1f}" for one in spent.values()]
        judged, *parts = spent.values()
        cells.append(f"{judged.cpu_s / judged.clock_s:.2f}")
        cells.append(f"{judged.cpu_s / seconds:.3f}")
        cells.append(f"{spent['decoded'].cpu_s / judged.cpu_s:.2f}")
        cells.append(f"{sum(part.cpu_s for part in parts) / judged.cpu_s:.2f}")
        print("| " + " | ".join(cells) + " |", flush=True)


def measure_lengths(folder: Path, lengths_min: list[int], fps: float, threads: int) -> Growth:
    """Peak memory and processor time of a process that judges one clip, by its length."""
    print(f"\n| clip of 320 x 180, {fps:g} frames a second judged | frames judged | peak memory "
          "| CPU s | CPU ms for a frame judged |")  # fmt: skip
    print("| --- | --- | --- | --- | --- |")
    minute = draw_clip(folder / "minute.mp4", (320, 180), 60)
    spent_s = []
    for minutes in lengths_min:
        path = repeat(minute, folder / f"{minutes}.mp4", minutes)
        report = folder / f"{minutes}.jsonl"
        command = [sys.executable, "-c", ONE_CLIP, *map(str, (path, threads, fps, report))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peak, cpu_s = map(float, done.stdout.split())
        spent_s.append(cpu_s)
        frames = json.loads(report.read_text())["clip"]["frames_judged"]
        print(f"| {minutes} min | {frames} | {peak / 2**20:.0f} MiB | {cpu_s:.1f} "
              f"| {1000 * cpu_s / frames:.1f} |", flush=True)  # fmt: skip
    return Growth("one clip", "minutes", lengths_min, spent_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=12, help="of the speed clips; 0 = none")
    parser.add_argument("--heights", type=int, nargs="*", default=[720, 1080], help="px, of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=int, nargs="*", default=[1, 5, 20, 60], help="long clips")
    parser.add_argument("--fps", type=float, default=4.0, help="at which long clips are judged")
    parser.add_argument("--out", type=Path, help="where to draw the cost by length: SVG or PNG")
    args = parser.parse_args()
    threads = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        if args.seconds:
            sizes_wh = [(height * 16 // 9, height) for height in args.heights]
            print_speed(Path(name), sizes_wh, args.seconds, args.rounds, threads)
        if args.minutes:
            growth = measure_lengths(Path(name), args.minutes, args.fps, threads)
            if args.out:
                draw_growth([growth], args.out)


if __name__ == "__main__":
    main()
