"""Examples for OpenAPI, built from the schemas, so that they cannot lie about them."""

from typing import Any

from facetell.detect.quality import Quality
from facetell.detect.report import LIMITS_OF_THE_CLAIM, FaceReport, ModelInfo, Timings
from facetell.server.schemas import Judged
from facetell.types import Kind, Status, Verdict

EXAMPLE_JUDGED: dict[str, Any] = Judged(
    path="portrait.jpg",
    kind=Kind.IMAGE,
    status=Status.OK,
    verdict=Verdict.FAKE,
    p_fake=0.982,
    format="JPEG",
    size_wh=(1024, 1024),
    faces=[
        FaceReport(
            box_xyxy=(301.0, 250.5, 702.0, 790.0),
            landmarks=[(410, 470), (590, 468), (500, 580), (425, 680), (580, 679)],
            crop_xyxy=(150.5, 169.2, 852.5, 871.2),
            score=0.998,
            p_fake=0.982,
            verdict=Verdict.FAKE,
            quality=Quality(
                size_px=540,
                sharpness=0.21,
                blockiness=1.1,
                jpeg_quality=92,
                brightness=121,
                cut_by_border=False,
            ),
            warnings=[],
            log_odds=4.0,
            evidence=[[3.5, 4.5], [4.5, 3.5]],
        )
    ],
    model=ModelInfo(
        name="facetell-pair",
        version="1",
        sha256="0" * 64,
        real_below=0.2,
        fake_from=0.8,
        finder="facetell",
    ),
    timings_ms=Timings(read=4.1, faces=3.2, model=8.0, total=15.3),
    limits=LIMITS_OF_THE_CLAIM,
).model_dump(mode="json")
