"""Why a model says what it says of a face: several pictures of the reasons, and which to believe.

The evidence map is part of the model file, and its mean is the score. Others, such as Grad-CAM++,
are handed in by whoever has the network.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facetell.detect.analyze import Detector
from facetell.detect.draw import model_input, seen_square
from facetell.detect.reading import look_again
from facetell.detect.report import FaceReport, Report
from facetell.evaluate.faithfulness import Faithfulness, by_chance, faithfulness
from facetell.evaluate.metrics import Interval, Weights, with_intervals
from facetell.evaluate.spectrum import Spectrum, spectrum
from facetell.types import FloatArray, Picture, Status, UInt8Array

EVIDENCE = "evidence"
CHANCE = "random order"
FEW = 5
"""Of fewer pictures an interval would promise too much: all draws of the bootstrap are alike."""
Explainer = Callable[[UInt8Array, bool], FloatArray]
"""Crop [S, S, 3] uint8 RGB, and whether to explain fake or real -> importance [S, S], >= 0."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Of one face.

    crop: [S, S, 3] uint8 RGB, what the model saw. maps: by name, importance [h, w] for the side
    that the model leans to; EVIDENCE, the first of them, is signed: what is below zero speaks for
    the other side. faith: by the same names; chance: the same for orders that know nothing.
    """

    face: FaceReport
    crop: UInt8Array
    maps: dict[str, FloatArray]
    faith: dict[str, Faithfulness]
    chance: list[Faithfulness]
    spectrum: Spectrum

    @property
    def leans_to(self) -> str:
        return "fake" if self.face.log_odds > 0 else "real"

    @property
    def gains(self) -> dict[str, float]:
        """Insertion less deletion of every map, then of chance."""
        found = {name: one.gain for name, one in self.faith.items()}
        return found | {CHANCE: float(np.mean([one.gain for one in self.chance]))}


@dataclass(frozen=True, eq=False)
class Explained:
    """One file. explanations: of its most suspicious faces, these first; empty where the report has
    none."""

    report: Report
    explanations: list[Explanation]


def explain(
    path: Path, detector: Detector, others: Mapping[str, Explainer], most_faces: int
) -> Explained:
    """Judge a picture or clip and explain its most suspicious faces.

    others: further maps, by name. A file that cannot be judged has a report that says why.
    """
    report = detector.analyze(path)
    if report.status is not Status.OK:
        return Explained(report, [])
    wanted = report.shown[:most_faces]
    explanations = [
        _explained(picture, face, detector, others)
        for picture, faces in look_again(report)  # of a clip in order of time
        for face in faces
        if face in wanted
    ]
    return Explained(report, sorted(explanations, key=lambda one: wanted.index(one.face)))


def _explained(
    picture: Picture, face: FaceReport, detector: Detector, others: Mapping[str, Explainer]
) -> Explanation:
    crop = model_input(picture, face, detector.model.card.crop)
    fake = face.log_odds > 0
    evidence = np.asarray(face.evidence, np.float32)
    maps = {EVIDENCE: evidence if fake else -evidence}
    maps |= {name: other(crop, fake) for name, other in others.items()}
    return Explanation(
        face=face,
        crop=crop,
        maps=maps,
        faith={name: faithfulness(detector.model, crop, one) for name, one in maps.items()},
        chance=by_chance(detector.model, crop),
        spectrum=spectrum(picture, seen_square(picture, face)),
    )


def mean_gains(explained: Iterable[Explained]) -> dict[str, Interval | None]:
    """Insertion less deletion by map, and for chance: means over all faces, with intervals over the
    pictures."""
    rows = [(one.report.path, face.gains) for one in explained for face in one.explanations]
    names = list(rows[0][1]) if rows else []

    def means(weights: Weights) -> dict[str, float | None]:
        return {
            name: float(np.average([gains[name] for _, gains in rows], weights=weights))
            for name in names
        }

    return with_intervals(means, [path for path, _ in rows]) if rows else {}


def explained_pictures(explained: Iterable[Explained]) -> int:
    """How many files have a face explained."""
    return sum(bool(one.explanations) for one in explained)


def as_json(explained: Explained) -> dict[str, Any]:
    """The report, and of each face explained what was measured."""
    faces = [
        {
            "time_s": one.face.time_s,
            "p_fake": one.face.p_fake,
            "leans_to": one.leans_to,
            "faithfulness": {
                name: {"deletion": f.deletion, "insertion": f.insertion, "gain": f.gain}
                for name, f in one.faith.items()
            },
            "gain_by_chance": one.gains[CHANCE],
            "spectrum": {
                "size": one.spectrum.size,
                "radial": one.spectrum.radial.tolist(),
                "dct": None if one.spectrum.dct is None else one.spectrum.dct.tolist(),
                "blockiness": one.spectrum.blockiness,
            },
        }
        for one in explained.explanations
    ]
    return {"report": explained.report.model_dump(mode="json"), "explained": faces}
