"""Brings files from the queue to the workers, and their reports back."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from facetell.server.jobs import MAX_CLAIMS, ClaimedFile, JobStore
from facetell.server.metrics import Metrics
from facetell.server.settings import Settings
from facetell.server.workers import Task, WorkerPool

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""How often the queue is looked into for what other servers have put there."""
RENEW_EVERY_S = 1.0
"""How often progress is told and leases are renewed; more often where leases are short."""
SWEEP_EVERY_S = 60.0
ORPHAN_AFTER_S = 86_400.0  # longer than any request takes to arrive
T = TypeVar("T")


class Runner:
    """Works off the queue with a pool of workers, as one of perhaps several servers."""

    def __init__(
        self,
        store: JobStore,
        pool: WorkerPool,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._pool = pool
        self._settings = settings
        self._metrics = metrics
        self._at_work: dict[str, Task] = {}  # by claim
        self._news = asyncio.Event()
        self._stopping = False
        self._until_s = float("inf")  # `time.monotonic()` at which files in work are handed back
        self._loops: list[asyncio.Task[None]] = []
        self._ends: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        renew_every_s = min(RENEW_EVERY_S, self._settings.lease_s / 3)
        self._loops = [
            asyncio.create_task(self._take_files()),
            asyncio.create_task(self._every(renew_every_s, self._renew)),
            asyncio.create_task(self._every(SWEEP_EVERY_S, self._sweep)),
        ]

    @property
    def alive(self) -> bool:
        """Whether all goes on; no loop ends but by a fault of ours, and that must be seen."""
        return bool(self._loops) and not any(loop.done() for loop in self._loops)

    def notice(self) -> None:
        """There is something new: a file in the queue, or room for one."""
        self._news.set()

    def take_no_more(self) -> None:
        """From now on, `grace_s` are left to what is in work."""
        if not self._stopping:
            self._stopping = True
            self._until_s = time.monotonic() + self._settings.grace_s
            self._news.set()

    async def stop(self) -> None:
        """Take no more files; let those in work end within `grace_s`, hand back the others."""
        self.take_no_more()
        taking, *others = self._loops
        await taking
        if self._ends:
            await asyncio.wait(self._ends, timeout=max(0.0, self._until_s - time.monotonic()))
        for loop in (*others, *self._ends):
            loop.cancel()
        left = list(self._at_work)
        if left:
            await self._asked(lambda: self._store.hand_back(left))
            log.info("files in work handed back", extra={"files": len(left)})

    async def _take_files(self) -> None:
        while not self._stopping:
            self._news.clear()
            while not self._stopping and len(self._at_work) < self._settings.job_slots:
                file = await self._asked(self._store.claim)
                if file is None:
                    break
                self._begin(file)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK_EVERY_S)

    def _begin(self, file: ClaimedFile) -> None:
        task = Task(file.path, file.name, file.kind, file.include, urgent=False)
        self._at_work[file.claim] = task
        reason = _why_not(file)
        if reason:
            task.future.set_result(self._pool.error_report(task, reason))
        else:
            self._pool.submit(task)
        end = asyncio.create_task(self._end(file, task))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    async def _end(self, file: ClaimedFile, task: Task) -> None:
        """Wait for the report and write it down, however long the database is away."""
        try:
            judged = await asyncio.wrap_future(task.future)
        except asyncio.CancelledError:  # deleted, or judged by another server
            self._leave(file.claim)
            return
        while (ended := await self._asked(lambda: self._store.finish(file, judged))) is None:
            await asyncio.sleep(LOOK_EVERY_S)
        if ended:
            self._metrics.count(judged)
        self._leave(file.claim)

    def _leave(self, claim: str) -> None:
        del self._at_work[claim]
        self._news.set()

    async def _renew(self) -> None:
        progress = {claim: task.progress for claim, task in self._at_work.items()}
        if not progress:
            return
        held = await self._asked(lambda: self._store.renew(progress))
        for claim in progress.keys() - (progress if held is None else held):
            if task := self._at_work.get(claim):  # it may have ended meanwhile
                self._pool.cancel(task)

    async def _sweep(self) -> None:
        await self._asked(self._store.forget_expired)
        await self._asked(lambda: self._store.delete_orphans(ORPHAN_AFTER_S))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await work()
            await asyncio.sleep(seconds)

    async def _asked(self, question: Callable[[], T]) -> T | None:
        """The queue's answer; None when its database or folder is away, which will pass."""
        try:
            return await asyncio.to_thread(question)
        except (SQLAlchemyError, OSError) as error:
            self._metrics.failures.labels("database").inc()
            log.error("the queue does not answer", extra={"error": type(error).__name__})
            return None


def _why_not(file: ClaimedFile) -> str | None:
    """Why a file is given up before it is judged."""
    if file.claims > MAX_CLAIMS:
        return f"the server ended {MAX_CLAIMS} times while it was judged"
    if not file.path.exists():
        return "its upload is gone: servers that share a queue must share their folder, too"
    return None
