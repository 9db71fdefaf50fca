"""A contestant in a process of its own, where its application is called as a server calls it."""

import gc
import importlib
import io
import os
import re
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import orjson
import psycopg

STATEMENT = re.compile(rb"\tF\t\d+\t(?:Query|Execute)\t")


def run(pipe, module, environment, log):
    """Answer orders until there are no more: the body of the process."""
    os.environ.update(environment)
    # Logging goes where it goes in production, to standard error; here that is a file.
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    application = importlib.import_module(module).application
    orders = {
        "time": timed,
        "ask": asked,
        "walk": walked,
        "count": counted,
        "memory": memory,
    }
    pipe.send("ready")
    while order := pipe.recv():
        name, requests = order
        pipe.send(orders[name](application, requests))


def timed(application, requests):
    """The nanoseconds and the status of each request; what they cost processors, in the mean."""
    environs = [environ_of(request) for request in requests]
    sessions = [connection.info.backend_pid for connection in connections()]
    gc.collect()
    gc.disable()
    try:
        began = processor_time(sessions)
        answers = [call(application, environ)[:2] for environ in environs]
        return answers, (processor_time(sessions) - began) // len(environs)
    finally:
        gc.enable()


def processor_time(sessions):
    """Nanoseconds that this process and its sessions at PostgreSQL have been running.

    Whatever else the machine does, it does not count. PostgreSQL elsewhere does not count either.
    """
    took = time.process_time_ns()
    for pid in sessions:
        with suppress(FileNotFoundError):
            took += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    return took


def connections():
    """All open connections to PostgreSQL."""
    # By type(): isinstance() would wake up Django's lazy objects.
    found = (thing for thing in gc.get_objects() if issubclass(type(thing), psycopg.Connection))
    return [connection for connection in found if not connection.closed]


def asked(application, requests):
    """The status and the body of each request."""
    return [call(application, environ_of(request))[1:] for request in requests]


def walked(application, requests):
    """The nanoseconds of each page from the first to the last, by cursor (RFC 9865)."""
    [request], cursor, times = requests, "", []
    while cursor is not None:
        page = replace(request, path=request.path + quote(cursor))
        took, _, body = call(application, environ_of(page))
        times.append(took)
        cursor = orjson.loads(body).get("nextCursor")
    return times


def counted(application, requests):
    """The statements each request sends to PostgreSQL, transactions' and health checks included."""
    counts = []
    for request in requests:
        with tempfile.TemporaryFile() as trace:
            alive = connections()
            for connection in alive:
                connection.pgconn.trace(trace.fileno())
            call(application, environ_of(request))
            for connection in alive:
                if not connection.closed:
                    connection.pgconn.untrace()
            trace.seek(0)
            counts.append(len(STATEMENT.findall(trace.read())))
    return counts


def memory(application, requests):
    """The resident memory of this process in MiB."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def call(application, environ):
    """Nanoseconds, status and body of one request, from the server's call to its close."""
    status = []

    def start_response(line, headers, exc_info=None):
        status.append(int(line[:3]))

    began = time.perf_counter_ns()
    answer = application(environ, start_response)
    body = b"".join(answer)
    answer.close()
    took = time.perf_counter_ns() - began
    return took, status[-1], body


def environ_of(request):
    """The WSGI environment (PEP 3333) as gunicorn would make it."""
    path, _, query = request.path.partition("?")
    return {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": request.host,
        "HTTP_AUTHORIZATION": f"Bearer {request.secret}",
        "HTTP_ACCEPT": "application/scim+json",
        "HTTP_USER_AGENT": "Okta SCIM Client 1.0.0",
        "CONTENT_TYPE": "application/scim+json; charset=utf-8",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
