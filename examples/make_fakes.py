"""Make the fake example pictures from the real ones, by this repository's own means.

python examples/make_fakes.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

from facetell.data.forge import self_blend, swap_face
from facetell.data.teacher import CenterFace  # its landmarks made the pictures that lie here
from facetell.detect.media import read_picture
from facetell.types import FloatArray, UInt8Array

PICTURES = Path(__file__).parent / "pictures"
SEED = 7


def read_face(name: str, finder: CenterFace) -> tuple[UInt8Array, FloatArray]:
    """The picture and the landmarks of its surest face."""
    image = read_picture(PICTURES / name).image
    return image, finder.find_faces(image).landmarks[0]


def write(image: UInt8Array, name: str) -> None:
    Image.fromarray(image).save(PICTURES / name, quality=92)


def main() -> None:
    finder = CenterFace()
    astronaut, astronaut_points = read_face("real-astronaut.jpg", finder)
    hopper, hopper_points = read_face("real-grace-hopper.jpg", finder)
    write(swap_face(astronaut, astronaut_points, hopper, hopper_points), "fake-swap-astronaut.jpg")
    write(
        swap_face(hopper, hopper_points, astronaut, astronaut_points), "fake-swap-grace-hopper.jpg"
    )
    rng = np.random.default_rng(SEED)
    write(self_blend(astronaut, astronaut_points, rng), "fake-self-blended-astronaut.jpg")


if __name__ == "__main__":
    main()
