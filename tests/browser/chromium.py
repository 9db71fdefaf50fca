"""Finding and starting a Chromium that the machine has."""

import os
import shutil
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# The sandbox needs rights that containers and root do not have; the only pages are our own.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]


def executable():
    """The path of Chromium, or of what the variable CHROMIUM names; ``None`` if there is none."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


@contextmanager
def running(path, hosts=()):
    """A headless browser; ``hosts`` says where names lead that are no addresses.

    Those below localhost lead to this machine by themselves.
    """
    rules = ", ".join(f"MAP {name} {address}" for name, address in dict(hosts).items())
    arguments = [*ARGUMENTS, f"--host-resolver-rules={rules}"] if rules else ARGUMENTS
    # Playwright keeps an event loop in this thread, which no query of ours ever waits in.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=path, args=[*ARGUMENTS, *arguments]
            )
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before
