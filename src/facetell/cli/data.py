"""`facetell data …`"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from facetell.cli.options import PerSource, Processes, Splits

if TYPE_CHECKING:
    from facetell.data.manifest import Sample

Seen = TypeVar("Seen")

app = typer.Typer(help="Look at and prepare data sets.", no_args_is_help=True)


@app.command("audit")
def audit(
    data: Annotated[Path, typer.Argument(help="A manifest, or folders such as Real/ and Fake/.")],
    out: Annotated[Path, typer.Option(help="Folder for audit.json and audit.html.")],
) -> None:
    """Look at a data set before you trust it: leaks, duplicates, and what metadata gives away.

    Exit code: 0 nothing serious, 1 something serious was found, 2 wrong use.
    """
    from facetell.cli.writing import writing
    from facetell.data.layouts import read_dataset
    from facetell.evaluate.audit import audit as find_faults
    from facetell.evaluate.audit import look_at
    from facetell.evaluate.audit_page import audit_page

    dataset = read_dataset(data)
    typer.echo(dataset.recognised)
    found = find_faults(dataset.samples, _each(dataset.samples, look_at))
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / "audit.json").write_text(json.dumps(found.as_json(), indent=2), encoding="utf-8")
        page = audit_page(found, dataset.samples, dataset.recognised)
        (out / "audit.html").write_text(page, encoding="utf-8")
    for finding in found.findings:
        word = "SERIOUS" if finding.serious else "note"
        typer.echo(f"{word:<8} {finding.check}: {finding.count} {finding.message}")
        for line in finding.examples[:3]:
            typer.echo(f"           {line}")
    probe = "too few pictures to say" if found.probe is None else f"AUC {found.probe:.3f}"
    typer.echo(f"metadata alone: {probe}; wrote {out / 'audit.html'}")
    raise typer.Exit(1 if found.serious else 0)


@app.command("spectra")
def spectra(
    data: Annotated[list[Path], typer.Argument(help="Manifests, or label folders.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    split: Annotated[str, typer.Option(help="Whose real pictures to look at.")] = "train",
    per_source: PerSource = None,
) -> None:
    """Average the spectra of real faces, for `facetell explain --spectra` to compare with."""
    from facetell.cli.progress import progress_bar
    from facetell.cli.writing import writing
    from facetell.data.layouts import split_of
    from facetell.detect.analyze import Detector
    from facetell.evaluate.spectrum import real_spectra

    chosen = [sample for sample in split_of(data, split, per_source) if sample.label == 0]
    made_from = f"{len(chosen)} real pictures of the split {split}"
    with progress_bar("looking", len(chosen)) as advance:
        found = real_spectra(chosen, Detector.load(), made_from, advance)
    with writing(out):
        out.write_text(found.model_dump_json() + "\n", encoding="utf-8")
    sizes = ", ".join(f"{one.faces} {name}" for name, one in found.sizes.items())
    typer.echo(f"wrote {out}: faces {sizes}")


@app.command("split")
def split(
    data: Annotated[Path, typer.Argument(help="A manifest, or folders such as Real/ and Fake/.")],
    out: Annotated[Path, typer.Option(help="The manifest to write; no picture is moved.")],
    shares: Annotated[tuple[float, float, float], typer.Option(help="Of train, val and test.")] = (
        80,
        10,
        10,
    ),
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
    group_pattern: Annotated[
        str | None,
        typer.Option(help="What in a file name says which files belong together, as a pattern."),
    ] = None,
    near_duplicates: Annotated[
        bool, typer.Option(help="Keep pictures that look the same in one split.")
    ] = True,
) -> None:
    """Divide labelled pictures into train, val and test, and write a manifest.

    The same pictures, shares and seed give the same split. Every label and source has its share in
    each, and what belongs together (group, near-duplicates) stays together.
    """
    from facetell.cli.writing import writing
    from facetell.data.hashes import fingerprint, heaps
    from facetell.data.layouts import counted, read_dataset
    from facetell.data.manifest import write_manifest
    from facetell.data.split import groups_by_pattern, groups_joined, split_samples

    dataset = read_dataset(data)
    typer.echo(dataset.recognised)
    samples = dataset.samples
    if group_pattern is not None:
        samples = groups_by_pattern(samples, group_pattern)
    if near_duplicates:
        samples = groups_joined(samples, heaps(_each(samples, fingerprint)))
    divided = split_samples(samples, shares, seed)
    with writing(out):
        write_manifest(divided, out)
    groups = len({sample.group for sample in divided})
    typer.echo(f"wrote {out}: {counted(divided)}; {groups} groups, none in two splits")


@app.command("crops")
def crops(
    manifests: Annotated[
        list[Path],
        typer.Argument(help="Manifests, or label folders."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the cache; an existing one is continued.")],
    splits: Splits = ["train", "val"],  # noqa: B006 - typer reads it, nobody changes it
    pairs: Annotated[
        int | None,
        typer.Option(min=1, help="Only groups with both labels; at most so many of either."),
    ] = None,
    processes: Processes = None,
) -> None:
    """Find the largest face of every picture once and keep it decoded, for training."""
    from facetell.data.layouts import read_samples
    from facetell.data.manifest import paired

    samples = read_samples(manifests, splits)
    fill_cache(paired(samples, pairs) if pairs else samples, out, processes)


@app.command("frames")
def frames(
    data: Annotated[Path, typer.Argument(help="A manifest of clips: path,label and the rest.")],
    out: Annotated[Path, typer.Option(help="Folder of the frames and of manifest.csv.")],
    per_clip: Annotated[int, typer.Option(min=1, help="Frames of each clip, evenly spread.")] = 12,
    splits: Splits = ["train", "val"],  # noqa: B006 - typer reads it, nobody changes it
) -> None:
    """Take frames out of labelled clips, so that you can train, audit and evaluate with them.

    Frames have the label, split and group of their clip; an interrupted run is continued.
    """
    from facetell.cli.progress import progress_bar
    from facetell.cli.writing import writing
    from facetell.data.frames import extract_frames
    from facetell.data.layouts import counted, read_dataset
    from facetell.data.manifest import write_manifest
    from facetell.errors import DataError

    clips = [sample for sample in read_dataset(data).samples if sample.split in splits]
    if not clips:
        raise DataError(f"{data} has no clips of {', '.join(splits)}", hint="choose with --split")
    with writing(out), progress_bar("taking frames", len(clips)) as advance:
        found, left_out = extract_frames(
            clips, out, per_clip, threads=os.cpu_count() or 1, on_progress=advance
        )
        write_manifest(found, out / "manifest.csv")
    typer.echo(f"wrote {out / 'manifest.csv'}: {counted(found)}")
    _name_left_out(left_out, out)


@app.command("forge")
def forge(
    data: Annotated[Path, typer.Argument(help="A manifest or label folders; only reals are used.")],
    out: Annotated[Path, typer.Option(help="Folder of the fakes and of manifest.csv.")],
    kind: Annotated[str, typer.Option(help="blend, swap or regenerate.")] = "blend",
    autoencoder: Annotated[
        Path | None, typer.Option(help="What regenerates: see `facetell data autoencoder`.")
    ] = None,
    splits: Splits = ["train", "val"],  # noqa: B006 - typer reads it, nobody changes it
    per_source: PerSource = None,
    name: Annotated[
        str | None,
        typer.Option(help="Source of the fakes; by default the kind, or the autoencoder's name."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other fakes.")] = 0,
) -> None:
    """Write the face of each real picture and a fake twin of it: same size and compression, but
    forged.

    blend: the face blended with a slightly changed copy of itself. swap: with the face of another
    picture. regenerate: through an autoencoder. The manifest lists both; an interrupted run is
    continued.
    """
    if autoencoder and kind != "regenerate":
        raise typer.BadParameter("--autoencoder belongs to --kind regenerate")
    from facetell.cli.progress import progress_bar
    from facetell.data.autoencoder import Autoencoder
    from facetell.data.layouts import counted, read_dataset
    from facetell.data.manifest import capped, write_manifest
    from facetell.data.twins import FORGERIES, forge_twins, regenerated
    from facetell.errors import DataError

    if kind == "regenerate":
        if autoencoder is None:
            raise DataError("regenerate needs --autoencoder", hint="facetell data autoencoder")
        opened = Autoencoder(autoencoder)
        forgery, name = regenerated(opened), name or opened.name
    elif kind in FORGERIES:
        forgery = FORGERIES[kind]
    else:
        known = ", ".join([*FORGERIES, "regenerate"])
        raise DataError(f"no forgery {kind!r}", hint=f"use one of {known}")
    dataset = read_dataset(data)
    typer.echo(dataset.recognised)
    reals = [s for s in dataset.samples if s.split in splits and s.label == 0]
    if per_source:
        reals = capped(reals, per_source)
    with progress_bar("forging", len(reals)) as advance:
        pairs, left_out = forge_twins(
            reals, out, forgery, name or kind, seed=seed, threads=os.cpu_count() or 1,
            on_progress=advance,
        )  # fmt: skip
    write_manifest(pairs, out / "manifest.csv")
    typer.echo(f"wrote {out / 'manifest.csv'}: {counted(pairs)}")
    _name_left_out(left_out, out)


@app.command("download")
def download(
    name: Annotated[str, typer.Argument(help="kaggle:OWNER/NAME or hf:OWNER/NAME.")],
    out: Annotated[Path, typer.Option(help="Folder for it.")],
) -> None:
    """Fetch a public data set, such as kaggle:xhlulu/140k-real-and-fake-faces.

    It needs a network; some data sets need an account on their hub.
    """
    from facetell.cli.writing import writing
    from facetell.data.download import download as fetch
    from facetell.data.layouts import read_dataset
    from facetell.errors import DataError

    with writing(out):
        where = fetch(name, out)
    try:
        typer.echo(read_dataset(where).recognised)
    except DataError as error:
        typer.echo(f"fetched into {where}, but not recognised: {error.args[0]}\n{error.hint}")


@app.command("autoencoder")
def autoencoder(
    encoder: Annotated[Path, typer.Argument(help="Weights such as taef2_encoder.pth.")],
    decoder: Annotated[Path, typer.Argument(help="Weights such as taef2_decoder.pth.")],
    out: Annotated[Path, typer.Option(help="The ONNX file to write.")],
) -> None:
    """Turn a published tiny autoencoder (github.com/madebyollin/taesd) into an ONNX file."""
    from facetell.cli.writing import writing
    from facetell.train.autoencoder import autoencoder_bytes

    data = autoencoder_bytes(encoder, decoder)
    with writing(out):
        out.write_bytes(data)
    typer.echo(f"wrote {out} ({len(data) / 1e6:.1f} MB)")


def fill_cache(samples: "Sequence[Sample]", folder: Path, processes: int | None = None) -> None:
    """Find the faces of all samples, with a progress bar, and say what came of it."""
    from facetell.cli.progress import progress_bar
    from facetell.data.crops import build_cache

    with progress_bar("finding faces", len(samples)) as advance:
        kept, left_out = build_cache(samples, folder, processes=processes, on_progress=advance)
    typer.echo(f"{folder} holds {kept} faces; asked for {len(samples)} pictures")
    _name_left_out(left_out, folder)


def _name_left_out(left_out: "Sequence[str]", folder: Path) -> None:
    if left_out:
        listing = folder / "left_out.txt"
        listing.write_text("\n".join(left_out) + "\n", encoding="utf-8")
        typer.echo(f"{len(left_out)} left out: each is named with its reason in {listing}")


def _each(samples: "Sequence[Sample]", read: "Callable[[Path], Seen]") -> "list[Seen]":
    """What `read` says of each sample's file, in order, with a progress bar."""
    from facetell.cli.progress import progress_bar
    from facetell.detect.scan import scan

    seen = []
    paths = [sample.path for sample in samples]
    with progress_bar("reading pictures", len(samples)) as advance:
        for done, one in enumerate(scan(paths, read, os.cpu_count() or 1), start=1):
            seen.append(one)
            advance(done)
    return seen
