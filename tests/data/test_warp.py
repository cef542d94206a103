import numpy as np
import pytest

from facetell.data.warp import affine, inverse, move_boxes, move_points

BOX = np.array([[10, 20, 30, 60]], np.float32)


def test_the_centre_comes_to_lie_where_it_should():
    matrix = affine(2.0, 37.0, (20, 40), (100, 50))
    np.testing.assert_allclose(move_points(np.array([[20, 40]]), matrix), [[100, 50]], atol=1e-4)


def test_a_positive_angle_turns_clockwise():
    matrix = affine(1.0, 90.0, (0, 0), (0, 0))
    np.testing.assert_allclose(move_points(np.array([[1, 0]]), matrix), [[0, 1]], atol=1e-6)


def test_the_inverse_brings_points_back():
    matrix = affine(0.7, -20.0, (5, 6), (50, 60))
    points = np.array([[1.0, 2.0], [30.0, 4.0]], np.float32)
    back = move_points(move_points(points, matrix), inverse(matrix))
    np.testing.assert_allclose(back, points, atol=1e-4)


@pytest.mark.parametrize(("degrees", "size"), [(0, (20, 40)), (90, (40, 20)), (180, (20, 40))])
def test_a_box_turns_with_its_face(degrees, size):
    moved = move_boxes(BOX, affine(1.0, degrees, (20, 40), (20, 40)))[0]
    assert (moved[2] - moved[0], moved[3] - moved[1]) == pytest.approx(size, abs=1e-4)


def test_a_turned_circle_keeps_its_box():
    square = np.array([[0, 0, 10, 10]], np.float32)
    moved = move_boxes(square, affine(1.0, 45.0, (5, 5), (5, 5)))
    np.testing.assert_allclose(moved, square, atol=1e-4)
