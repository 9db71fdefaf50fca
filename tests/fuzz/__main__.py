"""The fuzzer by hand: ``python -m tests.fuzz --requests 1000000 --report fuzz.jsonl``.

In a database of its own on the server that ``DATABASE_URL`` names, or in a file; it is gone
afterwards. With ``--report``, a run that was stopped goes on where it was. Ends with 1 if anything
was found.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from tests import live

CHUNK = 20_000
"""Requests from one seed, with an empty database at their beginning."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the API.")
    parser.add_argument("--requests", type=int, help="how many, over all runs of a report")
    parser.add_argument("--seconds", type=float, help="for how long at most (default: 60)")
    parser.add_argument("--chunk", type=int, default=CHUNK, help=f"of one seed (default: {CHUNK})")
    parser.add_argument("--seed", type=int, help="of the first chunk; the others count on")
    parser.add_argument("--report", type=Path, help="a file that gets a line of JSON for a chunk")
    parser.add_argument("--socket", action="store_true", help="through gunicorn, byte by byte")
    given = parser.parse_args()
    if given.requests is None and given.seconds is None:
        given.seconds = 60.0
    return given


def main() -> int:
    given = arguments()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = live.without_disk(stack.enter_context(live.own_database(directory)))
        env = live.environment(url, SCIM_THROTTLE="1000000/s")
        os.environ.update(env)
        django.setup()
        call_command("migrate", verbosity=0)
        server = stack.enter_context(live.serving(env, directory)) if given.socket else None
        return run_chunks(given, server.port if server else None)


def run_chunks(given: argparse.Namespace, port: int | None) -> int:
    """Chunk after chunk until the requests are done or the time is over; the exit code."""
    from tests.fuzz.run import Run  # its models need Django
    from tests.fuzz.transports import InProcess, Socket

    before = [json.loads(line) for line in read(given.report)]
    done = sum(chunk["requests"] for chunk in before)
    seed = random.randrange(10**9) if given.seed is None else given.seed
    seed = before[-1]["seed"] + 1 if before else seed
    until = time.monotonic() + (given.seconds or float("inf"))
    findings = 0
    while (given.requests is None or done < given.requests) and time.monotonic() < until:
        call_command("flush", verbosity=0, interactive=False)
        transport = InProcess() if port is None else Socket(port)
        size = given.chunk if given.requests is None else min(given.chunk, given.requests - done)
        left = max(0.0, until - time.monotonic())
        summary = Run(transport, seed).go(requests=size, seconds=left).summary()
        note(summary, given.report)
        done, seed = done + summary["requests"], seed + 1
        findings += len(summary["findings"])
    print(f"{done} requests in all; {findings} findings in this run")
    return 1 if findings else 0


def read(report: Path | None) -> list[str]:
    return report.read_text().splitlines() if report and report.exists() else []


def note(summary: dict[str, Any], report: Path | None) -> None:
    """Print a chunk in a line, its findings in full; keep all of it in the report."""
    if report:
        with report.open("a") as file:
            file.write(json.dumps(summary) + "\n")
    rate = summary["requests"] / max(summary["seconds"], 0.1)
    print(
        f"seed {summary['seed']}: {summary['requests']} requests, {rate:.0f}/s, "
        f"{summary['succeeded']} succeeded, {len(summary['findings'])} findings",
        flush=True,
    )
    for finding in summary["findings"]:
        print(json.dumps(finding, indent=2), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
