"""What the routes work with: settings, queue, workers, metrics, opened once."""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field

from facetell.server.jobs import JobStore
from facetell.server.metrics import Metrics
from facetell.server.problems import NoWorker, too_many
from facetell.server.runner import Runner
from facetell.server.schemas import Extra, Judged, Limits
from facetell.server.settings import Settings
from facetell.server.uploads import Upload
from facetell.server.worker import Hello
from facetell.server.workers import Task, WorkerPool


@dataclass(frozen=True)
class Service:
    """The opened service. stopping: set when no new work is taken any more."""

    settings: Settings
    store: JobStore
    pool: WorkerPool
    metrics: Metrics
    hello: Hello
    runner: Runner
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def open(cls, settings: Settings) -> "Service":
        """Open the queue and start the workers.

        Raises SettingsError when the database, ModelError when the model cannot be used.
        """
        metrics = Metrics()
        store = JobStore(settings)
        pool = WorkerPool(settings, metrics)
        hello = pool.start()
        runner = Runner(store, pool, settings, metrics)
        return cls(settings, store, pool, metrics, hello, runner)

    async def close(self) -> None:
        """Let the work end, or hand it back."""
        await self.runner.stop()
        await asyncio.to_thread(self.pool.stop)
        self.store.close()

    @property
    def ready(self) -> bool:
        return self.pool.ready and self.runner.alive and not self.stopping.is_set()

    @property
    def limits(self) -> Limits:
        return Limits(**self.settings.model_dump(include=set(Limits.model_fields)))

    def check_room(self) -> None:
        """Raises ProblemError when too many requests wait, NoWorker when no worker comes."""
        if self.pool.away:
            raise NoWorker
        most = self.settings.photos_waiting
        if self.pool.urgent_waiting >= most:
            raise too_many(f"{most} requests wait for a worker", "photos_waiting", most)

    async def judge(self, upload: Upload, include: frozenset[Extra]) -> Judged:
        """Judge a file now, before all that is in the queue. Raises NoWorker when none comes."""
        task = Task(upload.path, upload.name, upload.kind, include, urgent=True)
        self.pool.submit(task)
        judged = await asyncio.wrap_future(task.future)
        self.metrics.count(judged)
        return judged

    def client_of(self, key: str | None, address: str) -> str | None:
        """Who asks: a fingerprint of the API key, or the address where no keys are wanted; None
        when the key is not one of ours."""
        if not self.settings.api_keys:
            return f"address {address}"
        given = (key or "").encode()
        keys = [key.get_secret_value().encode() for key in self.settings.api_keys]
        known = [hmac.compare_digest(given, key) for key in keys]  # all: time must not tell which
        return f"key {hashlib.sha256(given).hexdigest()[:16]}" if any(known) else None
