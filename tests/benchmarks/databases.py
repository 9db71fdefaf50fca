"""How the contestants reach PostgreSQL: all in the same way."""

import psycopg
from psycopg.types.string import TextLoader

from example_project.database import database_settings


def limit_connection(url):
    """A bare connection with the options that the example project gives Django for this URL."""
    options = database_settings(url).get("OPTIONS", {})
    server_side = options.get("server_side_binding", False)
    connection = psycopg.connect(
        url.partition("?")[0],
        autocommit=True,
        prepare_threshold=options.get("prepare_threshold"),
        cursor_factory=psycopg.Cursor if server_side else psycopg.ClientCursor,
        options=options.get("options"),
    )
    # As for Django, JSON and addresses are text; so are ids. Who needs JSON, lets orjson read it.
    for name in ("jsonb", "inet", "uuid"):
        connection.adapters.register_loader(name, TextLoader)
    return connection
