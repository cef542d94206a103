import os
import subprocess
import sys

import pytest

from facetell.data.pixels import MARK_NAME, alone
from facetell.errors import DataError


def test_a_second_process_may_not_add_to_the_same_cache(tmp_path):
    """One that runs: this test's parent, whatever that is."""
    (tmp_path / MARK_NAME).write_text(str(os.getppid()))
    with pytest.raises(DataError, match="another process") as refused, alone(tmp_path):
        pass
    assert MARK_NAME in refused.value.hint
    assert (tmp_path / MARK_NAME).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can be asked there without harm")
def test_what_was_killed_stands_in_nobodys_way(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / MARK_NAME).write_text(str(ended.pid))
    with alone(tmp_path):
        assert (tmp_path / MARK_NAME).read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_the_mark_goes_when_the_work_fails(tmp_path):
    with pytest.raises(RuntimeError), alone(tmp_path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
