"""Services, databases and pictures for them."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.live import Live, running

POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@pytest.fixture(scope="session")
def live(tmp_path_factory, tiny_model) -> Iterator[Live]:
    """One service for all tests that do it no harm."""
    with running(tmp_path_factory.mktemp("service"), tiny_model) as service:
        yield service


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The folder of the socket of a PostgreSQL that listens nowhere else."""
    if POSTGRES is None:
        pytest.skip("PostgreSQL is not installed")
    as_root = os.geteuid() == 0
    if as_root and not shutil.which("setpriv"):
        pytest.skip("PostgreSQL refuses to run as root, and there is no setpriv")
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if as_root else []
    folder = Path(tempfile.mkdtemp(prefix="facetell-pg-"))  # tmp_path is closed to other users
    if as_root:
        shutil.chown(folder, "postgres", "postgres")

    def control(*words: str) -> None:
        log = folder / "log"
        command = [*user, POSTGRES / "pg_ctl", "-D", folder / "data", "-w", "-l", log, *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    control("init", "-o", "-A trust -U postgres --no-sync")
    control("start", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off")
    yield str(folder)
    control("stop", "-m", "immediate")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def queue(request, tmp_path) -> dict[str, object]:
    """Settings for an empty queue in a database of either kind."""
    folder = tmp_path / "service"
    if request.param == "sqlite":
        return {"folder": folder}
    return {"folder": folder, "database": new_database(request.getfixturevalue("postgres"))}


def new_database(socket_folder: str) -> str:
    """The URL of a fresh database."""
    import psycopg

    name = f"queue_{uuid.uuid4().hex}"
    with psycopg.connect(host=socket_folder, user="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://postgres@/{name}?host={socket_folder}"
