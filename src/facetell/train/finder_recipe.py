"""What decides the outcome of training the face finder; written into its run and its card."""

from dataclasses import dataclass

from facetell.train.optimisation import Optimisation, Stage


@dataclass(frozen=True)
class FinderRecipe(Optimisation):
    """The recipe of the finder that ships.

    stem: channels at half of the picture's resolution; twice as many at a quarter. widths: channels
        at strides 8, 16 and 32. neck: channels of the pyramid that joins them, and of its heads.
    samples: drawn scenes of one round; each depends on its number and the seed alone. A second
        round goes on from the averaged weights of the first, with the scenes that follow and
        `second_rate` as its highest learning rate.
    canvas_px: side of a drawn scene. face_px: range of the longer side of the faces placed in it,
        log-uniform. max_tilt_deg: largest rotation.
    """

    stem: int = 16
    widths: tuple[int, int, int] = (48, 80, 128)
    neck: int = 48
    samples: int = 160_000
    batch_size: int = 16
    learning_rate: float = 3e-3
    second_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    warmup: float = 0.05
    ema_decay: float = 0.999
    canvas_px: int = 192
    face_px: tuple[int, int] = (12, 240)
    max_tilt_deg: float = 40.0

    @property
    def stages(self) -> list[Stage]:
        """The two rounds."""
        rates = (self.learning_rate, self.second_rate)
        return [
            Stage(f"round-{number + 1}", number * self.samples, self.samples, rate)
            for number, rate in enumerate(rates)
        ]
