"""Speed and memory of judging clips: x real time beside decoding alone, and memory by length.

`.venv/bin/python -m benchmarks.video`; the clips are drawn here, one face moving over a ground.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from benchmarks.common import EXAMPLES, in_turn
from facetell import Detector

FPS = 30
PEAK = """
import sys
from pathlib import Path
from facetell import Detector, Options
from facetell.types import Sampling
options = Options(sampling=Sampling(fps=float(sys.argv[3])))
report = Detector.load(options=options, threads=int(sys.argv[2])).analyze(sys.argv[1])
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory, too
print(report.clip.frames_judged, int(status.partition("VmHWM:")[2].split()[0]) * 1024)
"""


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
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
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
                length = round(Fraction(video.frames, FPS) / video.time_base)
                for packet in source.demux(video):
                    if packet.dts is not None:
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


def print_speed(folder: Path, seconds: int, rounds: int, threads: int) -> None:
    """How fast clips are judged at the default sampling, beside decoding alone."""
    detector = Detector.load(threads=threads)
    print(f"{threads} cores, {seconds} s at {FPS} frames a second, medians of {rounds} rounds "
          "in turn\n")  # fmt: skip
    print("| clip | judged, x real time | decoding alone, x real time | decoding / judging |")
    print("| --- | --- | --- | --- |")
    for size_wh in ((1280, 720), (1920, 1080)):
        path = draw_clip(folder / f"{size_wh[1]}.mp4", size_wh, seconds)
        taken = in_turn(
            rounds,
            judged=lambda path=path: detector.analyze(path),
            decoded=lambda path=path: decode(path, threads),
        )
        judged, decoded = (seconds / taken[what] for what in ("judged", "decoded"))
        share = taken["decoded"] / taken["judged"]
        print(f"| {size_wh[1]}p{FPS} | {judged:.1f} | {decoded:.1f} | {share:.2f} |", flush=True)


def print_memory(folder: Path, lengths_min: list[int], fps: float, threads: int) -> None:
    """Peak memory of a process that judges one clip, by its length."""
    print("| clip of 320 x 180 | frames judged | peak memory | x real time |")
    print("| --- | --- | --- | --- |")
    minute = draw_clip(folder / "minute.mp4", (320, 180), 60)
    for minutes in lengths_min:
        path = repeat(minute, folder / f"{minutes}.mp4", minutes)
        started = time.perf_counter()
        command = [sys.executable, "-c", PEAK, str(path), str(threads), str(fps)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        frames, peak = map(int, done.stdout.split())
        faster = 60 * minutes / (time.perf_counter() - started)
        print(f"| {minutes} min | {frames} | {peak / 2**20:.0f} MiB | {faster:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="of the speed clips; 0 = none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=int, nargs="*", default=[5, 60], help="the long clips")
    parser.add_argument("--fps", type=float, default=4.0, help="at which long clips are judged")
    args = parser.parse_args()
    threads = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        if args.seconds:
            print_speed(Path(name), args.seconds, args.rounds, threads)
        print_memory(Path(name), args.minutes, args.fps, threads)


if __name__ == "__main__":
    main()
