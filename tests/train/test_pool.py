import numpy as np

from facetell.train.pool import Pool

ITEMS = [f"{source}{n}" for source, count in (("b", 9), ("a", 4), ("c", 1)) for n in range(count)]
PINNED = [
    (None, "b0 b7 a3 b0 b1 a0 c0 b6 b2 c0 c0 c0"),
    ({"c": 2.0}, "c0 c0 b5 a1 b5 a1 a0 b8 a1 c0 c0 c0"),
]


def test_what_a_seed_draws_is_the_same_for_ever():
    """Runs that were interrupted go on with the samples that they would have seen."""
    for boost, expected in PINNED:
        pool, rng = Pool(ITEMS, lambda item: item[0], boost), np.random.default_rng(5)
        assert " ".join(pool.draw(rng) for _ in range(12)) == expected


def test_a_source_counts_by_the_root_of_its_size_times_its_boost():
    pool, rng = Pool(ITEMS, lambda item: item[0], {"c": 2.0}), np.random.default_rng(0)
    drawn = [pool.draw(rng)[0] for _ in range(7000)]
    for source, weight in (("a", 2), ("b", 3), ("c", 2)):
        assert abs(drawn.count(source) - 1000 * weight) < 150
