"""Every method of every route, read from the resolver and the views."""

from __future__ import annotations

from dataclasses import dataclass

from maptician_scim import urls

SPELLINGS = (
    (f"(?P<path>({urls.ENDPOINT})/({urls.ENDPOINT})(/.*)?)", "<endpoint>/<endpoint>"),
    ("(?P<path>(?s:.*))", "<path>"),
    ("(?P<uuid>[^/]+)", "<uuid>"),
    ("/?$", ""),
    ("$", ""),
    ("^", "/"),
    ("\\.", "."),
)
"""Regular expressions as people read them. One that is not here stays as it is, and has no row."""


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_search(self) -> bool:
        return self.path.endswith("/.search")

    @property
    def kind(self) -> str:
        """The first part of the path: ``Users``, say."""
        return self.path.split("/")[1]


def endpoints() -> list[Endpoint]:
    """All there are, in the order of the routes."""
    return [
        Endpoint(method.upper(), _spelled(str(route.pattern)))
        for route in urls.urlpatterns
        for method in route.callback.cls.http_method_names
        if hasattr(route.callback.cls, "get" if method == "head" else method)
    ]


def _spelled(regex: str) -> str:
    for old, new in SPELLINGS:
        regex = regex.replace(old, new)
    return regex
