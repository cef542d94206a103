"""The queue: who may have which file, and when; on SQLite and PostgreSQL alike."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from facetell.detect.report import ModelInfo
from facetell.server.jobs import JobStore
from facetell.server.metrics import Metrics
from facetell.server.problems import ProblemError
from facetell.server.runner import Runner
from facetell.server.schemas import Extra, Judged, State
from facetell.server.settings import Settings, SettingsError
from facetell.server.uploads import Upload
from facetell.types import Kind, Status
from tests.server.live import until

MODEL = ModelInfo(
    name="m", version="1", sha256="0" * 64, real_below=0.2, fake_from=0.8, finder="whole"
)
JUDGED = Judged(path="a.jpg", kind=Kind.IMAGE, status=Status.NO_FACE, model=MODEL, limits=())
PRIVATE = {"jobs.db", "jobs.db-wal", "jobs.db-shm", "uploads"}
LAPSED = 1e-6
"""A lease that is over at once."""


@pytest.fixture
def open_store(queue):
    """Opens the queue, as one server of several would."""
    opened = []

    def open_one(**settings):
        opened.append(JobStore(Settings(**queue | settings)))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store):
    return open_store()


def uploads(store, count=1):
    folder = store._settings.uploads
    paths = [folder / f"upload{n}" for n in range(count)]
    for path in paths:
        path.write_bytes(b"x")
    return [Upload(path, path.name, Kind.IMAGE, 1) for path in paths]


def test_the_queue_loads_nothing_that_judges():
    code = "import sys, facetell.server.jobs; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"facetell.server.workers", "facetell.detect.analyze"} & set(loaded)


def test_an_accepted_file_is_claimed_once(store):
    store.accept("me", uploads(store), [Extra.PAGE])
    file = store.claim()
    assert (file.name, file.kind, file.claims) == ("upload0", Kind.IMAGE, 1)
    assert file.include == {Extra.PAGE}
    assert store.claim() is None


def test_many_that_claim_at_once_never_get_the_same_file(open_store):
    stores = [open_store() for _ in range(4)]
    stores[0].accept("me", uploads(stores[0], 40), [])
    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda n: stores[n % 4].claim(), range(60)))
    names = [file.name for file in claims if file]
    assert len(names) == len(set(names)) == 40


def test_a_file_ends_exactly_once(open_store):
    hasty, steady = open_store(lease_s=LAPSED), open_store()
    job_id = hasty.accept("me", uploads(hasty), [])
    lost, held = hasty.claim(), steady.claim()
    assert (lost.name, held.claims) == (held.name, 2)
    assert not hasty.finish(lost, JUDGED)
    assert steady.finish(held, JUDGED)
    assert not steady.finish(held, JUDGED)
    assert steady.job(job_id, "me").state is State.DONE
    assert steady.claim() is None


def test_a_renewed_lease_does_not_lapse_and_a_lost_one_is_told(open_store):
    hasty, steady = open_store(lease_s=LAPSED), open_store()
    hasty.accept("me", uploads(hasty), [])
    file = hasty.claim()
    assert steady.renew({file.claim: 0.5}) == {file.claim}
    assert steady.claim() is None
    assert steady.renew({"somebody else's": 0.5}) == set()


def test_what_is_handed_back_is_taken_at_once_and_not_held_against_the_file(store):
    store.accept("me", uploads(store), [])
    store.hand_back([store.claim().claim])
    assert store.claim().claims == 1


def test_the_upload_goes_when_the_file_ends_and_not_before(store):
    [upload] = uploads(store)
    store.accept("me", [upload], [])
    file = store.claim()
    assert upload.path.exists()
    store.finish(file, JUDGED)
    assert not upload.path.exists()


def test_progress_is_the_mean_over_the_files(store):
    job_id = store.accept("me", uploads(store, 4), [])
    assert store.progress(job_id, "me").state is State.WAITING
    store.finish(store.claim(), JUDGED)
    store.renew({store.claim().claim: 0.5})
    job = store.progress(job_id, "me")
    assert (job.state, job.progress, job.files_done) == (State.RUNNING, 0.375, 1)


def test_results_expire_and_unfinished_jobs_do_not(open_store):
    store = open_store(keep_s=LAPSED)
    done = store.accept("me", uploads(store), [])
    store.finish(store.claim(), JUDGED)
    store.accept("me", uploads(store), [])
    assert store.forget_expired() == 1
    with pytest.raises(ProblemError, match="expired"):
        store.job(done, "me")
    assert store.claim() is not None


def test_uploads_that_nobody_knows_are_swept_away(store):
    [wanted] = uploads(store)
    store.accept("me", [wanted], [])
    orphan = wanted.path.with_name("orphan")
    orphan.write_bytes(b"x")
    store.delete_orphans(older_s=3600)
    assert orphan.exists()
    until(lambda: store.delete_orphans(older_s=0) or not orphan.exists(), "swept")
    assert wanted.path.exists()


def test_a_deleted_job_takes_its_uploads_along_and_its_claim(store):
    [upload] = uploads(store)
    job_id = store.accept("me", [upload], [])
    file = store.claim()
    with pytest.raises(ProblemError, match="no job"):
        store.delete(job_id, "somebody else")
    store.delete(job_id, "me")
    assert not upload.path.exists()
    assert store.renew({file.claim: 0.1}) == set()
    assert not store.finish(file, JUDGED)


def test_the_queue_and_each_client_have_their_limits(open_store):
    store = open_store(jobs_per_client=2, queue_length=4)
    for _ in range(2):
        store.accept("me", uploads(store), [])
    with pytest.raises(ProblemError, match="2 unfinished jobs") as refused:
        store.check_room("me")
    assert refused.value.problem.limit.name == "jobs_per_client"
    with pytest.raises(ProblemError, match="the queue takes 4 files"):
        store.accept("you", uploads(store, 3), [])
    store.accept("you", uploads(store, 2), [])


def test_the_queue_counts_what_waits_and_what_is_in_work(store):
    store.accept("me", uploads(store, 3), [])
    store.claim()
    assert store.count() == {State.WAITING: 2, State.RUNNING: 1}


def test_a_database_that_is_none_is_named_without_its_password(tmp_path):
    for url in ("nonsense", "postgresql+psycopg://me:secret@127.0.0.1:1/none"):
        with pytest.raises(SettingsError) as refused:
            JobStore(Settings(folder=tmp_path, database=url))
        assert "FACETELL_DATABASE" in refused.value.hint
        assert "secret" not in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("name", ["new", "what?x", "50%25 #1"])
def test_what_the_queue_holds_is_for_its_owner_alone(tmp_path, name):
    folder = tmp_path / name
    store = JobStore(Settings(folder=folder))
    store.accept("me", uploads(store), [])
    assert {path.name for path in folder.iterdir()} >= PRIVATE
    for path in (folder, *folder.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path
    assert list(tmp_path.iterdir()) == [folder]
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_what_an_earlier_version_left_open_is_closed(tmp_path):
    earlier = JobStore(Settings(folder=tmp_path))
    earlier.accept("me", uploads(earlier), [])
    for path in tmp_path.iterdir():
        path.chmod(0o755)
    store = JobStore(Settings(folder=tmp_path))
    found = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    assert found == dict.fromkeys(PRIVATE, 0)
    for one in (store, earlier):
        one.close()


def test_a_folder_that_is_away_for_a_while_ends_no_loop(tmp_path):
    settings = Settings(folder=tmp_path)
    metrics = Metrics()
    runner = Runner(JobStore(settings), None, settings, metrics)
    settings.uploads.rmdir()
    asyncio.run(runner._sweep())
    assert metrics.failures.labels("database")._value.get() == 1
