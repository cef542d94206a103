"""Learning from what other detectors say, beside the labels (Hinton et al. 2015,
https://arxiv.org/abs/1503.02531)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facetell.detect.crop import CropSpec
from facetell.detect.model import Model
from facetell.errors import DataError
from facetell.types import FloatArray


class Teachers:
    """Model files that look at each crop of a batch, on the CPU, and say what it should be taken
    for.

    Raises ModelError for a file that is none, and DataError where one was made for other crops.
    """

    def __init__(self, files: Sequence[str], crop: CropSpec) -> None:
        self._models = [Model.load(Path(file)) for file in files]
        for model in self._models:
            if model.card.crop != crop:
                raise DataError(
                    f"the teacher {model.path.name} looks at other crops than the recipe makes",
                    hint="give teachers of the same align, margin, size_px and mean",
                )

    def p_fake(self, crops: Tensor, labels: Tensor) -> Tensor:
        """[N], of crops [N, 3, S, S] as the network gets them, and labels [N].

        The mean of the teachers' calibrated log-odds, in which each counts for a crop as much as it
        believes in the label: who knows swaps teaches swaps, and who knows generated faces teaches
        these (Zhang et al. 2022, https://arxiv.org/abs/2201.00007, weigh by the same loss).
        """
        some = min(len(crops), torch.get_num_threads())
        parts = np.array_split(crops.cpu().contiguous().numpy(), some)
        with ThreadPoolExecutor(len(parts)) as pool:  # faster than threads within each teacher
            said = np.concatenate(list(pool.map(self._log_odds, parts)), axis=1)
        log_odds = torch.from_numpy(said).to(labels.device)
        right = (log_odds * (2 * labels - 1)).sigmoid() + 1e-6
        return ((right * log_odds).sum(0) / right.sum(0)).sigmoid()

    def _log_odds(self, crops: FloatArray) -> FloatArray:
        """[teachers, N]"""
        return np.stack([m.card.calibration.log_odds(m.logits(crops)) for m in self._models])
