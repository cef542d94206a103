"""Divide samples into train, val and test: by chance, but always the same way."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

from facetell.data.hashes import joined
from facetell.data.manifest import LABELS, SPLITS, Sample
from facetell.errors import DataError

SHARES = (0.8, 0.1, 0.1)


def split_samples(
    samples: Sequence[Sample], shares: Sequence[float] = SHARES, seed: int = 0
) -> list[Sample]:
    """The samples with new splits: a group stays whole, and each split has its share of every label
    and source, as nearly as the groups allow.

    shares: of train, val and test; they are scaled to a sum of one. Which group goes where depends
    on its name and the seed alone, not on the order of the samples.
    Raises DataError when the groups are too few or too large for every split that wants some.
    """
    total = sum(shares)
    if len(shares) != len(SPLITS) or min(shares) < 0 or total <= 0:
        raise DataError(
            f"shares {tuple(shares)} are no division into {', '.join(SPLITS)}",
            hint="give three numbers such as 80 10 10",
        )
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample)
    if len(groups) < sum(share > 0 for share in shares):
        raise DataError(
            f"{len(groups)} groups cannot be divided into {', '.join(SPLITS)}",
            hint="groups that are too coarse: look at the group column or the pattern",
        )
    chosen: dict[str, str] = {}
    # By label, what each split should still get: sources of a group or two add up to its share.
    owed = {label: [0.0] * len(SPLITS) for label in LABELS.values()}
    strata = _strata(groups)
    # Those of many groups first: they leave no debts.
    order = sorted(strata, key=lambda kind: (-len(strata[kind]), _chance(seed, kind[1])))
    for label, source in order:
        stratum, wanted = strata[label, source], owed[label]
        names = sorted(stratum, key=lambda name: (-len(groups[name]), _chance(seed, name)))
        sizes = [len(groups[name]) for name in names]
        for k, share in enumerate(shares):
            wanted[k] += share / total * sum(sizes)
        for name, size in zip(names, sizes, strict=True):
            most = max(range(len(SPLITS)), key=lambda k: wanted[k])
            chosen[name] = SPLITS[most]
            wanted[most] -= size
    for split, share in zip(SPLITS, shares, strict=True):
        if share > 0 and split not in chosen.values():
            raise DataError(
                f"{len(groups)} groups leave nothing for {split} at shares of {tuple(shares)}",
                hint="give it a larger share with --shares, or more and smaller groups",
            )
    return [replace(sample, split=chosen[sample.group]) for sample in samples]


def groups_by_pattern(samples: Sequence[Sample], pattern: str) -> list[Sample]:
    """The samples with the group that a pattern finds in their file names: its first parenthesis,
    or all of it. A file whose name does not match keeps its group, and what was one group stays
    one."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"the pattern {pattern!r} is not valid: {error}", hint=r"for example '^(\w+)_frame'"
        ) from error
    found = []
    for sample in samples:
        match = compiled.search(sample.path.name)
        group = match and match[1 if compiled.groups else 0]  # a parenthesis may take no part
        found.append(replace(sample, group=sample.group if group is None else group))
    return groups_joined(found, [sample.group for sample in samples])


def groups_joined(samples: Sequence[Sample], heaps: Sequence[Hashable]) -> list[Sample]:
    """The samples with groups merged where two of them share a heap (of near-duplicates, say);
    they are called by the name that sorts first."""
    names = {name: number for number, name in enumerate(sorted({s.group for s in samples}))}
    of_heap: dict[Hashable, int] = {}
    pairs = []
    for sample, heap in zip(samples, heaps, strict=True):
        number = names[sample.group]
        pairs.append((of_heap.setdefault(heap, number), number))
    first = joined(len(names), pairs)
    listed = list(names)
    return [replace(s, group=listed[first[names[s.group]]]) for s in samples]


def _strata(groups: dict[str, list[Sample]]) -> dict[tuple[int, str], list[str]]:
    """Names of the groups by their commonest label and source."""
    strata: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for name, members in groups.items():
        kinds = Counter((sample.label, sample.source) for sample in members)
        strata[min(kinds, key=lambda kind: (-kinds[kind], kind))].append(name)
    return dict(sorted(strata.items()))


def _chance(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
