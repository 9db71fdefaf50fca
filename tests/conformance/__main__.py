"""``python -m tests.conformance`` writes docs/conformance.md; with ``--check`` it only compares."""

import argparse
import sys

from tests.conformance.markers import Misplaced, markers
from tests.conformance.matching import problems
from tests.conformance.page import PAGE, up_to_date
from tests.conformance.requirements import requirements


def main() -> None:
    """Write or check the page. Ends with a message where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance")
    parser.add_argument("--check", action="store_true", help="write nothing, compare only")
    check = parser.parse_args().check
    try:
        rows, found = requirements(), markers()
    except Misplaced as error:
        sys.exit(str(error))
    wrong = list(problems(rows, found))
    present = PAGE.read_text()
    page = up_to_date(present, rows, found)
    if check and page != present:
        wrong.append("docs/conformance.md is not up to date: python -m tests.conformance")
    elif not check:
        PAGE.write_text(page)
    if wrong:
        sys.exit("\n".join(wrong))
    sys.stdout.write(f"{len(rows)} rows, {len(found)} markers\n")


if __name__ == "__main__":
    main()
