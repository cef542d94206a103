from facetell.detect.card import Measured
from facetell.train.release import shortcomings


def measured(name, auc, tier="web"):
    return Measured(name=name, tier=tier, split="val", fakes=9, reals=9, auc=auc, low=auc, high=auc)


def test_a_card_says_what_its_model_was_measured_not_to_tell():
    rows = [measured("a / b", 0.97), measured("swaps / originals", 0.6), measured("c / d", 0.8)]
    assert shortcomings([*rows, measured("e / f", 0.5, "hard")]) == [
        "Hardly told apart (AUC on val, 0.5 is chance): swaps / originals (0.60). Against such "
        "fakes, a verdict of real says nothing.",
        "Not told apart well (AUC on val): c / d (0.80).",
    ]
    assert shortcomings(rows[:1]) == []
