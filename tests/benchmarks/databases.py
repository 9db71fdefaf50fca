"""How the contestants reach PostgreSQL: all in the same way."""

import psycopg

from example_project.database import database_settings


def limit_connection(url):
    """A bare connection with the options that the example project gives Django for this URL."""
    options = database_settings(url).get("OPTIONS", {})
    server_side = options.get("server_side_binding", False)
    return psycopg.connect(
        url.partition("?")[0],
        autocommit=True,
        prepare_threshold=options.get("prepare_threshold"),
        cursor_factory=psycopg.Cursor if server_side else psycopg.ClientCursor,
        options=options.get("options"),
    )
