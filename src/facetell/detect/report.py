"""The one result object: the same for the command line's JSON, the Python API and the page."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from facetell.detect.quality import Quality
from facetell.errors import MediaError
from facetell.types import BoxXYXY, Kind, Sampling, Status, Verdict

if TYPE_CHECKING:
    from PIL import Image

SCHEMA_VERSION: Literal[2] = 2
"""2: clips are judged; 1 knew pictures only."""

LIMITS_OF_THE_CLAIM = (
    "The score is one model's opinion of one face, not proof; a person decides.",
    "p_fake says how often pictures with such a score were fake in the validation data, with as "
    "many fakes as reals; elsewhere it may be off.",
    "Editing that leaves the face alone (text, background, who stands by whom) is not looked at.",
    "A generator newer than the model may pass as real, and so may a face swapped or edited, even "
    "in a way that it learnt from; a filter or retouching may look fake.",
)
CLEARS_NOTHING = "No sign found. This clears nothing."
"""What a verdict of real says."""
OUTCOMES = (*(Verdict.FAKE, Verdict.UNCERTAIN, Verdict.REAL), *(Status.NO_FACE, Status.ERROR))
"""What can become of a file, in the order in which kinds of files are told."""


def p_text(p_fake: float) -> str:
    """p_fake with three digits, but never rounded to a certainty."""
    if p_fake < 0.001:
        return "< 0.001"
    return "> 0.999" if p_fake > 0.999 else f"{p_fake:.3f}"


def clock(time_s: float) -> str:
    """A time in a clip as people read it: 7.2 s, 3:07, 1:03:07."""
    if time_s < 60:
        return f"{time_s:.1f} s"
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelInfo(Frozen):
    """Which model spoke, and which finder (a name in `FINDERS`) chose the faces."""

    name: str
    version: str
    sha256: str
    real_below: float = Field(ge=0, le=1)
    fake_from: float = Field(ge=0, le=1)
    finder: str


class Timings(Frozen):
    """Milliseconds of wall time by step; frames of a clip are judged side by side, so that the
    steps may add up to more than the total."""

    read: float = 0.0
    faces: float = 0.0
    model: float = 0.0
    total: float = 0.0


class FaceReport(Frozen):
    """One face.

    box_xyxy, crop_xyxy: the face, and the square that the model saw, in pixels of the original,
        upright picture; the crop may leave the picture, and is turned about its middle by
        crop_tilt_deg, clockwise.
    landmarks: x, y of left eye, right eye, nose, left and right mouth corner as they lie in the
        picture; empty where the finder gives none.
    score: how sure the finder is that this is a face, in [0, 1].
    log_odds: calibrated logit. evidence: [h][w] calibrated log-odds over the crop; their mean is
        `log_odds`, p_fake its sigmoid.
    time_s: when it is seen in a clip; None in a picture.
    """

    time_s: float | None = None
    box_xyxy: BoxXYXY
    landmarks: list[tuple[float, float]] = []
    crop_xyxy: BoxXYXY
    crop_tilt_deg: float = 0.0
    score: float
    p_fake: float = Field(ge=0, le=1)
    verdict: Verdict
    quality: Quality
    warnings: list[str]
    log_odds: float
    evidence: list[list[float]]


@dataclass(frozen=True, slots=True)
class TimelineSample:
    """One face of a track in one frame that was judged; small, for hours have many.

    used: whether it counts as evidence for the track; a frame that repeats the one before, or in
    which the face cannot be seen well enough, does not.
    """

    time_s: float
    box_xyxy: BoxXYXY
    p_fake: Annotated[float, Field(ge=0, le=1)]
    quality: Quality
    used: bool


class Segment(Frozen):
    """A time span of a track whose p_fake stays above the fake threshold.

    peak, mean: the highest and the mean p_fake of its samples.
    """

    start_s: float
    end_s: float
    peak: float = Field(ge=0, le=1)
    mean: float = Field(ge=0, le=1)


class TrackReport(Frozen):
    """One person's face followed through a clip.

    id: 1, 2, ... in the order in which the people appear. log_odds: p_fake is its sigmoid.
    reason: why the verdict is `uncertain`. frames_used: how many samples count as evidence; looks:
    how many of them are so far apart that they say something of their own.
    timeline: its samples in order of time. segments: in order of time.
    faces: the most telling frames with their evidence, the most suspicious first.
    """

    id: int
    start_s: float
    end_s: float
    log_odds: float
    p_fake: float = Field(ge=0, le=1)
    verdict: Verdict
    reason: str | None = None
    warnings: list[str]
    frames_used: int
    looks: int
    timeline: list[TimelineSample]
    segments: list[Segment]
    faces: list[FaceReport]


class ClipReport(Frozen):
    """What is said of a clip beyond what is said of any file.

    duration_s: as the file states it, None where it states none. fps: mean frames a second.
    frames_judged: frames looked at, with or without a face. watched_s: seconds of the clip they
    stand for; judged_s: those of them in which a face could be seen well enough to be judged.
    watched_to_s: when the last of them ends; None in reports of earlier releases.
    complete: False where only a part of what was asked for could be watched; a warning of the
    report says why. cuts_s: times of the scene cuts.
    tracks: the most suspicious one first, those called real behind all others, and behind them
    those with too few looks for a verdict; empty where no face was found.
    """

    duration_s: float | None
    fps: float | None
    codec: str
    sampling: Sampling
    frames_judged: int
    watched_s: float
    judged_s: float
    complete: bool
    cuts_s: list[float]
    tracks: list[TrackReport]
    watched_to_s: float | None = None


class FileStamp(Frozen):
    """By what a file shows that it has changed: bytes, and nanoseconds since 1970 when it was
    modified last."""

    size: int
    mtime_ns: int


class Report(Frozen):
    """What facetell says of one file.

    p_fake and verdict are those of the most suspicious face of a picture (`faces`) or track of a
    clip (`clip.tracks`); both are None unless status is `ok`.
    reason: why there is no score, or why the verdict is `uncertain`.
    size_wh: of the upright picture, in pixels. limits: what the claim does not cover.
    stamp: of the file when `facetell detect` began to judge it, for `--resume`; None where the file
    was not there, and in reports from elsewhere or of earlier releases.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    path: str
    kind: Kind
    status: Status
    reason: str | None = None
    verdict: Verdict | None = None
    p_fake: float | None = Field(default=None, ge=0, le=1)
    format: str | None = None
    size_wh: tuple[int, int] | None = None
    faces: list[FaceReport] = []
    clip: ClipReport | None = None
    warnings: list[str] = []
    model: ModelInfo
    timings_ms: Timings = Timings()
    limits: tuple[str, ...]
    stamp: FileStamp | None = None

    @property
    def outcome(self) -> str:
        """The verdict, or the status where there is none."""
        return self.verdict or self.status

    @property
    def shown(self) -> list[FaceReport]:
        """The faces with evidence, of a picture or of a clip; the most suspicious one first."""
        tracks = self.clip.tracks if self.clip else []
        return self.faces or [face for track in tracks for face in track.faces]

    def heatmap(self, face: int = 0) -> "Image.Image":
        """The evidence for one face, drawn over what the model saw.

        face: number of the face in `shown` (0 is the most suspicious one). The file is read again.

        Raises MediaError when there is no such face, or the file is gone.
        """
        from facetell.detect.draw import draw_heatmap
        from facetell.detect.reading import look_again

        if not 0 <= face < len(self.shown):
            raise MediaError(
                f"it has no face {face}; {len(self.shown)} are shown", hint="see `shown`"
            )
        wanted = self.shown[face]
        for picture, faces in look_again(self):
            if wanted in faces:
                return draw_heatmap(picture, wanted)
        raise MediaError("the clip has changed since it was judged", hint="judge it again")
