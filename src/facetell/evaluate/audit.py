"""Look at a data set before trusting it: what in it would teach a model the wrong thing.

Each check gives findings; a serious one means that numbers measured on this data would mislead.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from facetell.data.hashes import Fingerprint, fingerprint, heaps
from facetell.data.manifest import SPLITS, Sample
from facetell.evaluate.metrics import Interval, auc, auc_with_interval
from facetell.evaluate.probe import cross_validated, feature_aucs, features

MAX_UNREADABLE = 0.01
MAX_PROBE = 0.75
"""From this area under the curve on, what no pixel shows tells the labels apart."""
LEAKS_FROM = 0.6
"""From this area under the curve on, one feature alone is named among those that leak."""
MAX_IMBALANCE = 4.0
LEAST_FOR_PROBE = 20
"""Pictures of each label, or of each source, that a probe needs to say anything."""
EXAMPLES_SHOWN = 12
MOST_SOURCES = 12
"""Real sources that are compared pair by pair, the largest ones."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    check: its name, the same in every audit. examples: lines that name the files, some of `count`.
    """

    check: str
    serious: bool
    count: int
    message: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Audit:
    """What is in a data set, and what is wrong with it.

    counts: number of pictures by split, label and source. probe: cross-validated AUC of the
    metadata-only classifier, None where there is too little. feature_aucs: of each feature alone,
    0.5 to 1. floor: how well metadata tells two real sources apart, by their names.
    """

    pictures: int
    counts: list[dict[str, Any]]
    findings: list[Finding]
    probe: float | None = None
    feature_aucs: dict[str, float] = field(default_factory=dict)
    floor: dict[str, float] = field(default_factory=dict)

    @property
    def serious(self) -> bool:
        return any(finding.serious for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"serious": self.serious}


Look = tuple[Fingerprint, list[float]]
"""What is read of one file: its fingerprint and its row of `probe.FEATURES`."""


def look_at(path: Path) -> Look:
    """Read one file for an audit; the slow part of it."""
    return fingerprint(path), features(path)


def audit(samples: Sequence[Sample], looks: Sequence[Look]) -> Audit:
    """looks: at the samples, in their order."""
    prints = [seen for seen, _ in looks]
    table = np.array([row for _, row in looks], np.float64)
    labels = np.array([sample.label for sample in samples])
    groups = [sample.group for sample in samples]
    probe = _probe(table, labels, groups)
    alone = feature_aucs(table, labels) if probe is not None else {}
    counted = Counter((s.split, s.label, s.source) for s in samples)
    return Audit(
        pictures=len(samples),
        counts=[
            {"split": split, "label": ("real", "fake")[label], "source": source, "pictures": n}
            for (split, label, source), n in sorted(counted.items())
        ],
        findings=[
            *_unreadable(samples, prints),
            *_duplicates(samples, prints),
            *_group_leaks(samples),
            *_imbalance(samples),
            *_leaking_metadata(probe, alone),
        ],
        probe=None if probe is None else probe.value,
        feature_aucs=alone,
        floor=_floor(samples, table),
    )


def _unreadable(samples: Sequence[Sample], prints: Sequence[Fingerprint]) -> Iterable[Finding]:
    bad = [f"{s.path}: {p.problem}" for s, p in zip(samples, prints, strict=True) if p.problem]
    if bad:
        yield Finding(
            "unreadable",
            len(bad) > MAX_UNREADABLE * len(samples),
            len(bad),
            "files that cannot be read as pictures",
            tuple(bad[:EXAMPLES_SHOWN]),
        )


def _duplicates(samples: Sequence[Sample], prints: Sequence[Fingerprint]) -> Iterable[Finding]:
    """Copies, byte for byte and to the eye, by what they cross."""
    exact: dict[str, int] = {}
    same = [exact.setdefault(p.sha256 or str(n), n) for n, p in enumerate(prints)]
    for kind, members in (("exact", _heaps(same)), ("near", _heaps(heaps(prints)))):
        found: defaultdict[str, list[list[int]]] = defaultdict(list)
        for heap in members:
            if kind == "near" and len({same[n] for n in heap}) == 1:
                continue  # exact copies, named already
            crossed = [a for a, of in _ACROSS if len({getattr(samples[n], of) for n in heap}) > 1]
            for name in crossed or ["within a split"]:
                found[name].append(heap)
        for where, listed in found.items():
            yield Finding(
                f"{kind} duplicates {where}",
                where != "within a split",
                len(listed),
                f"heaps of pictures that are {_SAME[kind]} and lie {where}",
                tuple(" = ".join(str(samples[n].path) for n in heap[:4])
                      for heap in listed[:EXAMPLES_SHOWN]),
            )  # fmt: skip


_ACROSS = (("across labels", "label"), ("across splits", "split"))
_SAME = {"exact": "the same byte for byte", "near": "the same to the eye"}


def _heaps(first: Sequence[int]) -> list[list[int]]:
    members: defaultdict[int, list[int]] = defaultdict(list)
    for number, head in enumerate(first):
        members[head].append(number)
    return [heap for heap in members.values() if len(heap) > 1]


def _group_leaks(samples: Sequence[Sample]) -> Iterable[Finding]:
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for sample in samples:
        splits[sample.group].add(sample.split)
    leaks = sorted(group for group, found in splits.items() if len(found) > 1)
    if leaks:
        shown = tuple(f"{g}: {', '.join(sorted(splits[g]))}" for g in leaks[:EXAMPLES_SHOWN])
        message = "groups (one person, one original video) with pictures in several splits"
        yield Finding("group leaks", True, len(leaks), message, shown)


def _imbalance(samples: Sequence[Sample]) -> Iterable[Finding]:
    counts = Counter((sample.split, sample.label) for sample in samples)
    for split in SPLITS:
        real, fake = counts[split, 0], counts[split, 1]
        if real + fake and max(real, fake) > MAX_IMBALANCE * min(real, fake):
            missing = min(real, fake) == 0
            message = f"{split} holds {real} real and {fake} fake pictures"
            yield Finding("imbalance", missing, abs(real - fake), message)


def _leaking_metadata(probe: Interval | None, alone: dict[str, float]) -> Iterable[Finding]:
    """What may be chance, as of a few pictures, is no finding."""
    if probe is None or probe.value < MAX_PROBE or probe.may_be_chance:
        return
    leaking = sorted((n for n, a in alone.items() if a >= LEAKS_FROM), key=lambda n: -alone[n])
    yield Finding(
        "metadata gives the label away",
        True,
        len(leaking),
        "features leak; a classifier that sees no pixel tells fake from real with an AUC of "
        f"{probe}, and a detector trained on this learns it too",
        tuple(f"{name}: {alone[name]:.3f} alone" for name in leaking),
    )


def _probe(table: Any, labels: Any, groups: Sequence[str]) -> Interval | None:
    if min(np.bincount(labels, minlength=2)) < LEAST_FOR_PROBE:
        return None
    guesses = cross_validated(table, labels, groups)
    return None if guesses is None else auc_with_interval(labels, guesses, groups)


def _floor(samples: Sequence[Sample], table: Any) -> dict[str, float]:
    """How well metadata tells each two of the largest real sources apart: what is above one half
    there is no sign of forgery, and a detector that reaches it may have learnt sources."""
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for number, sample in enumerate(samples):
        if not sample.label:
            rows[sample.source].append(number)
    large = sorted(
        (s for s in rows if len(rows[s]) >= LEAST_FOR_PROBE), key=lambda s: -len(rows[s])
    )
    floor = {}
    for one, other in combinations(sorted(large[:MOST_SOURCES]), 2):
        chosen = rows[one] + rows[other]
        which = np.array([0] * len(rows[one]) + [1] * len(rows[other]))
        groups = [samples[n].group for n in chosen]
        guesses = cross_validated(table[chosen], which, groups)
        told = None if guesses is None else auc(which, guesses)
        if told is not None:
            floor[f"{one} / {other}"] = round(told, 4)
    return floor
