"""Charts, from records to figures."""

import numpy as np
import pytest

pytest.importorskip("plotly.graph_objects", reason="the dashboard extra is not installed")

from facetell.dashboard import charts
from facetell.detect.analyze import Detector
from facetell.detect.report import ModelInfo
from facetell.evaluate.colours import FAKE, OTHER, REAL
from facetell.evaluate.metrics import Interval
from facetell.evaluate.score import ranking_of
from tests.evaluate.test_compare import scored

MODEL = ModelInfo(name="m", version="1", sha256="0", real_below=0.2, fake_from=0.8, finder="whole")


def looks(figure):
    return [(line.line.color, line.line.dash) for line in figure.data if line.name]


def test_no_two_of_many_models_look_alike_and_none_is_black():
    curve = ranking_of(scored(1, 1.0, count=40)).curve()
    figure = charts.roc({str(n): curve for n in range(28)})
    assert len(set(looks(figure))) == 28
    assert all(colour != "#000000" for colour, _ in looks(figure))


def test_a_model_has_the_same_colour_in_both_curves():
    curve = ranking_of(scored(1, 1.0, count=40)).curve()
    both = {"a": curve, "b": curve}
    assert looks(charts.roc(both)) == looks(charts.precision_recall(both))


def test_the_best_bar_is_on_top_with_its_interval():
    rows = {"poor": Interval(0.6, 0.5, 0.7), "good": Interval(0.9, 0.8, 0.95)}
    (bar,) = charts.bars(rows, "AUC").data
    assert list(bar.y) == ["poor", "good"]  # drawn upwards
    np.testing.assert_allclose(bar.error_x.arrayminus, [0.1, 0.1])


@pytest.mark.parametrize(
    ("p_fake", "colour"),
    [(0.1, REAL), (0.2, OTHER), (0.79, OTHER), (0.8, FAKE)],
)
def test_the_mark_on_the_scale_has_the_colour_of_its_verdict(p_fake, colour):
    (mark,) = charts.scale(p_fake, MODEL).data
    assert mark.marker.color == colour


def test_both_thresholds_stand_on_the_scale():
    assert charts.scale(0.5, MODEL).layout.xaxis.tickvals == (0.2, 0.8)


def test_the_time_line_has_zones_segments_and_every_sample(clip):
    report = Detector.load().analyze(clip)
    (track,) = report.clip.tracks
    figure = charts.timeline(report.clip, track, report.model, time_s=1.0)
    points = [point for trace in figure.data if trace.mode == "markers" for point in trace.x]
    assert sorted(points) == [sample.time_s for sample in track.timeline]
    zones = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert len(zones) == 3 + len(track.segments)


def test_where_no_face_is_found_the_sweep_has_a_gap():
    (line,) = charts.sweep([100, 50], [0.9, None], MODEL, "JPEG quality", 100).data
    assert list(line.y) == [0.9, None]


def test_a_heat_map_keeps_a_gap_for_what_is_not_defined():
    (cells,) = charts.heat_map({"a": {"x": 0.5, "y": None}, "b": {"x": 0.7}}, "t", 0).data
    assert list(cells.y) == ["x", "y"]
    assert [list(row) for row in cells.z] == [[0.5, 0.7], [None, None]]
