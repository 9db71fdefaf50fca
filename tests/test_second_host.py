"""The black-box tests of Users hold on a host of another shape, too: ``tests/clubs``.

So do the tests of what is different there, which need its settings as well.
"""

import os
import re
import subprocess
import sys
from urllib.parse import urlsplit

from tests.live import ROOT

PARTS = "writing state groups group_members extensions sorting cursors roles safeguard"
"""What the shape of the host matters to. The rest can be run by hand: ``pytest
--ds=tests.clubs.settings tests/api``."""


def test_black_box_tests_pass_on_the_second_host():
    arguments = ["-q", "-p", "no:cacheprovider", "--ds=tests.clubs.settings", "tests/clubs"]
    arguments += [f"tests/api/test_{part}.py" for part in PARTS.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env=own_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50


def own_environment():
    """The same database server, another test database: this one is in use."""
    without = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    server = urlsplit(os.environ.get("DATABASE_URL", ""))
    if not server.scheme.startswith("postgres"):
        return without
    return without | {"DATABASE_URL": server._replace(path=f"{server.path}_clubs").geturl()}
