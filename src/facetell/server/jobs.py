"""The queue in a database: which files wait, who judges them, how it ended.

A file is claimed with a lease. Whoever holds its claim renews the lease while it works; when the
lease lapses, because the server died, the file is free again. The end is written under the claim,
so of two servers that judged the same file only one can end it: every accepted file ends exactly
once. All times are the database's, so servers need not agree about the time.
"""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from facetell.server.problems import not_found, too_many
from facetell.server.schemas import Extra, Job, JobFile, JobProgress, Judged, State
from facetell.server.settings import Settings, SettingsError
from facetell.server.uploads import Upload, delete_upload
from facetell.types import Kind

MAX_CLAIMS = 5
"""A file whose server died so often while it was judged is given up: it may be the reason."""
_LOCK = 7_305_041
"""PostgreSQL advisory lock: any number, the same in all servers."""


class _now(FunctionElement[float]):
    """Seconds since 1970 by the database's clock."""

    type = Float()
    inherit_cache = True


@compiles(_now, "sqlite")
def _now_sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(_now, "postgresql")
def _now_postgresql(*_: Any, **__: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"


_metadata = MetaData()
_jobs = Table(
    "facetell_jobs",
    _metadata,
    Column("id", String(40), primary_key=True),
    Column("client", String(80), nullable=False),
    Column("include", JSON, nullable=False),
    Column("created_s", Float, nullable=False),
)
_files = Table(
    "facetell_files",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey(_jobs.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("upload", String(40), nullable=False),
    Column("claim", String(40)),
    Column("claims", Integer, nullable=False, default=0),
    Column("lease_until_s", Float, nullable=False, default=0.0),
    Column("progress", Float, nullable=False, default=0.0),
    Column("judged", Text),
    Column("ended_s", Float),
)
_is_open = _files.c.ended_s.is_(None)
Index("facetell_files_open", _files.c.id, sqlite_where=_is_open, postgresql_where=_is_open)


@dataclass(frozen=True)
class ClaimedFile:
    """A file that is ours to judge while its lease is renewed. claims: how often it was claimed."""

    claim: str
    claims: int
    path: Path
    name: str
    kind: Kind
    include: frozenset[Extra]


class JobStore:
    """The queue. Every method is one transaction, and may be called from any thread.

    Raises sqlalchemy.exc.OperationalError when the database is away.
    """

    def __init__(self, settings: Settings) -> None:
        """Open the database and create the tables that are missing.

        Raises SettingsError when it cannot be opened.
        """
        self._settings = settings
        # Reports and the ids of jobs are nobody else's business, either.
        settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.uploads.mkdir(exist_ok=True, mode=0o700)
        if settings.database is None:
            with suppress(OSError):  # SQLite says better what is wrong
                _close_to_others(settings)
        try:
            self._engine = _open(settings.database_url)
            with self._alone() as connection:
                _metadata.create_all(connection)
        except (ArgumentError, NoSuchModuleError, ImportError, SQLAlchemyError) as error:
            url = settings.database_url.rpartition("@")[2]  # without the password
            raise SettingsError(
                f"the database {url} cannot be used: {str(error).splitlines()[0]}",
                hint="check FACETELL_DATABASE, and that the server runs; "
                "without it SQLite in FACETELL_FOLDER is used",
            ) from error

    def close(self) -> None:
        self._engine.dispose()

    def ping(self) -> None:
        """Raises when the database does not answer."""
        with self._read() as connection:
            connection.execute(select(1))

    def check_room(self, client: str) -> None:
        """Raises ProblemError when no job of this client would be accepted."""
        with self._read() as connection:
            self._check_room(connection, client, files=1)

    def accept(self, client: str, uploads: Sequence[Upload], include: Iterable[Extra]) -> str:
        """A new job; returns its id, which is a secret of whoever sent it.

        Raises ProblemError when the queue is full.
        """
        job_id = secrets.token_urlsafe(16)
        job = {"id": job_id, "client": client, "include": sorted(include), "created_s": _now()}
        rows = [
            {"job_id": job_id, "name": u.name, "kind": u.kind, "upload": u.path.name}
            for u in uploads
        ]
        with self._alone() as connection:
            self._check_room(connection, client, len(rows))
            connection.execute(insert(_jobs).values(job))
            connection.execute(insert(_files), rows)
        return job_id

    def progress(self, job_id: str, client: str) -> JobProgress:
        """Raises ProblemError when this client has no such job."""
        job = self.job(job_id, client, reports=False)
        return JobProgress(**job.model_dump(include=set(JobProgress.model_fields)))

    def job(self, job_id: str, client: str, *, reports: bool = True) -> Job:
        """Raises ProblemError when this client has no such job."""
        columns = [_jobs.c.created_s, *_files.c, _now().label("now_s")]
        left_out = set() if reports else {_files.c.judged}
        with self._read() as connection:
            rows = connection.execute(
                select(*(c for c in columns if c not in left_out))
                .join_from(_jobs, _files)
                .where(_jobs.c.id == job_id, _jobs.c.client == client)
                .order_by(_files.c.id)
            ).all()
        if not rows:
            raise not_found(f"there is no job {job_id}, or it has expired")
        files = [_file(row) for row in rows]
        state = _state_of_all(files)
        ended = [row.ended_s for row in rows if row.ended_s is not None]
        return Job(
            id=job_id,
            state=state,
            progress=sum(file.progress for file in files) / len(files),
            files_done=len(ended),
            files_total=len(files),
            files=files,
            created_s=rows[0].created_s,
            expires_s=max(ended) + self._settings.keep_s if state is State.DONE else None,
        )

    def delete(self, job_id: str, client: str) -> None:
        """Forget a job and its uploads; what is being judged of it is stopped when its server next
        renews its leases. Raises ProblemError when this client has no such job."""
        with self._write() as connection:
            uploads = connection.scalars(select(_files.c.upload).where(_files.c.job_id == job_id))
            names = list(uploads)
            gone = connection.execute(
                delete(_jobs).where(_jobs.c.id == job_id, _jobs.c.client == client)
            )
        if not gone.rowcount:
            raise not_found(f"there is no job {job_id}, or it has expired")
        self._delete_uploads(names)

    def claim(self) -> ClaimedFile | None:
        """The longest waiting file, ours for `lease_s`; None when none waits."""
        free = (
            select(_files.c.id)
            .where(_is_open, _files.c.lease_until_s < _now())
            .order_by(_files.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # SQLite leaves it out: it has one writer at a time
        )
        taken = (
            update(_files)
            .where(_files.c.id == free.scalar_subquery())
            .values(
                claim=secrets.token_hex(16),
                claims=_files.c.claims + 1,
                lease_until_s=_now() + self._settings.lease_s,
            )
            .returning(_files)
        )
        with self._write() as connection:
            row = connection.execute(taken).one_or_none()
            if row is None:
                return None
            include = connection.scalar(select(_jobs.c.include).where(_jobs.c.id == row.job_id))
        return ClaimedFile(
            claim=row.claim,
            claims=row.claims,
            path=self._settings.uploads / row.upload,
            name=row.name,
            kind=Kind(row.kind),
            include=frozenset(Extra(extra) for extra in include or ()),
        )

    def renew(self, progress: Mapping[str, float]) -> set[str]:
        """Keep claims for another `lease_s`. progress: of each, in [0, 1].

        Returns those that are still ours; the others were deleted, or are somebody else's.
        """
        held = set()
        with self._write() as connection:
            for claim, done in progress.items():
                kept = connection.execute(
                    update(_files)
                    .where(_is_open, _files.c.claim == claim)
                    .values(progress=done, lease_until_s=_now() + self._settings.lease_s)
                )
                if kept.rowcount:
                    held.add(claim)
        return held

    def finish(self, file: ClaimedFile, judged: Judged) -> bool:
        """End a file, unless the claim was lost: then this does nothing and returns False."""
        with self._write() as connection:
            ended = connection.execute(
                update(_files)
                .where(_is_open, _files.c.claim == file.claim)
                .values(judged=judged.model_dump_json(), progress=1.0, ended_s=_now())
            )
        if ended.rowcount:
            delete_upload(file.path)
        return bool(ended.rowcount)

    def hand_back(self, claims: Iterable[str]) -> None:
        """Let others have what is ours at once, as if it had never been claimed."""
        with self._write() as connection:
            connection.execute(
                update(_files)
                .where(_is_open, _files.c.claim.in_(list(claims)))
                .values(claim=None, claims=_files.c.claims - 1, lease_until_s=0.0, progress=0.0)
            )

    def count(self) -> dict[State, int]:
        """Files that wait and files in work."""
        waits = (_files.c.lease_until_s < _now()).label("waits")
        with self._read() as connection:
            rows = connection.execute(
                select(waits, func.count()).where(_is_open).group_by(waits)
            ).all()
        found = {bool(wait): number for wait, number in rows}
        return {State.WAITING: found.get(True, 0), State.RUNNING: found.get(False, 0)}

    def forget_expired(self) -> int:
        """Delete jobs whose last file ended more than `keep_s` ago; returns how many."""
        last = func.max(func.coalesce(_files.c.ended_s, _now() + 1e9))
        expired = (
            select(_files.c.job_id)
            .group_by(_files.c.job_id)
            .having(last < _now() - self._settings.keep_s)
        )
        with self._write() as connection:
            return connection.execute(delete(_jobs).where(_jobs.c.id.in_(expired))).rowcount

    def delete_orphans(self, older_s: float) -> None:
        """Delete what a server that died left: uploads of files that have ended, and those that no
        file names.

        older_s: younger ones of the latter may belong to a request that is still being answered.
        """
        before_s = time.time() - older_s
        lying = list(
            self._settings.uploads.iterdir()
        )  # before the question: none is too new for it
        with self._read() as connection:
            rows = connection.execute(select(_files.c.upload, _is_open.label("wanted"))).all()
        wanted = {upload: is_wanted for upload, is_wanted in rows}
        for path in lying:
            if not wanted.get(path.name, _modified_s(path) >= before_s):
                delete_upload(path)

    def _delete_uploads(self, names: Iterable[str]) -> None:
        for name in names:
            delete_upload(self._settings.uploads / name)

    def _check_room(self, connection: Connection, client: str, files: int) -> None:
        settings = self._settings
        waiting = connection.scalar(select(func.count()).select_from(_files).where(_is_open)) or 0
        if waiting + files > settings.queue_length:
            what = f"the queue takes {settings.queue_length} files, and {waiting} are in it"
            raise too_many(what, "queue_length", settings.queue_length)
        unfinished = connection.scalar(
            select(func.count(_jobs.c.id.distinct()))
            .join_from(_jobs, _files)
            .where(_is_open, _jobs.c.client == client)
        )
        if (unfinished or 0) >= settings.jobs_per_client:
            what = f"a client may have {settings.jobs_per_client} unfinished jobs"
            raise too_many(what, "jobs_per_client", settings.jobs_per_client)

    def _read(self) -> Connection:
        """On SQLite it waits for no writer."""
        return self._engine.connect().execution_options(**_READING)

    def _write(self) -> AbstractContextManager[Connection]:
        return self._engine.begin()

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A transaction beside which no other of its kind runs, in no server."""
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            yield connection


def _close_to_others(settings: Settings) -> None:
    """What an earlier version made may be open to them. The folder itself is left as it is: it may
    hold more than ours."""
    own = settings.own_database
    own.touch(mode=0o600)  # SQLite gives the same to what it lays beside it
    for path in (own, own.with_name(f"{own.name}-wal"), own.with_name(f"{own.name}-shm")):
        if path.exists():
            path.chmod(0o600)
    settings.uploads.chmod(0o700)


_READING = {"facetell_reading": True}


def _open(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    engine = create_engine(parsed, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins nothing: _begin does
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # what was accepted outlives a power cut
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().keys() & _READING
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _file(row: Row[Any]) -> JobFile:
    judged = row._mapping.get("judged")
    return JobFile(
        name=row.name,
        state=_state(row),
        progress=row.progress,
        report=Judged.model_validate_json(judged) if judged else None,
    )


def _state(row: Row[Any]) -> State:
    if row.ended_s is not None:
        return State.DONE
    return State.RUNNING if row.lease_until_s >= row.now_s else State.WAITING


def _state_of_all(files: Sequence[JobFile]) -> State:
    states = {file.state for file in files}
    return states.pop() if len(states) == 1 else State.RUNNING


def _modified_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")  # gone meanwhile
