"""``python -m tests.conformance.mutate`` breaks the code on purpose and looks who notices.

It works in a copy of the checkout. A change takes some seconds, so the gate does not run it.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.markers import ROOT
from tests.conformance.mutations import MUTATIONS, Mutation

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".tox", "__pycache__", "*.sqlite3", "*.png")


def main(mutations: Sequence[Mutation] = MUTATIONS) -> None:
    """Try every change. Ends with 1 where a test does not notice its own."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "checkout"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        if not passes(copy, *{m.test for m in mutations}):
            sys.exit("The tests have to pass before anything is broken.")
        unnoticed = [m for m in mutations if not is_noticed(copy, m)]
    sys.exit(f"{len(unnoticed)} of {len(mutations)} were not noticed." if unnoticed else 0)


def is_noticed(copy: Path, mutation: Mutation) -> bool:
    """Whether the row's test fails once the code is changed; the change is undone."""
    file = copy / mutation.file
    source = file.read_text()
    file.write_text(source.replace(mutation.old, mutation.new))
    noticed = not passes(copy, mutation.test)
    file.write_text(source)
    sys.stdout.write(f"{'noticed' if noticed else 'NOT NOTICED'}: {mutation.row} {mutation.file}\n")
    sys.stdout.flush()
    return noticed


def passes(copy: Path, *tests: str) -> bool:
    """Whether these tests pass in the copy. Ends the program where they cannot be run at all."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 1):
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.returncode == 0


if __name__ == "__main__":
    main()
