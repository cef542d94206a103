"""Training tests need the training extra; without it they are skipped, not failed."""

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
torch.set_num_threads(1)  # tiny networks: more threads only wait for each other
