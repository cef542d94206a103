import json

import numpy as np
import onnxruntime
import pytest
import torch

from facetell.data.labels import LabelCache
from facetell.detect.answers import STRIP_ROWS, answers
from facetell.detect.card import CARD_KEY, FinderCard
from facetell.detect.faces import SmallFinder
from facetell.detect.session import FINDER_FILE
from facetell.errors import DataError
from facetell.train import finder
from facetell.train.finder import finder_bytes, release_finder, train_finder, write_finder
from facetell.train.finder_loss import finder_loss
from facetell.train.finder_recipe import FinderRecipe
from facetell.train.finder_samples import FinderSamples, Painter, draw_background
from facetell.train.loop import Machine
from facetell.train.networks.finder import FinderNet
from tests.shared import DRAWN_LANDMARKS, drawn_face, noise_image

# torch's own exporter uses what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


def tiny_recipe(**changes):
    settings = {"stem": 8, "widths": (16, 16, 32), "neck": 16, "canvas_px": 128, "batch_size": 8,
                "samples": 64, "face_px": (30, 110)} | changes  # fmt: skip
    return FinderRecipe(**settings)


def drawn_labels(folder):
    """Drawn faces, some small in their picture, and pictures with none."""
    folder.mkdir()
    rows, pixels = [], b""
    for number in range(30):
        split = "val" if number % 5 == 4 else "train"
        if number % 3 == 2:
            image, found = noise_image(300, 300, number), []
        else:
            image = noise_image(300, 300, number).copy()
            side = (64, 256)[number % 3]
            image[20 : 20 + side, 10 : 10 + side] = drawn_face(side, number)
            found = [side / 128]
        rows.append({
            "path": f"{number}.png", "split": split, "source": "drawn", "offset": len(pixels),
            "height": 300, "width": 300, "scores": [0.9] * len(found),
            "boxes_xyxy": [[30 * s + 10, 20 * s + 20, 98 * s + 10, 112 * s + 20] for s in found],
            "landmarks": [(DRAWN_LANDMARKS * s + (10, 20)).tolist() for s in found],
        })  # fmt: skip
        pixels += image.tobytes()
    (folder / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "pixels.u8").write_bytes(pixels)
    return LabelCache(folder)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    return drawn_labels(tmp_path_factory.mktemp("finder") / "labels")


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    recipe = FinderRecipe()
    return FinderNet(recipe.stem, recipe.widths, recipe.neck).eval()


@pytest.fixture(scope="module")
def exported(net):
    """Its file without a card; torch's exporter takes some twenty seconds."""
    return finder_bytes(net)


def test_sample_k_depends_on_its_number_and_the_seed_alone(labels):
    whole, later = FinderSamples(labels, tiny_recipe()), FinderSamples(labels, tiny_recipe(), 40)
    assert torch.equal(whole[45][0], later[5][0])
    assert torch.equal(whole[45][1], later[5][1])
    assert not torch.equal(whole[45][0], FinderSamples(labels, tiny_recipe(seed=2))[45][0])


def test_scenes_hold_their_faces_inside_and_some_hold_none(labels):
    painter = Painter(labels, tiny_recipe())
    counts = []
    for number in range(60):
        scene = painter.scene(np.random.default_rng(number))
        assert scene.image.shape == (128, 128, 3)
        boxes = scene.faces.boxes_xyxy
        assert ((boxes >= 0) & (boxes <= 128)).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        counts.append(int(scene.faces.sure.sum()))
    assert 0 in counts
    assert 1 in counts
    assert max(counts) >= 4


def test_landmarks_lie_in_their_box_after_turning_and_mirroring(labels):
    painter = Painter(labels, tiny_recipe())
    for number in range(60):
        faces = painter.scene(np.random.default_rng(number)).faces
        whole = faces.sure & ((faces.boxes_xyxy > 2) & (faces.boxes_xyxy < 126)).all(axis=1)
        for box, points in zip(faces.boxes_xyxy[whole], faces.landmarks[whole], strict=True):
            size = box[2:] - box[:2]
            assert (points > box[:2] - 0.1 * size).all()
            assert (points < box[2:] + 0.1 * size).all()
            left_eye, right_eye = points[:2]
            assert left_eye[0] < right_eye[0]


def test_labels_without_scenes_are_refused(labels, tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    lines = (line for p, line in zip(labels.pictures, labels_lines(labels), strict=True)
             if len(p.faces))  # fmt: skip
    (folder / "index.jsonl").write_text("".join(lines))
    (folder / "pixels.u8").write_bytes(b"\0" * 300 * 300 * 3 * 30)
    with pytest.raises(DataError, match="lack"):
        Painter(LabelCache(folder), tiny_recipe())


def labels_lines(labels):
    for p in labels.pictures:
        yield json.dumps({
            "path": p.path, "split": p.split, "source": p.source, "offset": p.offset,
            "height": p.height, "width": p.width, "scores": p.faces.scores.tolist(),
            "boxes_xyxy": p.faces.boxes_xyxy.tolist(), "landmarks": p.faces.landmarks.tolist(),
        }) + "\n"  # fmt: skip


def test_drawn_backgrounds_differ():
    rng = np.random.default_rng(0)
    one, other = draw_background(64, rng), draw_background(64, rng)
    assert one.shape == (64, 64, 3)
    assert one.dtype == np.uint8
    assert (one != other).any()


def perfect_answers(rows, size_px=64):
    """For one face: what a network would say that has nothing left to learn."""
    cells = sum((size_px // stride) ** 2 for stride in (8, 16, 32))
    boxes = rows[:, :1, 1:5].expand(-1, cells, 4)
    landmarks = rows[:, :1, 5:].reshape(-1, 1, 5, 2).expand(-1, cells, 5, 2)
    return torch.zeros(len(rows), cells), boxes, landmarks


def test_the_loss_is_small_for_right_places_and_grows_with_every_error():
    rows = torch.zeros(1, 40, 15)
    points = torch.from_numpy(DRAWN_LANDMARKS / 2).flatten()
    rows[0, 0] = torch.cat([torch.tensor([1.0, 15, 10, 49, 56]), points])
    logits, boxes, landmarks = perfect_answers(rows)
    right = finder_loss((logits, boxes, landmarks), rows, 64)
    assert finder_loss((logits, boxes + 6, landmarks), rows, 64) > right + 0.1
    assert finder_loss((logits, boxes, landmarks + 6), rows, 64) > right + 0.1
    sure = logits.clone()
    sure[:, 64:80] = 5.0  # stride 16, everywhere
    assert finder_loss((sure, boxes, landmarks), rows, 64) != right


def test_a_region_is_ignored_by_the_cells_that_would_answer_for_it():
    nothing = torch.zeros(1, 40, 15)
    ignored = nothing.clone()
    ignored[0, 0, :5] = torch.tensor([2.0, 0, 0, 64, 64])  # for strides 8 and 16, not for 32
    logits, boxes, landmarks = perfect_answers(nothing)
    everywhere = logits + 5
    whole = finder_loss((everywhere, boxes, landmarks), nothing, 64)
    rest = finder_loss((everywhere, boxes, landmarks), ignored, 64)
    assert float(rest / whole) == pytest.approx(4 / (64 + 16 + 4))


@pytest.mark.slow
def test_training_lowers_the_loss(labels, tmp_path):
    recipe = tiny_recipe(samples=1600, ema_decay=0.9)
    losses = []
    train_finder(labels, recipe, tmp_path / "run", machine=Machine(workers=0),
                 on_step=lambda progress: losses.append(progress.loss))  # fmt: skip
    assert losses[-1] < 0.9 * losses[0]


def test_torch_and_onnx_agree_at_any_size(net, exported):
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    for height, width in ((32, 32), (64, 160), (256, 96), (2 * STRIP_ROWS + 32, 64)):
        pixels = noise_image(height, width)
        with torch.no_grad():
            logits, boxes, landmarks = net(torch.tensor(pixels).permute(2, 0, 1)[None].float())
        found = answers(session, pixels)
        np.testing.assert_allclose(found[0], logits.sigmoid().numpy(), atol=1e-4)
        np.testing.assert_allclose(found[1], boxes.numpy(), atol=1e-2)
        np.testing.assert_allclose(found[2], landmarks.numpy(), atol=1e-2)


def test_a_written_finder_is_small_and_carries_its_card(exported, labels, tmp_path):
    path = tmp_path / "faces.onnx"
    card = write_finder(exported, FinderRecipe(), labels, path, min_score=0.4)
    assert path.stat().st_size < 1e6
    assert b"site-packages" not in path.read_bytes()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    text = session.get_modelmeta().custom_metadata_map[CARD_KEY]
    assert FinderCard.model_validate_json(text) == card.model_copy(
        update={"recipe": json.loads(card.model_dump_json())["recipe"]}
    )
    assert card.trained_on == {"drawn": 24}


def test_an_interrupted_release_leaves_no_finder(net, labels, tmp_path, monkeypatch):
    def interrupted(self, image):
        raise KeyboardInterrupt

    monkeypatch.setattr(finder, "finder_bytes", lambda net: FINDER_FILE.read_bytes())
    monkeypatch.setattr(finder.SmallFinder, "find_faces", interrupted)
    with pytest.raises(KeyboardInterrupt):
        release_finder(net, tiny_recipe(), labels, tmp_path / "faces.onnx")
    assert not (tmp_path / "faces.onnx").exists()


@pytest.mark.slow
def test_the_threshold_is_chosen_on_pictures_without_faces(net, labels, tmp_path, monkeypatch):
    monkeypatch.setattr(finder, "DRAWN", 20)
    eager = FinderNet(8, (16, 16, 32), 16).eval()
    with torch.no_grad():
        for head in eager.heads:
            head.score[1].bias.fill_(1.0)  # a face everywhere, with a score of about 0.73
    path = tmp_path / "faces.onnx"
    card = release_finder(eager, tiny_recipe(), labels, path)
    assert card.min_score > 0.7
    assert len(SmallFinder(path).find_faces(noise_image(300, 300, 77))) == 0
    shy = release_finder(net, tiny_recipe(), labels, path)
    assert shy.min_score == 0.3
