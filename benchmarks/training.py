"""How much of the model's own training speed the whole pipeline keeps; aim 0.95.

OMP_WAIT_POLICY=PASSIVE python -m benchmarks.training --cache FOLDER [--rounds 5] [--threads 2]
    [--config recipes/structure.yaml] [--set size_px=128 ...]

In turn: the model alone, the same ready batch again and again, and the loader that feeds it, as
`facetell train` does it with one worker process, on as many threads as there are cores or as said.
Medians over the rounds; benchmarks/README.md.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from facetell.data.crops import CropCache
from facetell.train.dataset import TrainingSamples
from facetell.train.loop import use_machine
from facetell.train.networks.start import built
from facetell.train.recipe import Recipe, read_recipe

WARM_UP = 1  # batches
WORKERS = 1


def learner(recipe: Recipe) -> Callable[[Tensor, Tensor], None]:
    """One optimiser step of the architecture, on a batch."""
    net = built(recipe.architecture, recipe.size_px, False, recipe.folded).train()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters())

    def step(crops: Tensor, labels: Tensor) -> None:
        logit, _ = net(crops.to(memory_format=torch.channels_last))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def rate(
    step: Callable[[Tensor, Tensor], None], batches: Iterator[list[Tensor]], seconds: float
) -> float:
    """Samples per second, over at least so many seconds."""
    for _ in range(WARM_UP):
        step(*next(batches))
    seen, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        crops, labels = next(batches)
        step(crops, labels)
        seen += len(labels)
    return seen / (time.perf_counter() - started)


def loaded(cache: CropCache, recipe: Recipe) -> Iterator[list[Tensor]]:
    samples = TrainingSamples(cache, recipe, 0, 1_000_000)
    return iter(DataLoader(samples, recipe.batch_size, num_workers=WORKERS))


def measure(
    cache: CropCache, recipe: Recipe, rounds: int, seconds: float = 12
) -> tuple[float, float]:
    """Samples per second of the model alone and of the pipeline."""
    step = learner(recipe)
    ready = cycle([next(loaded(cache, recipe))])
    alone, whole = [], []
    for _ in range(rounds):
        alone.append(rate(step, ready, seconds))
        whole.append(rate(step, loaded(cache, recipe), seconds))
    return statistics.median(alone), statistics.median(whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    use_machine(args.threads)
    recipe = read_recipe(args.config, args.settings)
    alone, whole = measure(CropCache(args.cache), recipe, args.rounds)
    print(f"| {recipe.architecture}, {recipe.size_px} px | samples/s |\n| --- | --- |")
    print(f"| model alone, ready batches | {alone:.1f} |")
    print(f"| whole pipeline | {whole:.1f} |\n| ratio | {whole / alone:.2f} |")


if __name__ == "__main__":
    main()
