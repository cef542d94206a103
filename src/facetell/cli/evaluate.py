"""`facetell evaluate` and `facetell compare`"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetell.cli.options import Splits
from facetell.errors import DataError

if TYPE_CHECKING:
    from facetell.data.manifest import Sample
    from facetell.evaluate.score import Score
    from facetell.evaluate.subjects import Subject

Data = Annotated[list[Path], typer.Option("--data", help="Manifests, or label folders.")]
Threads = Annotated[int | None, typer.Option(min=1, help="By default one per core.")]


def evaluate(
    data: Data,
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Model files, or tables of scores (CSV or Parquet: path,p_fake); by default the "
            "model inside the package."
        ),
    ] = None,
    splits: Splits = ["test"],  # noqa: B006 - typer reads it, nobody changes it
    tiers: Annotated[
        list[str], typer.Option("--tier", help="clean, web or hard; may be given several times.")
    ] = ["clean", "web", "hard"],  # noqa: B006 - typer reads it, nobody changes it
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for metrics.json, pictures, scores and report.html of each."),
    ] = None,
    by: Annotated[
        Path | None,
        typer.Option(help="Table of what is known of the pictures: path and columns such as age."),
    ] = None,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write the scores as Parquet instead of CSV.")
    ] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables into this file.")] = None,
    threads: Threads = None,
) -> None:
    """Measure models on labelled pictures: by kind of fake, by source, with intervals.

    Thresholds are the model's own and never refitted. Beside each number stands what a classifier
    that sees only metadata (size, format, JPEG quality, bytes), trained on the `train` split,
    scores.
    """
    from facetell.cli.writing import writing
    from facetell.data.layouts import read_samples
    from facetell.evaluate.probe import metadata_scores
    from facetell.evaluate.report import evaluate_scores, evaluation_markdown, write_evaluation
    from facetell.evaluate.subjects import check_tiers, open_subjects, tiers_of
    from facetell.evaluate.traits import read_traits, said_of

    check_tiers(tiers)
    samples = read_samples(data)
    chosen = _of_splits(samples, splits)
    subjects = open_subjects(models or [])
    traits = read_traits(by) if by else None
    if traits:
        said_of([sample.path for sample in chosen], traits)  # a table of others, before hours
    known = {}
    train = [sample for sample in samples if sample.split == "train"]
    if train and "train" not in splits:  # of what it learnt from, it would know the labels
        guesses = metadata_scores(train, chosen)
        if guesses is not None:
            known = {str(s.path): float(p) for s, p in zip(chosen, guesses, strict=True)}
    parts = []
    for subject in subjects:
        parts.append(_heading(subject, " and ".join(splits)))
        for tier in tiers_of(subject, tiers):
            scores = _scored(subject, chosen, tier, threads)
            found = evaluate_scores(
                *(subject.name, tier, subject.thresholds, scores, known),
                robustness=subject.robustness,
                traits=traits,
            )
            parts.append(evaluation_markdown(found))
            typer.echo(parts[-1])
            if out:
                with writing(out):
                    folder = out / subject.name / tier.replace(" ", "-")
                    write_evaluation(found, folder, table="parquet" if parquet else "csv")
                typer.echo(f"wrote {folder / 'report.html'}")
    if markdown:
        with writing(markdown):
            markdown.write_text("\n".join(parts), encoding="utf-8")
        typer.echo(f"wrote {markdown}")


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(help="Model files, or tables of scores (CSV or Parquet: path,p_fake)."),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, pictures and report.html.")],
    splits: Splits = ["test"],  # noqa: B006 - typer reads it, nobody changes it
    tier: Annotated[str, typer.Option(help="clean, web or hard.")] = "web",
    threads: Threads = None,
) -> None:
    """Compare models, or the scores of any other detector, on the same pictures.

    Differences of AUC have 95 % intervals over the same draws of groups; where one leaves out zero,
    the difference is real, unless it comes of fewer than twenty groups.
    """
    from facetell.cli.writing import writing
    from facetell.data.layouts import read_samples
    from facetell.evaluate.compare import compare as compared
    from facetell.evaluate.report import write_comparison
    from facetell.evaluate.subjects import check_tiers, open_subjects, tiers_of

    check_tiers([tier])
    if len(models) < 2:
        raise DataError("there is nothing to compare", hint="name two models or score tables")
    chosen = _of_splits(read_samples(data), splits)
    subjects = open_subjects(models)
    tiers = {subject.name: tiers_of(subject, [tier])[0] for subject in subjects}
    scores = {s.name: _scored(s, chosen, tiers[s.name], threads) for s in subjects}
    found = compared(scores)
    facts = {s.name: {"tier": tiers[s.name]} | _facts(s) for s in subjects}
    with writing(out):
        write_comparison(found, scores, facts, out)
    for name, numbers in found.models.items():
        typer.echo(f"{name:<24} AUC {numbers.values['auc']}")
    if len(set(tiers.values())) > 1:
        listed = ", ".join(f"{name} on {of}" for name, of in tiers.items())
        typer.echo(f"not on the same tier: {listed}; differences may be the tier's")
    for difference in found.differences:
        typer.echo(f"{difference.one} - {difference.other}: {difference.auc}, {difference.said}")
    typer.echo(f"{found.samples} pictures, {found.left_out} left out; wrote {out / 'report.html'}")


def _of_splits(samples: "Sequence[Sample]", splits: Sequence[str]) -> "list[Sample]":
    for split in splits:
        if not any(sample.split == split for sample in samples):
            raise DataError(
                f"the data name no picture of the split {split!r}",
                hint="name one with --split, or divide them: facetell data split",
            )
    return [sample for sample in samples if sample.split in splits]


def _scored(
    subject: "Subject", chosen: "Sequence[Sample]", tier: str, threads: int | None
) -> "list[Score]":
    from facetell.cli.progress import progress_bar
    from facetell.evaluate.subjects import scored

    with progress_bar(f"scoring {subject.name}, {tier}", len(chosen)) as advance:
        return scored(subject, chosen, tier, threads or os.cpu_count() or 1, advance)


def _heading(subject: "Subject", data: str) -> str:
    from facetell.evaluate.subjects import Table

    if isinstance(subject.judge, Table):
        read = f"Scores read from {subject.path.name}; thresholds: {subject.thresholds.fitted_on}."
        return f"# {subject.name} on {data}\n\n{read}\n"
    model, limits = subject.judge.model, subject.thresholds
    return (
        f"# {model.card.name} {model.card.version} on {data}\n\n"
        f"Model `{model.sha256[:16]}`, thresholds {limits.real_below:.3f} and "
        f"{limits.fake_from:.3f}. Every picture passes the same finder, crop and model "
        "as in `facetell detect`; p_fake is that of the most suspicious face.\n"
    )


def _facts(subject: "Subject") -> dict[str, str]:
    """Size, and speed on one thread."""
    from facetell.evaluate.subjects import Table, crops_per_second

    if isinstance(subject.judge, Table):
        return {"file, MB": "-", "crops a second, one thread": "-"}
    megabytes = subject.path.stat().st_size / 1e6
    rate = crops_per_second(subject.judge.model)
    return {"file, MB": f"{megabytes:.1f}", "crops a second, one thread": f"{rate:.0f}"}
