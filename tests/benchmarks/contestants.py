"""The contestants as processes, each with its own settings, all at the same database."""

import multiprocessing
import secrets
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import worker
from tests.live import environment

PRODUCTION = {
    # The demo's throttle would stop a client that sends as fast as it can.
    "SCIM_THROTTLE": "1000000/s",
    "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
}

APPLICATIONS = {
    "us": "example_project.wsgi",
    "limit": "tests.benchmarks.limit",
}


@dataclass
class Contestant:
    """An application in a process of its own."""

    name: str
    pipe: Any

    def order(self, what, requests=()):
        self.pipe.send((what, list(requests)))
        return self.pipe.recv()


@contextmanager
def in_process(names, database_url, directory, **variables):
    """The contestants, by name, ready to be called over WSGI."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(_started(name, database_url, directory, variables))
            for name in names
        }


@contextmanager
def _started(name, database_url, directory, variables):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    settings = environment(database_url, **PRODUCTION, **variables)
    arguments = (theirs, APPLICATIONS[name], dict(settings), str(directory / f"{name}.log"))
    process = context.Process(target=worker.run, args=arguments, daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield Contestant(name, ours)
    finally:
        with suppress(BrokenPipeError):
            ours.send(None)
        process.join(timeout=10)
