"""The picture of an explanation: maps over the face, what they are worth, the face by frequency."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from facetell.detect.evidence import draw_evidence
from facetell.evaluate.colours import COLOURS, FAKE, OTHER
from facetell.evaluate.explain import CHANCE, EVIDENCE, Explanation
from facetell.evaluate.plots import figure_at
from facetell.evaluate.spectrum import Reference, Spectrum
from facetell.types import FloatArray, UInt8Array

BRIGHTEST = 99.5
"""Percentile of a map that is drawn as its maximum: single pixels of a saliency outshine all."""


def plot_explanation(explanation: Explanation, reference: Reference | None, path: Path) -> None:
    """The face with every map over it, what each is worth, and the face by frequencies.

    reference: of real faces of its size, where there is one.
    """
    across = max(3, 1 + len(explanation.maps))
    with figure_at(path, 3.1 * across, 6.6) as figure:
        grid = figure.subplots(2, across, squeeze=False)
        pictures = [("what the model saw", explanation.crop)]
        pictures += [(_worth(explanation, name), _laid_over(explanation, name))
                     for name in explanation.maps]  # fmt: skip
        for axes, (title, image) in zip(grid.flat, pictures, strict=False):
            axes.imshow(image)
            axes.set_title(title)
            axes.axis("off")
        rest = list(grid.flat)[-4:]
        _draw_faithfulness(rest[0], explanation)
        _draw_spectrum(rest[1], rest[2], rest[3], explanation.spectrum, reference)
        said = f"p_fake {explanation.face.p_fake:.3f}, {explanation.face.verdict}"
        figure.suptitle(f"{said}; the maps show what speaks for {explanation.leans_to}")


def _worth(explanation: Explanation, name: str) -> str:
    return f"{name}: gain {explanation.gains[name]:+.2f}"


def _laid_over(explanation: Explanation, name: str) -> UInt8Array:
    """A map over the grey crop: the evidence on its fixed scale, others up to their brightest
    half per cent, which would leave the rest in the dark."""
    crop, found = explanation.crop, explanation.maps[name]
    if name == EVIDENCE:
        return draw_evidence(crop, np.asarray(explanation.face.evidence, np.float32))
    strength = np.clip(found / max(float(np.percentile(found, BRIGHTEST)), 1e-9), 0, 1)
    colours = mpl.colormaps["inferno"](strength)[..., :3] * 255
    grey = crop.mean(axis=-1, keepdims=True)
    return np.asarray((0.45 * grey + 0.55 * colours).round(), np.uint8)


def _draw_faithfulness(axes: Axes, explanation: Explanation) -> None:
    for (name, one), colour in zip(explanation.faith.items(), COLOURS, strict=False):
        axes.plot(one.share, one.inserted, color=colour, linewidth=1.8, label=name)
        axes.plot(one.share, one.deleted, color=colour, linewidth=1.8, linestyle="--")
    for number, one in enumerate(explanation.chance):
        label = CHANCE if number == 0 else None
        axes.plot(one.share, one.inserted, color=OTHER, alpha=0.5, linewidth=0.8, label=label)
        axes.plot(one.share, one.deleted, color=OTHER, alpha=0.5, linewidth=0.8, linestyle="--")
    axes.set(title="brought back (full), blurred away (dashed)", ylim=(-0.02, 1.02))
    axes.set(xlabel="share of the crop", ylabel=f"probability of {explanation.leans_to}")
    axes.title.set_fontsize(9)
    axes.legend(frameon=False, fontsize=7, loc="lower left")


def _draw_spectrum(
    fft: Axes, radial: Axes, dct: Axes, found: Spectrum, reference: Reference | None
) -> None:
    side = len(found.power) // 2
    fft.imshow(found.power, cmap="magma", extent=(-side, side, -side, side))
    fft.set(title="spectrum, log power", xlabel="cycles per crop")
    fft.grid(visible=False)
    cycles = np.arange(len(found.radial))
    if reference is not None:
        mean, spread = np.array(reference.radial), np.array(reference.spread)
        radial.plot(cycles, mean, color=OTHER, label=f"{reference.faces} real faces, {found.size}")
        radial.fill_between(
            cycles, mean - spread, mean + spread, color=OTHER, alpha=0.25, linewidth=0
        )
    radial.plot(cycles, found.radial, color=FAKE, label="this face")
    radial.set(title="by frequency", xlabel="cycles per crop", ylabel="log10 power")
    radial.legend(frameon=False, fontsize=7)
    if found.dct is None:
        dct.text(0.5, 0.5, "too few whole blocks of 8 x 8", ha="center", transform=dct.transAxes)
        dct.axis("off")
        return
    _draw_dct(dct, found.dct, None if reference is None else np.array(reference.dct, np.float32))
    dct.set_xlabel(f"steps between blocks:\n{found.blockiness:.2f} times those inside", fontsize=8)


def _draw_dct(axes: Axes, found: FloatArray, mean: FloatArray | None) -> None:
    """Against real faces where there are any, else as it is; the block's brightness left out."""
    shown = np.array(found if mean is None else found - mean)
    shown[0, 0] = np.nan
    limit = float(np.nanmax(np.abs(shown))) or 1.0
    low, colours = (-limit, "RdBu_r") if mean is not None else (None, "magma")
    drawn = axes.imshow(shown, cmap=colours, vmin=low, vmax=limit)
    axes.figure.colorbar(drawn, ax=axes, shrink=0.8)
    axes.set(title="8 x 8 DCT, log10" + ("\nless real mean" if mean is not None else ""))
    axes.title.set_fontsize(9)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
