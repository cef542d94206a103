"""The pool of worker processes: hands them files, replaces the dead, and answers for each file."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from facetell.errors import FacetellError, ModelError
from facetell.server.metrics import Metrics
from facetell.server.problems import NoWorker
from facetell.server.schemas import Extra, Judged
from facetell.server.settings import PREFIX, Settings
from facetell.server.worker import Hello, Order, Said, Start
from facetell.types import Kind, Status

log = logging.getLogger(__name__)

COMMAND = [sys.executable, "-P", "-m", "facetell.server.worker"]
SMALL_BYTES = 500_000
"""Photos up to this size are handed out several at a time, so that no worker waits for the next
one; a larger one is judged by a worker that has nothing else to do."""
AHEAD = 4
"""Small photos that lie with one worker: one in work and three to follow."""
DEATHS = 2
"""A file that was judged while so many workers died is given up."""
AWAY_S = 15.0
"""Without a worker for longer, nobody is kept waiting: replacing one takes a second or two."""
_RESTART_PAUSE_S = 1.0
_WATCH_EVERY_S = 0.25


@dataclass(eq=False)
class Task:
    """A file that is waiting for a worker, or with one.

    urgent: somebody waits for the answer; before all that are not. progress: in [0, 1].
    """

    path: Path
    name: str
    kind: Kind
    include: frozenset[Extra]
    urgent: bool
    future: "Future[Judged]" = field(default_factory=Future)
    progress: float = 0.0
    deaths: int = 0
    small: bool = field(init=False)

    def __post_init__(self) -> None:
        self.small = _is_small(self.path, self.kind)


def _is_small(path: Path, kind: Kind) -> bool:
    try:
        return kind is Kind.IMAGE and path.stat().st_size <= SMALL_BYTES
    except OSError:
        return False  # gone: judging it will say so


@dataclass(eq=False)
class _Seat:
    """The place of one worker process.

    in_hand: what it was given, in order; it works on the first. due_s: `time.monotonic()` at which
    it is ended, late: for the task that was not done by then.
    """

    process: "subprocess.Popen[bytes] | None" = None
    ready: bool = False
    in_hand: deque[Task] = field(default_factory=deque)
    due_s: float = float("inf")
    late: Task | None = None

    def takes(self, task: Task) -> bool:
        if not self.in_hand:
            return self.ready
        alike = task.small and all(other.small for other in self.in_hand)
        return self.ready and alike and len(self.in_hand) < AHEAD


class WorkerPool:
    """Judges files in processes of their own. Every task's future gets its report: an error
    report for a file that took too long or that workers died of. An urgent one raises NoWorker
    when none comes."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._seats = [_Seat() for _ in range(settings.workers)]
        self._urgent: deque[Task] = deque()
        self._patient: deque[Task] = deque()
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._judging_s = time.monotonic()  # when a worker could judge last
        self._hello: Future[Hello] = Future()
        self._threads = [
            threading.Thread(target=self._keep, args=(seat,), daemon=True) for seat in self._seats
        ]
        self._threads.append(threading.Thread(target=self._watch, daemon=True))

    def start(self) -> Hello:
        """Start the workers; returns what the first to be ready says of its model.

        Raises ModelError when the model cannot be used.
        """
        for thread in self._threads:
            thread.start()
        try:
            return self._hello.result()
        except FacetellError:
            self.stop()
            raise

    @property
    def ready(self) -> bool:
        """Whether some worker can judge."""
        return any(seat.ready for seat in self._seats)

    @property
    def away(self) -> bool:
        """Whether no worker could judge for longer than one takes to be replaced."""
        return time.monotonic() - self._judging_s > AWAY_S and not self.ready

    @property
    def urgent_waiting(self) -> int:
        return len(self._urgent)

    def submit(self, task: Task) -> None:
        with self._lock:
            (self._urgent if task.urgent else self._patient).append(task)
            self._hand_out()

    def cancel(self, task: Task) -> None:
        """Have no more work done for a task; the worker that is at it is replaced."""
        task.future.cancel()
        with self._lock:
            for seat in self._seats:
                if seat.process and seat.in_hand and seat.in_hand[0] is task:
                    seat.process.kill()

    def stop(self) -> None:
        """End the workers, whatever they are at."""
        self._stopped.set()
        with self._lock:
            for seat in self._seats:
                if seat.process:
                    seat.process.kill()
        for thread in self._threads:
            thread.join()

    def _hand_out(self) -> None:
        """Give waiting tasks to workers that take them. The lock is held."""
        while queue := self._urgent or self._patient:
            task = queue[0]
            if task.future.cancelled():
                queue.popleft()
                continue
            takers = [seat for seat in self._seats if seat.takes(task)]
            if not takers:
                return  # nobody overtakes: a large photo would never find its worker
            queue.popleft()
            self._give(task, min(takers, key=lambda seat: len(seat.in_hand)))

    def _give(self, task: Task, seat: _Seat) -> None:
        assert seat.process
        seat.in_hand.append(task)
        if len(seat.in_hand) == 1:
            seat.due_s = time.monotonic() + self._limit_s(task)
        order = Order(path=task.path, name=task.name, kind=task.kind, include=task.include)
        _send(seat.process, order)

    def _limit_s(self, task: Task) -> float:
        """When a worker is ended. A clip is judged as far as one gets in its time, and after that
        its evidence is drawn."""
        photo_s = self._settings.photo_seconds
        return photo_s + (self._settings.clip_seconds if task.kind is Kind.VIDEO else 0)

    def _keep(self, seat: _Seat) -> None:
        """A thread of its own: keep a worker in this seat, and listen to it."""
        while not self._stopped.is_set():
            process = _spawn()
            with self._lock:
                seat.process, seat.late = process, None
                seat.due_s = time.monotonic() + self._settings.photo_seconds
                if self._stopped.is_set():  # stop() was there before and has not seen it
                    process.kill()
            _send(process, self._start_line())
            try:
                self._listen(seat, process)
            except ValidationError as error:
                first = error.errors(include_input=False)[0]
                log.warning("a worker talks nonsense", extra={"where": first["loc"]})
            process.kill()
            started = seat.ready
            self._bury(seat)
            _close(process)  # after nobody writes to it any more
            if not started:
                self._fail_start("its worker processes end before they are ready", _NO_START)
                self._stopped.wait(_RESTART_PAUSE_S)

    def _start_line(self) -> Start:
        settings = self._settings
        return Start(
            model=settings.model,
            memory_mb=settings.worker_memory_mb,
            max_pixels=settings.max_pixels,
            max_video_s=settings.max_video_s,
            clip_seconds=settings.clip_seconds,
        )

    def _listen(self, seat: _Seat, process: "subprocess.Popen[bytes]") -> None:
        """Until the worker's end."""
        assert process.stdout
        for line in process.stdout:
            said = Said.model_validate_json(line)
            if said.refused:
                log.error("a worker does not start", extra={"reason": said.refused[0]})
                self._fail_start(*said.refused)
            elif said.crashed:
                log.error("a worker crashed", extra={"traceback": said.crashed})
            elif said.hello:
                with self._lock:
                    seat.ready, seat.due_s = True, float("inf")
                    if not self._hello.done():
                        self._hello.set_result(said.hello)
                    self._hand_out()
            elif said.judged:
                self._judged(seat, said.judged)
            elif said.progress is not None and seat.in_hand:
                seat.in_hand[0].progress = said.progress

    def _judged(self, seat: _Seat, judged: Judged) -> None:
        with self._lock:
            if not seat.in_hand:
                return  # an answer to nothing: the worker is not itself
            task = seat.in_hand.popleft()
            seat.due_s = float("inf")
            if seat.in_hand:
                seat.due_s = time.monotonic() + self._limit_s(seat.in_hand[0])
            self._hand_out()
        _answer(task, judged)

    def _bury(self, seat: _Seat) -> None:
        """The worker in this seat is dead: retry or give up what it was at, and have what lay
        behind it done by others."""
        with self._lock:
            tasks, seat.in_hand = list(seat.in_hand), deque()
            seat.process, seat.ready, seat.due_s = None, False, float("inf")
            first = tasks[0] if tasks else None
            lost, late = None, first is not None and first is seat.late
            if first and not self._stopped.is_set():
                first.deaths += 1
                if late or first.deaths >= DEATHS:
                    lost = tasks.pop(0)
            for task in reversed(tasks):
                (self._urgent if task.urgent else self._patient).appendleft(task)
            self._hand_out()
        if self._stopped.is_set() or (first and first.future.cancelled()):
            return
        what = "time_limit" if late else "worker_died"
        self._metrics.failures.labels(what).inc()
        log.warning("a worker ended", extra={"why": what, "given_up": lost is not None})
        if lost:
            reason = f"judging it brought down {DEATHS} worker processes"
            if late:
                reason = f"judging it took longer than {self._limit_s(lost):g} s"
            _answer(lost, self.error_report(lost, reason))

    def error_report(self, task: Task, reason: str) -> Judged:
        """The report on a file that no worker can judge."""
        hello = self._hello.result()
        return Judged(
            path=task.name,
            kind=task.kind,
            status=Status.ERROR,
            reason=reason,
            model=hello.info,
            limits=hello.limits,
        )

    def _fail_start(self, message: str, hint: str) -> None:
        with self._lock:
            if not self._hello.done():
                self._hello.set_exception(ModelError(message, hint=hint))

    def _watch(self) -> None:
        """A thread of its own: end the workers that take too long, and the wait for those that do
        not come."""
        while not self._stopped.wait(_WATCH_EVERY_S):
            with self._lock:
                if self.ready:
                    self._judging_s = time.monotonic()
                elif self.away:
                    _refuse(self._urgent)
                for seat in self._seats:
                    if seat.process and time.monotonic() > seat.due_s:
                        seat.late = seat.in_hand[0] if seat.in_hand else None
                        seat.due_s = float("inf")
                        seat.process.kill()


_NO_START = "give them more memory (worker_memory_mb); facetell doctor tells whether judging works"


def _spawn() -> "subprocess.Popen[bytes]":
    # Keys and the database's password are none of its business: it opens hostile files.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
    return subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the server, which lets its workers finish
    )


def _send(process: "subprocess.Popen[bytes]", line: BaseModel) -> None:
    assert process.stdin
    with suppress(OSError):  # it is dead: its listener will know
        process.stdin.write(line.model_dump_json().encode() + b"\n")
        process.stdin.flush()


def _close(process: "subprocess.Popen[bytes]") -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what was still to be written to the dead
            if pipe:
                pipe.close()


def _refuse(tasks: deque[Task]) -> None:
    """Tell those who wait for an answer that there will be none."""
    while tasks:
        task = tasks.popleft()
        if task.future.set_running_or_notify_cancel():
            task.future.set_exception(NoWorker())


def _answer(task: Task, judged: Judged) -> None:
    if task.future.set_running_or_notify_cancel():  # False when nobody waits any more
        task.future.set_result(judged)
