import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from facetell.data.autoencoder import Autoencoder
from facetell.errors import DataError
from facetell.train.autoencoder import autoencoder_bytes
from facetell.train.networks.tiny_autoencoder import TinyAutoencoder
from tests.shared import noise_image

# torch's own exporter uses what torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


def saved(net, folder, suffix=".pth"):
    """As the published files name their tensors: by layer, `pool` in the innermost blocks."""
    save = {".pth": torch.save, ".safetensors": save_file}[suffix]
    for part in ("encoder", "decoder"):
        state = getattr(net, part).state_dict()
        named = {n.replace("context", "pool").replace("body", "conv"): v for n, v in state.items()}
        save(named, folder / f"{part}{suffix}")
    return folder / f"encoder{suffix}", folder / f"decoder{suffix}"


@pytest.mark.parametrize(("pooled", "suffix"), [(False, ".safetensors"), (True, ".pth")])
def test_published_weights_become_a_file_that_gives_the_same_picture(tmp_path, pooled, suffix):
    torch.manual_seed(0)
    net = TinyAutoencoder(4, pooled=pooled).eval()
    (tmp_path / "ae.onnx").write_bytes(autoencoder_bytes(*saved(net, tmp_path, suffix)))
    image = noise_image(48, 72)
    with torch.no_grad():
        pixels = torch.from_numpy(image.transpose(2, 0, 1).copy())[None].float() / 255
        expected = net(pixels)[0].numpy().transpose(1, 2, 0) * 255
    back = Autoencoder(tmp_path / "ae.onnx").regenerate(image)
    np.testing.assert_allclose(back, expected, atol=1)


def test_foreign_weights_are_refused(tmp_path):
    encoder, decoder = saved(TinyAutoencoder(4, pooled=False), tmp_path)
    with pytest.raises(DataError, match="not the weights of a tiny autoencoder"):
        autoencoder_bytes(decoder, encoder)
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_text("hello")
        with pytest.raises(DataError, match="cannot be read as weights"):
            autoencoder_bytes(tmp_path / name, decoder)
    save_file({}, tmp_path / "empty.safetensors")
    with pytest.raises(DataError, match="holds no weights"):
        autoencoder_bytes(tmp_path / "empty.safetensors", decoder)
