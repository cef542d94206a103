"""`facetell stress`"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetell.cli.options import PerSource

if TYPE_CHECKING:
    from facetell.data.manifest import Sample
    from facetell.detect.analyze import Detector
    from facetell.evaluate.numbers import Numbers


def stress(
    data: Annotated[list[Path], typer.Option("--data", help="Manifests, or label folders.")],
    out: Annotated[Path, typer.Option(help="Folder for stress.json, curves and report.html.")],
    model: Annotated[
        Path | None,
        typer.Argument(help="A model file, by default the one inside; with --attack a run folder."),
    ] = None,
    split: Annotated[str, typer.Option(help="The split to treat.")] = "test",
    per_source: PerSource = None,
    attack: Annotated[
        bool, typer.Option("--attack", help="Attack a run's checkpoint instead: FGSM and PGD.")
    ] = False,
    into_card: Annotated[
        bool, typer.Option("--into-card", help="Write the result into the model's card.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="By default one per core.")] = None,
) -> None:
    """Treat pictures badly, one way at a time, and see how far a model's numbers fall.

    JPEG, WebP, scaling, blur, noise, light, cutting, screenshots, platforms; or what somebody does
    who has the network (--attack). The result is the model's robustness card, shown by `facetell
    models` and in reports where it was written into the file.
    """
    from facetell.cli.writing import writing
    from facetell.data.layouts import split_of
    from facetell.detect.analyze import Detector
    from facetell.detect.session import DEFAULT_MODEL
    from facetell.errors import DataError
    from facetell.evaluate.report import ATTACKED, TREATED, write_stress
    from facetell.evaluate.runs import model_of
    from facetell.evaluate.stress import beside, hardship

    if attack and model is None:
        raise typer.BadParameter("--attack needs the network itself: name a run folder")
    chosen = split_of(data, split, per_source)
    if not chosen:
        raise DataError(f"the data name no picture of the split {split!r}", hint="see --split")
    path = model_of(model) if attack and model else model or DEFAULT_MODEL
    detector = Detector.load(path)
    threads = threads or os.cpu_count() or 1
    if attack and model:
        found = _attacked(model, chosen, detector, threads)
    else:
        found = _treated(chosen, detector, threads)
    rows, aucs = [], []
    for kind, level, numbers in found:
        row = hardship(kind, level, numbers, split)
        auc = numbers.values["auc"]
        if row is None or auc is None:
            raise DataError(
                f"{kind} {level}: no real and fake picture could be judged",
                hint="give more pictures of both labels",
            )
        rows.append(row)
        aucs.append(auc)
        typer.echo(
            f"{kind + ' ' + level:<36} AUC {auc}  balanced "
            f"{row.balanced_accuracy:.3f}  uncertain {row.uncertain:.0%}"
        )
    if aucs[0].may_be_chance:
        typer.echo("may be chance: the interval of the first AUC reaches down to one half")
    with writing(out):
        write_stress(detector.model.card.name, rows, aucs, out, how=ATTACKED if attack else TREATED)
    typer.echo(f"wrote {out / 'report.html'}")
    if into_card:
        from facetell.train.export import write_model

        card = detector.model.card
        kept = beside(rows, card.robustness)
        if gone := {row.kind for row in card.robustness} - {row.kind for row in (*rows, *kept)}:
            typer.echo(f"measured on other pictures, and taken out: {', '.join(sorted(gone))}")
        card = card.model_copy(update={"robustness": (*rows, *kept)})
        with writing(path):
            write_model(path.read_bytes(), card, path)
        typer.echo(f"wrote the card of {path}")


def _treated(
    samples: "Sequence[Sample]", detector: "Detector", threads: int
) -> "Iterator[tuple[str, str, Numbers]]":
    from facetell.cli.progress import progress_bar
    from facetell.evaluate.stress import levels, stress

    with progress_bar("treating", len(samples) * len(levels())) as advance:
        for level, found in stress(samples, detector, threads, advance):
            yield level.kind, level.level, found


def _attacked(
    run: Path, samples: "Sequence[Sample]", detector: "Detector", threads: int
) -> "Iterator[tuple[str, str, Numbers]]":
    from facetell.cli.progress import progress_bar
    from facetell.detect.scan import scan
    from facetell.errors import DataError
    from facetell.evaluate.numbers import numbers
    from facetell.train.attack import ATTACKS, STRENGTHS, attack, see
    from facetell.train.checkpoints import load_run

    net, _ = load_run(run)
    seen = []
    with progress_bar("finding faces", len(samples)) as advance:
        for one in scan(samples, lambda sample: see(sample, detector), threads):
            seen.append(one)
            advance(len(seen))
    judged = sum(one.crop is not None for one in seen)
    if not judged:
        raise DataError("no face was found in any picture", hint="give pictures of faces")
    with progress_bar("attacking", judged * len(ATTACKS) * len(STRENGTHS)) as advance:
        for kind, level, rows in attack(seen, net, detector.model.card, advance):
            yield kind, level, numbers(rows)
