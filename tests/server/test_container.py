"""The container's files, as far as they can be checked without a container engine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from facetell.server.settings import PREFIX, Settings
from tests.shared import ROOT

HADOLINT = shutil.which("hadolint", path=Path(sys.executable).parent)


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
def test_the_dockerfile_has_no_fault_that_a_linter_finds():
    done = subprocess.run(
        [HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml"])
def test_the_container_names_settings_that_exist(name):
    named = set(re.findall(rf"\b{PREFIX}([A-Z_]+)[=:]", (ROOT / name).read_text("utf-8")))
    named.discard("DATABASE_PASSWORD")  # of the compose file itself
    assert named
    assert {setting.lower() for setting in named} <= set(Settings.model_fields)


def test_nothing_is_composed_without_keys():
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    keys = composed["services"]["facetell"]["environment"]["FACETELL_API_KEYS"]
    assert keys.startswith("${FACETELL_API_KEYS:?")  # an unset or empty one is an error


def test_what_the_dockerfile_copies_is_there_and_not_ignored():
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    wanted = (ROOT / ".dockerignore").read_text().splitlines()
    for path in " ".join(copied).split():
        assert (ROOT / path).exists()
        assert f"!{path}" in wanted


def test_a_stopping_container_has_the_time_that_the_service_takes():
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    period_s = int(composed["services"]["facetell"]["stop_grace_period"].removesuffix("s"))
    assert period_s > Settings().grace_s
