from dataclasses import replace

from facetell.detect.card import Measured
from facetell.evaluate.score import Score
from facetell.train.release import UNTRIED, _measured, shortcomings, untried


def measured(name, auc, tier="web"):
    return Measured(name=name, tier=tier, split="val", fakes=9, reals=9, auc=auc, low=auc, high=auc)


def score(label, source, generator=""):
    return Score("a.jpg", label, "val", source, generator, "g", "web", "ok", 0.1, 0.5, "real", 99.0)


def test_a_card_names_the_generators_that_were_measured_untrained():
    learnt = [score(1, "gan", "stylegan"), score(0, "web")]
    assert untried(learnt, {"gan", "web"}) == UNTRIED
    new = [score(1, "site", "imagen"), score(1, "other"), score(0, "speakers")]
    assert untried([*learnt, *new], {"gan", "web"}).endswith("were tested: imagen, other.")


def test_a_card_says_what_its_model_was_measured_not_to_tell():
    rows = [measured("a / b", 0.97), measured("swaps / originals", 0.6), measured("c / d", 0.8)]
    assert shortcomings([*rows, measured("e / f", 0.5, "hard")]) == [
        "Hardly told apart in our tests (fakes / reals, AUC, 0.5 is chance): swaps / originals "
        "(0.60). Against such fakes, a verdict of real says nothing.",
        "Not told apart well in our tests (fakes / reals, AUC): c / d (0.80).",
    ]
    assert shortcomings(rows[:1]) == []


def test_a_tier_in_which_nothing_could_be_judged_has_no_numbers():
    judged = [score(label, "s") for label in (0, 1)]
    assert _measured(judged, "web")[0].fakes == 1
    assert _measured([replace(one, status="no_face") for one in judged], "web") == []
