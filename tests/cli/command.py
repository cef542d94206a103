"""Call the command line as a user does, in this process or in one of its own."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from facetell.cli.main import run

PROGRAM = [sys.executable, "-c", "from facetell.cli.main import run; run()"]


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def facetell(*args: object) -> Outcome:
    """`facetell ARGS…` in this process; whatever the command lets through is raised here."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["facetell", *map(str, args)]
    interrupt = signal.getsignal(signal.SIGINT)
    with patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            run()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        finally:
            signal.signal(signal.SIGINT, interrupt)  # a command ignores it when it ends
    return Outcome(code, out.getvalue(), err.getvalue())


def facetell_process(*args: object, timeout_s: float = 60, **environment: str) -> Outcome:
    """`facetell ARGS…` as a process of its own."""
    done = subprocess.run(
        [*PROGRAM, *map(str, args)],
        capture_output=True,
        timeout=timeout_s,
        env=os.environ | environment,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def started(*args: object) -> subprocess.Popen[str]:
    """`facetell ARGS…` as a process that goes on; its outputs are pipes."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def rows(path: Path) -> list[dict]:
    """The reports in a JSON Lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
