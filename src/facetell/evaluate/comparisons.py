"""Which pictures are set against which, so that a number answers a question.

One AUC over everything hides what a detector cannot do: each family of fakes is compared apart,
against real pictures that it could be mistaken for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from facetell.evaluate.score import Score

_GENERATED = """
    stylegan1 stylegan2 stylegan2_projected humanfaces_ai generatedphotos
    sd21 sdxl flux1_dev flux1_schnell flux_pollinations
"""

FAMILIES: dict[str, frozenset[str]] = {
    "generated": frozenset(_GENERATED.split()),
    "blended": frozenset({"openforensics"}),
    "swap": frozenset({"dfdc_swap"}),
    "edited": frozenset({"photo_composite"}),
}
"""By the manifest's `generator`. Whole faces made by a generator; generated faces blended into a
real scene; face swaps; edited by hand. Any other generator stands for itself."""

FRAME_SOURCES = frozenset({"dfdc_face224", "video_faces"})
"""Sources whose real pictures are frames of compressed video, not photographs."""

EVERYTHING = "all fakes / all reals"


@dataclass(frozen=True)
class Comparison:
    """Fakes against reals; both are chosen by what a score row says of its sample.

    one_of: whether it is one source or generator among several, of which mean and worst are told.
    """

    name: str
    fake: Callable[[Score], bool]
    real: Callable[[Score], bool]
    one_of: bool = False


def comparisons(scores: Sequence[Score]) -> list[Comparison]:
    """The comparisons that these samples allow."""
    chosen = [
        Comparison("generated faces / real photos", _is_family("generated"), _is_photo),
        Comparison(
            "stylegan1_140k / ffhq256_140k",
            _is_source("stylegan1_140k"),
            _is_source("ffhq256_140k"),
        ),
        Comparison("blended into a scene / real photos", _is_family("blended"), _is_photo),
        Comparison("face swaps / their originals", _is_family("swap"), _is_source("dfdc_face224")),
        Comparison(
            "reenacted and swapped frames / real frames",
            _is_source("video_faces"),
            _is_source("video_faces"),
        ),
        Comparison("edited by hand / real photos", _is_family("edited"), _is_photo),
    ]
    chosen += [
        Comparison(f"{name} / real photos", fake, _is_photo, one_of=True)
        for name, fake in _kinds([score for score in scores if score.label]).items()
    ]
    chosen.append(Comparison(EVERYTHING, lambda s: True, lambda s: True))
    return [c for c in chosen if any(map(_side(c, 1), scores)) and any(map(_side(c, 0), scores))]


def _kinds(fakes: Sequence[Score]) -> dict[str, Callable[[Score], bool]]:
    """Every kind apart, by its name: sources of generated faces, the other generators, and where
    there is more than one kind, sources of which nobody says what made them."""
    generated = sorted({fake.source for fake in fakes if _is_family("generated")(fake)})
    others = sorted({fake.generator for fake in fakes if _is_other(fake)})
    unnamed = sorted({fake.source for fake in fakes if _is_unnamed(fake)})
    if len(unnamed) == 1 and all(map(_is_unnamed, fakes)):
        unnamed = []
    kinds = {name: _is_source(name) for name in generated}
    for name, fake in [
        *((name, _is_generator(name)) for name in others),
        *((name, _is_unnamed_of(name)) for name in unnamed),
    ]:
        kinds[f"{name} (another)" if name in kinds else name] = fake
    return kinds


def members(comparison: Comparison, scores: Sequence[Score]) -> list[Score]:
    """The samples of both sides."""
    fake, real = _side(comparison, 1), _side(comparison, 0)
    return [score for score in scores if fake(score) or real(score)]


def _side(comparison: Comparison, label: int) -> Callable[[Score], bool]:
    choose = comparison.fake if label else comparison.real
    return lambda score: score.label == label and choose(score)


def _is_family(name: str) -> Callable[[Score], bool]:
    return lambda score: score.generator in FAMILIES[name]


def _is_source(name: str) -> Callable[[Score], bool]:
    return lambda score: score.source == name


def _is_generator(name: str) -> Callable[[Score], bool]:
    return lambda score: score.generator == name


def _is_other(score: Score) -> bool:
    """Whether it was made by a generator of no family, and is no frame of a video."""
    known = score.source in FRAME_SOURCES or any(score.generator in f for f in FAMILIES.values())
    return bool(score.generator) and not known


def _is_unnamed(score: Score) -> bool:
    """Whether nobody says what made it, as in folders, and it is no frame of a video."""
    return not score.generator and score.source not in FRAME_SOURCES


def _is_unnamed_of(source: str) -> Callable[[Score], bool]:
    return lambda score: score.source == source and not score.generator


def _is_photo(score: Score) -> bool:
    return score.source not in FRAME_SOURCES
