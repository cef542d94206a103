"""`facetell evaluate`"""

import os
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    manifests: Annotated[
        list[Path],
        typer.Argument(help="Manifests, or label folders."),
    ],
    model: Annotated[
        Path | None, typer.Option(help="A model file; by default the one inside the package.")
    ] = None,
    split: Annotated[str, typer.Option(help="The split to report on.")] = "test",
    tiers: Annotated[
        list[str], typer.Option("--tier", help="clean, web or hard; may be given several times.")
    ] = ["clean", "web", "hard"],  # noqa: B006 - typer reads it, nobody changes it
    scores: Annotated[
        Path | None, typer.Option(help="Folder for one score table per tier.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables into this file.")] = None,
    threads: Annotated[int | None, typer.Option(min=1)] = None,
) -> None:
    """Measure a model on labelled pictures: by kind of fake, by source, with intervals.

    Thresholds are the model's own and never refitted. Beside each number stands what a classifier
    that sees only metadata (size, format, JPEG quality, bytes), trained on the `train` split,
    scores.
    """
    from facetell.cli.progress import progress_bar
    from facetell.data.degrade import TIERS
    from facetell.data.layouts import read_dataset
    from facetell.detect.analyze import Detector
    from facetell.detect.model import DEFAULT_MODEL
    from facetell.evaluate.probe import metadata_scores
    from facetell.evaluate.score import score_samples, write_scores
    from facetell.evaluate.table import as_markdown, summarise

    for tier in tiers:
        if tier not in TIERS:
            raise typer.BadParameter(f"no tier {tier!r}; there are {', '.join(TIERS)}")
    samples = [sample for manifest in manifests for sample in read_dataset(manifest).samples]
    chosen = [sample for sample in samples if sample.split == split]
    if not chosen:
        raise typer.BadParameter(f"the manifests name no picture of the split {split!r}")
    detector = Detector.load(model or DEFAULT_MODEL)
    known = {}
    if train := [sample for sample in samples if sample.split == "train"]:
        guesses = metadata_scores(train, chosen)
        known = {str(sample.path): float(p) for sample, p in zip(chosen, guesses, strict=True)}
    card = detector.model.card
    parts = [
        f"# {card.name} {card.version} on {split}\n\n"
        f"Model `{detector.model.sha256[:16]}`, thresholds {card.thresholds.real_below:.3f} and "
        f"{card.thresholds.fake_from:.3f}. Every picture passes the same finder, crop and model "
        "as in `facetell detect`; p_fake is that of the most suspicious face.\n"
    ]
    for tier in tiers:
        rows = []
        with progress_bar(f"scoring {tier}", len(chosen)) as advance:
            found = score_samples(chosen, detector, tier, threads or os.cpu_count() or 1)
            for done, row in enumerate(found, start=1):
                rows.append(row)
                advance(done)
        if scores:
            scores.mkdir(parents=True, exist_ok=True)
            write_scores(rows, scores / f"{split}-{tier}.csv")
        parts.append(as_markdown(summarise(rows, known or None)))
        typer.echo(parts[-1])
    if markdown:
        markdown.write_text("\n".join(parts), encoding="utf-8")
        typer.echo(f"wrote {markdown}")
