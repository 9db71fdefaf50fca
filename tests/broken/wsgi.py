"""The example project, in a worker that kills itself at the step a request names.

A step comes before every SQL statement, before and after every COMMIT, and before the answer.
"""

import os
import signal

from django.db import connection

from example_project.wsgi import application as project
from tests.broken import FAULT, KILL_AT, STEPS, faults


class Countdown:
    """Counts the steps of a request; the last one is not survived."""

    def __init__(self, last):
        self.last = last
        self.taken = 0

    def step(self):
        self.taken += 1
        if self.taken == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(self, execute, sql, params, many, context):
        self.step()
        return execute(sql, params, many, context)

    def committing(self, commit):
        def run():
            self.step()
            commit()
            self.step()

        return run


def application(environ, start_response):
    faults.present.fault = _header(environ, FAULT)
    last = _header(environ, KILL_AT)
    if last is None:
        return project(environ, start_response)
    countdown = Countdown(int(last))

    def start(status, headers, *args):
        countdown.step()
        return start_response(status, [*headers, (STEPS, str(countdown.taken))], *args)

    connection._commit = countdown.committing(connection._commit)
    try:
        with connection.execute_wrapper(countdown.execute):
            return project(environ, start)
    finally:
        del connection._commit


def _header(environ, name):
    return environ.get("HTTP_" + name.upper().replace("-", "_"))


faults.connect()
