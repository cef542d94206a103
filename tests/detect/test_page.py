from facetell.detect.analyze import Detector
from facetell.detect.page import whole_page


def test_the_page_of_one_file_calls_it_as_it_is_told_to(small_portrait):
    page = whole_page(Detector.load().analyze(small_portrait), "holiday.jpg")
    assert "holiday.jpg" in page
    assert str(small_portrait.parent) not in page
    assert page.rstrip().endswith("</html>")


def test_the_page_of_a_real_one_clears_nothing(small_portrait):
    report = Detector.load().analyze(small_portrait)
    for verdict, said in (("real", True), ("uncertain", False)):
        page = whole_page(report.model_copy(update={"verdict": verdict}), "a.jpg")
        assert ("This clears nothing." in page) is said


def test_the_verdict_is_not_pushed_down_by_the_limits_but_one_stands_above(small_portrait):
    report = Detector.load().analyze(small_portrait)
    above, folded = whole_page(report, "a.jpg").split("<details>")[:2]
    assert report.limits[0] in above
    assert all(limit.replace("'", "&#39;") in folded for limit in report.limits[1:])
    assert report.limits[1] not in above
