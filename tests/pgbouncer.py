"""PgBouncer in transaction mode, in front of the PostgreSQL server that the tests use."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

STARTS_WITHIN = 10  # seconds

CONFIGURATION = """
[databases]
{database} = {server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
ignore_startup_parameters = extra_float_digits, options
"""


def executable():
    """Where PgBouncer is, if it is installed. Debian puts it where only root's PATH looks."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(database_url, *, sessions=4):
    """The URL of a database through PgBouncer, which holds this many sessions at the server."""
    server = urlsplit(database_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    configuration = CONFIGURATION.format(
        database=server.path[1:], server=_connection_string(server), port=port, sessions=sessions
    )
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "pgbouncer.ini")
        file.write_text(configuration)
        # It refuses to be root, and whoever it becomes must be able to read this.
        Path(directory).chmod(0o755)
        user = ["--user", "postgres"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [executable(), "--quiet", *user, str(file)], stderr=subprocess.PIPE, text=True
        )
        try:
            url = server._replace(netloc=f"postgres@127.0.0.1:{port}", query="").geturl()
            _wait_until_it_answers(url, process)
            yield url
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _connection_string(server):
    parts = {
        "host": server.hostname,
        "port": server.port or 5432,
        "dbname": server.path[1:],
        "user": unquote(server.username or "postgres"),
        "password": unquote(server.password or ""),
    }
    return " ".join(f"{name}={value}" for name, value in parts.items() if value)


def _wait_until_it_answers(url, process):
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate()[1])
