"""Serving the example project with gunicorn, as it would run behind a proxy.

Variables of the environment: ``BIND``, ``WEB_CONCURRENCY`` (workers), ``WEB_THREADS`` (of each
worker), ``ACCESS_LOG`` (a file, ``-`` for standard output, empty for none).
"""

import gc
import os
import signal
from functools import partial

from django.urls import get_resolver
from gunicorn.glogging import Logger
from gunicorn.http import message
from gunicorn.workers.base import Worker

from maptician_scim import redaction


class DiscreetLogger(Logger):
    """Writes no token, should somebody have pasted one into an address, and one line a request."""

    def atoms(self, *args, **kwargs):
        atoms = super().atoms(*args, **kwargs)
        # WSGI servers hand over bytes as if they were Latin-1 (PEP 3333).
        path = (atoms["U"] or "").encode("latin-1").decode(errors="replace")
        return atoms | {"U": redaction.path(path)}


wsgi_app = "example_project.wsgi:application"
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))

# Filters travel in the request line. The longest we accept, percent-encoded, passes gunicorn's own
# limit of 8,190 bytes, beyond which it would answer HTML instead of a SCIM Error. Without a limit
# anybody could send a line that never ends, of which each byte costs more than the one before.
limit_request_line = message.MAX_REQUEST_LINE = 1024 * 1024

# The same of headers: with gunicorn's own 8,190 bytes nobody would see our error for long ones.
limit_request_field_size = 64 * 1024

# Okta closes its socket after 60 seconds: nobody reads a later answer.
timeout = 60

# Another gunicorn of the same account would take over the one socket in its home.
control_socket_disable = True

logger_class = DiscreetLogger
accesslog = os.environ.get("ACCESS_LOG", "-") or None
# The path without its query string: filters carry people's names.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s bytes %(M)s ms %({x-request-id}o)s'


def post_worker_init(worker: Worker) -> None:
    """Have a worker leave Ctrl-C to the master, and load what it needs before its first request.

    A terminal sends it to the workers, too; the master's own order to stop then catches a worker
    in the middle of stopping, which locks itself up and lives on, with its port.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Threaded workers have a handler that waits for a lock, which the code it interrupts may hold.
    signal.signal(signal.SIGQUIT, partial(Worker.handle_quit, worker))
    get_resolver().url_patterns  # noqa: B018 imports the views
    # What is loaded now stays. To look through it all for garbage takes 100 ms, in the middle of
    # whichever request has just read a large body.
    gc.collect()
    gc.freeze()
