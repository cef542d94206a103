import numpy as np
import onnxruntime
import pytest
import torch

from facetell.errors import DataError
from facetell.train.export import onnx_bytes
from facetell.train.networks.cost import cost
from facetell.train.networks.published import MedianResidual, NeighbourResidual
from facetell.train.networks.registry import ARCHITECTURES, architecture

# torch's own exporter uses what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")

SIZE_PX = 64
TIMM = ("vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "convnext_atto")


def built(name, size_px=SIZE_PX):
    torch.manual_seed(0)
    return architecture(name).build(size_px, False).eval()


@pytest.mark.parametrize("name", [*ARCHITECTURES, "vit_tiny_patch16_224", "convnext_atto"])
def test_the_mean_of_the_evidence_is_the_logit_in_all_of_them(name):
    net = built(name)
    with torch.no_grad():
        logit, evidence = net(torch.randn(2, 3, SIZE_PX, SIZE_PX))
    assert logit.shape == (2,)
    assert evidence.ndim == 3
    assert evidence.shape[1] == evidence.shape[2] > 1
    torch.testing.assert_close(evidence.mean(dim=(1, 2)), logit, atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ARCHITECTURES, *TIMM])
def test_all_export_to_the_one_file_contract(name):
    size_px = 224 if name in TIMM else SIZE_PX
    net = built(name, size_px)
    crops = torch.randn(3, 3, size_px, size_px)
    with torch.no_grad():
        expected, evidence = net(crops)
    session = onnxruntime.InferenceSession(
        onnx_bytes(net, size_px), providers=["CPUExecutionProvider"]
    )
    logit, found = session.run(["logit", "evidence"], {"crops": crops.numpy()})
    np.testing.assert_allclose(logit, expected.numpy(), atol=1e-3)
    np.testing.assert_allclose(found, evidence.numpy(), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "published", "off"),
    # As counted from the published code; FerretNet's description leaves some of it open.
    [("npr", 1_437_761, 0), ("ladeda", 13_641_793, 0), ("ferretnet", 1_060_000, 0.15)],
)
def test_published_networks_have_the_published_size(name, published, off):
    parameters, _ = cost(architecture(name), SIZE_PX)
    assert parameters == pytest.approx(published, rel=off, abs=0)


def test_the_neighbour_residual_is_what_halving_and_doubling_loses():
    crops = torch.randn(1, 3, 8, 8)
    small = torch.nn.functional.interpolate(crops, scale_factor=0.5, mode="nearest")
    again = torch.nn.functional.interpolate(small, scale_factor=2, mode="nearest")
    torch.testing.assert_close(NeighbourResidual()(crops), (crops - again) * 2 / 3)
    assert NeighbourResidual()(torch.randn(1, 3, 7, 9)).shape == (1, 3, 7, 9)


def test_the_median_residual_is_against_the_eight_neighbours():
    crops = torch.randn(1, 3, 5, 5)
    found = MedianResidual()(crops)[0, 1, 2, 2]
    around = [float(crops[0, 1, y, x]) for y in (1, 2, 3) for x in (1, 2, 3) if (y, x) != (2, 2)]
    assert float(found) == pytest.approx(float(crops[0, 1, 2, 2]) - np.median(around), abs=1e-6)


def test_a_name_that_nobody_knows_is_refused_with_what_is_near():
    with pytest.raises(DataError, match="no architecture 'resnet5000'") as refused:
        architecture("resnet5000").build(SIZE_PX, False)
    assert "--architectures" in refused.value.hint


def test_weights_that_cannot_be_fetched_are_an_error_with_a_remedy(monkeypatch):
    timm = pytest.importorskip("timm")

    def offline(*args, **options):
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(DataError, match="cannot be fetched") as refused:
        architecture("resnet50").build(SIZE_PX, True)
    assert "pretrained=false" in refused.value.hint


@pytest.mark.parametrize("name", ["mixer_s32_224", "levit_128s"])
def test_networks_of_timm_made_for_one_size_are_built_for_that_of_the_crops(name):
    net = architecture(name).build(96, False)
    logit, evidence = net(torch.zeros(1, 3, 96, 96))
    assert logit.shape == (1,)
    assert evidence.shape[0] == 1


def test_networks_that_give_no_map_are_refused_with_a_remedy():
    with pytest.raises(DataError, match="crossvit_9_240 takes no crops of 96 px") as refused:
        architecture("crossvit_9_240").build(96, False)
    assert "another architecture" in refused.value.hint


def test_cost_counts_parameters_and_multiplications():
    parameters, macs = cost(architecture("baseline_cnn"), 64)
    by_hand = [(3, 32, 64), (32, 64, 32), (64, 128, 16)]
    assert parameters == sum(c * o * 9 + o for c, o, _ in by_hand) + 129
    assert macs == sum(c * o * 9 * side**2 for c, o, side in by_hand) + 128 * 64
