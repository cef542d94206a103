"""Training tests need the training extra; without it they are skipped, not failed."""

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
torch.set_num_threads(1)  # tiny networks: more threads only wait for each other


@pytest.fixture
def net():
    """A tiny detector that says something, in evaluation mode."""
    from tests.train.tiny import tiny_network

    torch.manual_seed(3)
    made = tiny_network()
    torch.nn.init.normal_(made.head.weight)
    return made.eval()
