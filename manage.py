#!/usr/bin/env python
"""Django's command-line utility, for the example project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise ImportError(
            "Django is missing. Install this checkout with pip install -e '.[demo]', "
            "and use the Python of that environment."
        ) from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
