"""Which operations of a migration the version before could not live with, while it still serves."""

from collections.abc import Iterator

from django.db import models
from django.db.migrations import operations as ops
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

HARMLESS = (ops.CreateModel, ops.RemoveIndex, ops.AlterModelOptions, ops.AlterModelManagers)


def objections(migration: Migration) -> Iterator[str]:
    """What speaks against applying a migration while the version before serves.

    Whatever concerns a table that the same migration creates is harmless.
    """
    new: set[str] = set()
    for operation in migration.operations:
        if isinstance(operation, ops.CreateModel):
            new.add(operation.name_lower)
        elif getattr(operation, "model_name_lower", None) not in new:
            yield from (
                f"{migration.name}: {operation.describe()}: {why}" for why in _objections(operation)
            )


def _objections(operation: Operation) -> Iterator[str]:
    if isinstance(operation, HARMLESS):
        return
    if isinstance(operation, ops.AddField):
        yield from _objections_to_field(operation.field)
    elif isinstance(operation, (ops.AddIndex, ops.AddConstraint)):
        yield "it locks out writers while it goes through the table"
    elif isinstance(operation, (ops.RunPython, ops.RunSQL)):
        yield "what it does has to be looked at"
    else:
        yield "the version before knows the table as it was"


def _objections_to_field(field: models.Field) -> Iterator[str]:
    if not field.null and field.db_default is NOT_PROVIDED:
        # Django gives the rows that are there its default, and then takes it from the column.
        yield "the version before inserts no value, and there is no default in the database"
    if field.unique or field.db_index:
        yield "it locks out writers while it makes an index"
