"""The example project, in a worker to which something happens at the step a request names.

A step comes before every SQL statement, before and after every COMMIT, and before the answer.
"""

import os
import signal

import psycopg
from django.db import connection

from example_project.wsgi import application as project
from tests.broken import CUT_AT, FAULT, KILL_AT, STEPS, faults


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def cut():
    """Have the server end the connection, as an administrator or a failover does."""
    with connection.cursor() as cursor:
        pid = cursor.connection.info.backend_pid
    with psycopg.connect(cursor.connection.info.dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])


class Countdown:
    """Counts the steps of a request, and acts at the last of them."""

    def __init__(self, action, last):
        self.action = action
        self.last = last
        self.taken = 0

    def step(self):
        self.taken += 1
        if self.taken == self.last:
            self.action()

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
    at = {kill: _header(environ, KILL_AT), cut: _header(environ, CUT_AT)}
    action = next((action for action, step in at.items() if step), None)
    if action is None:
        return project(environ, start_response)
    countdown = Countdown(action, int(at[action]))

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
