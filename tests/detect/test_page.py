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
