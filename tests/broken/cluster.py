"""A PostgreSQL server of the test's own, which it may stop."""

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OPTIONS = "-c listen_addresses=127.0.0.1 -c fsync=off"


def binaries():
    """Where ``initdb`` is; ``None`` if it is nowhere."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), Path(shutil.which("initdb") or "/").parent]
    return next((path for path in found if (path / "initdb").exists()), None)


@dataclass
class Cluster:
    binaries: Path
    directory: Path
    port: int

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self):
        options = f"-p {self.port} -c unix_socket_directories={self.directory} {OPTIONS}"
        self.run("pg_ctl", f"--log={self.directory}/log", "--wait", f"--options={options}", "start")

    def stop(self, mode):
        """``fast`` ends all connections; after ``immediate`` it has to recover, as from a crash."""
        self.run("pg_ctl", f"--mode={mode}", "--wait", "stop")

    def run(self, program, *arguments):
        """PostgreSQL refuses to run as root."""
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        data = f"--pgdata={self.directory}/data"
        done = subprocess.run(
            [*user, self.binaries / program, data, *arguments],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running(directory):
    """A cluster in a directory that every account may enter."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    if os.getuid() == 0:
        shutil.chown(directory, "postgres")
    cluster = Cluster(binaries(), directory, port)
    cluster.run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
    cluster.start()
    try:
        yield cluster
    finally:
        if (directory / "data/postmaster.pid").exists():
            cluster.stop("immediate")
