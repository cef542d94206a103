"""Measure the face finder beside its teacher and MTCNN; writes the tables of docs/finder.md.

python -m benchmarks.finder [--out docs/finder-results.md] [--sheets FOLDER] [--per-source 5]

Pictures: `test` of ../shared/faces, frames of the `test` and `val` clips, and the `test` part of
the scene folders (docs/finder.md says which). The sheets show faces that the pupil missed and
boxes that it invented; they hold research pictures and stay out of the repository.
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from rich.progress import track

from benchmarks.common import in_turn
from benchmarks.peers import MTCNN
from facetell.data.labels import MAX_SIDE_PX, clip_frames, corrected
from facetell.data.manifest import Sample, capped, folder_samples, read_manifest
from facetell.data.teacher import CenterFace
from facetell.detect.align import Square
from facetell.detect.crop import cut_square
from facetell.detect.faces import FaceFinder, SmallFinder, overlaps
from facetell.detect.media import read_picture
from facetell.detect.session import FINDER_FILE
from facetell.errors import MediaError
from facetell.evaluate.finder import (
    CONFIDENT,
    LIKELY,
    MIN_IOU,
    SIZES_PX,
    VIEWS,
    Reference,
    Tally,
    tally_sheets,
    tally_sources,
    tally_views,
)
from facetell.train.finder_samples import draw_background
from facetell.types import FoundFaces, UInt8Array

SHARED = Path("../shared")
SCENES = [Path("../collection/scenes/imagenet_samples"), Path("../collection/scenes/coco128")]
FRAMES_PER_CLIP = 5
FRAME_SIZES = {320: (320, 240), 640: (640, 480), 1280: (1280, 720)}
ROUNDS = 15
DRAWN_EMPTY = 100
TILE_PX = 128
PEER_MB = {"CenterFace": 7.5, "MTCNN": 2.0}
HEADING = f"""# The face finder, measured

Written by `{{command}}`. Reference: faces that CenterFace finds with a score of {CONFIDENT} or
more in pictures of at most {MAX_SIDE_PX} px, as it taught (in larger ones its boxes of large faces
shrink). Its own rows say how steady it is, not how right. Found: intersection over union of
{MIN_IOU} or more.
"""


def references(samples: Sequence[Sample], teacher: FaceFinder) -> list[Reference]:
    """Pictures and frames with what the teacher sees in them."""
    found = []
    for sample in track(samples, "the teacher looks"):
        for name, image in _images(sample):
            faces = corrected(str(sample.path), teacher.find_faces(image))
            found.append(Reference(name, sample.source or "clips", image, faces))
    return found


def _images(sample: Sample) -> list[tuple[str, UInt8Array]]:
    try:
        if sample.path.suffix in (".mp4", ".gif", ".mpg", ".webm", ".mov", ".avi"):
            frames = clip_frames(sample.path, FRAMES_PER_CLIP)
            return [(f"{sample.path.name}#{number}", frame) for number, frame in enumerate(frames)]
        return [(str(sample.path), read_picture(sample.path).image)]
    except MediaError:
        return []


def milliseconds(finders: Mapping[str, FaceFinder]) -> dict[str, dict[int, float]]:
    """Median over ROUNDS on one thread, the finders taking turns; frames with a few faces."""
    portrait = Image.fromarray(read_picture(Path("examples/pictures/real-astronaut.jpg")).image)
    times: dict[str, dict[int, float]] = {name: {} for name in finders}
    for size, (width, height) in FRAME_SIZES.items():
        frame = Image.new("RGB", (width, height), "grey")
        for x in range(0, width, height // 2):
            frame.paste(portrait.resize((height // 2, height // 2)), (x, height // 4))
        image = np.asarray(frame)
        works = {name: partial(finder.find_faces, image) for name, finder in finders.items()}
        for name, seconds in in_turn(ROUNDS, **works).items():
            times[name][size] = 1000 * seconds
    return times


def empty_scenes(found: Sequence[Reference], count: int) -> list[Reference]:
    """Scenes in which the teacher sees nothing at all, and backgrounds drawn in code."""
    nobody = FoundFaces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32),
                        np.zeros((0, 5, 2), np.float32))  # fmt: skip
    scenes = [r for r in found if r.source in {s.name for s in SCENES} and not len(r.faces)]
    rng = np.random.default_rng(0)
    drawn = [draw_background(384, rng) for _ in range(count)]
    return scenes + [
        Reference(f"drawn {n}", "drawn", image, nobody) for n, image in enumerate(drawn)
    ]


def sheet(rows: Sequence[tuple[Reference, np.ndarray]], path: Path) -> None:
    """Tiles of a contact sheet: one box each, with room around it."""
    tiles = []
    for reference, box in rows:
        side = 1.8 * float((box[2:] - box[:2]).max())
        centre = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
        tile = Image.fromarray(cut_square(reference.image, Square(centre, side), TILE_PX))
        ImageDraw.Draw(tile).text((2, 2), reference.source[:20], fill="red", stroke_width=1,
                                  stroke_fill="white")  # fmt: skip
        tiles.append(tile)
    columns = 10
    canvas = Image.new("RGB", (columns * TILE_PX, -(-len(tiles) // columns) * TILE_PX or 1))
    for number, tile in enumerate(tiles):
        canvas.paste(tile, (number % columns * TILE_PX, number // columns * TILE_PX))
    canvas.save(path)


def disagreements(
    finder: FaceFinder, found: Sequence[Reference]
) -> tuple[list[tuple[Reference, np.ndarray]], list[tuple[Reference, np.ndarray]]]:
    """Faces that the finder missed, boxes that the teacher does not know."""
    missed, invented = [], []
    for reference in found:
        boxes, true = finder.find_faces(reference.image).boxes_xyxy, reference.faces.boxes_xyxy
        iou = overlaps(boxes, true) >= MIN_IOU
        sure = reference.faces.scores >= CONFIDENT
        missed += [(reference, box) for box in true[sure & ~iou.any(axis=0)]]
        invented += [(reference, box) for box in boxes[~iou.any(axis=1)]]
    return missed, invented


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/finder-results.md"))
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets of disagreements")
    parser.add_argument("--per-source", type=int, default=5, help="pictures with all the views")
    parser.add_argument("--finder", type=Path, default=FINDER_FILE)
    args = parser.parse_args()

    own = SmallFinder(args.finder)
    finders: dict[str, FaceFinder] = {
        "facetell": own,
        "CenterFace": CenterFace(longest_side_px=MAX_SIDE_PX),
        "MTCNN": MTCNN(),
    }
    pictures = [s for s in read_manifest(SHARED / "faces/manifest.csv") if s.split == "test"]
    clips = [s for s in read_manifest(SHARED / "media/videos.csv") if s.split in ("test", "val")]
    scenes = [s for folder in SCENES for s in folder_samples(folder) if s.split == "test"]
    times = milliseconds(finders | {"CenterFace": CenterFace(longest_side_px=1280)})
    teacher = CenterFace(longest_side_px=MAX_SIDE_PX, min_score=LIKELY)
    found = references([*pictures, *clips, *scenes], teacher)
    few = {str(sample.path) for sample in capped(pictures, args.per_source)}
    portraits = [r for r in found if r.name in few]
    empty = empty_scenes(found, DRAWN_EMPTY)
    views, sizes, false = {}, {}, {}
    for name, finder in track(finders.items(), "the finders look"):
        views[name] = tally_views(finder, portraits)
        sizes[name] = tally_sheets(finder, [r for r in found if r.source not in ("clips",)])
        false[name] = Tally()
        for reference in empty:
            false[name].add(reference.name, finder.find_faces(reference.image), reference.faces)
    sources = tally_sources(own, found)
    parts = [
        [HEADING.format(command=f"python -m benchmarks.finder --per-source {args.per_source}")],
        _speed(times),
        _sizes(sizes),
        _views(views, len(portraits)),
        _false(false, len(empty)),
        _sources(sources),
    ]
    text = "\n".join(line for part in parts for line in part)
    args.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    if args.sheets:
        args.sheets.mkdir(parents=True, exist_ok=True)
        missed, invented = disagreements(own, found)
        invented += [(r, b) for r in empty for b in own.find_faces(r.image).boxes_xyxy]
        sheet(missed, args.sheets / "missed.png")
        sheet(invented, args.sheets / "invented.png")
        print(f"{len(missed)} missed, {len(invented)} invented: {args.sheets}")


def _table(
    title: str, note: str, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[str]:
    lines = [f"## {title}", "", *([note, ""] if note else [])]
    lines += [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]
    return [*lines, ""]


def _speed(times: Mapping[str, Mapping[int, float]]) -> list[str]:
    sizes = {"facetell": FINDER_FILE.stat().st_size / 1e6} | PEER_MB
    frames = [f"{width} x {height}" for width, height in FRAME_SIZES.values()]
    rows = [
        [name, *(f"{row[size]:.1f}" for size in FRAME_SIZES), f"{sizes[name]:.2f}"]
        for name, row in times.items()
    ]
    return _table("Milliseconds on one thread, and size", "", ["", *frames, "MB"], rows)


def _sizes(tallies: Mapping[str, Mapping[tuple[int, int], Tally]]) -> list[str]:
    rows = []
    for low, high in SIZES_PX:
        row = [t[low, high] for t in tallies.values()]
        label = f"{low}-{high}" if high < 1000 else f"> {low}"
        rows.append(
            [label, str(row[0].faces), *(f"{_n(t.recall)} / {_n(t.precision)}" for t in row)]
        )
    header = ["longer side, px", "faces", *(f"{name}: recall / precision" for name in tallies)]
    return _table("By face size, many faces on sheets of 640 x 480 px", "", header, rows)


def _views(tallies: Mapping[str, Mapping[str, Tally]], pictures: int) -> list[str]:
    rows = []
    for view in VIEWS:
        row = [t[view] for t in tallies.values()]
        cells = [f"{_n(t.recall)} / {_n(t.precision)} / {_n(t.landmark_error)}" for t in row]
        rows.append([view, str(row[0].faces), *cells])
    header = ["view", "faces", *(f"{name}: recall / precision / landmarks" for name in tallies)]
    note = (
        "Landmarks: mean distance of the five points over the eye distance, median over the faces."
    )
    return _table(f"Degraded and turned copies of {pictures} pictures", note, header, rows)


def _false(tallies: Mapping[str, Tally], pictures: int) -> list[str]:
    rows = [[name, f"{100 * t.boxes / pictures:.1f}"] for name, t in tallies.items()]
    return _table(f"{pictures} pictures without faces", "", ["", "boxes per 100 pictures"], rows)


def _sources(tallies: Mapping[str, Tally]) -> list[str]:
    total = sum(t.faces for t in tallies.values())
    found = sum(t.found for t in tallies.values())
    rows = [
        [name, str(t.faces), _n(t.recall), _n(t.landmark_error)]
        for name, t in tallies.items()
        if t.faces
    ]
    note = f"All: {found} of {total} found, {found / total:.4f}."
    header = ["source", "faces", "recall", "landmarks"]
    return _table("facetell's finder by source, faces from 40 px", note, header, rows)


def _n(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
