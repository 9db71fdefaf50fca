"""The tables of docs/ that are made from the code. ``python -m tests.tables`` writes them anew."""

import inspect
import os
import re
from pathlib import Path

import django

DOCS = Path(__file__).resolve().parent.parent / "docs"
MARKED = re.compile(r"(?<=<!-- table:)(\w+)( -->\n).*?(?=<!-- /table -->)", re.DOTALL)


class Open(dict):
    """Facts nobody knows before it happens."""

    def __missing__(self, name):
        return "" if name in ("since", "where") else "…"


def settings():
    """Every setting, with its default and what ``conf.py`` says of it."""
    from django.core.exceptions import ImproperlyConfigured
    from django.test import override_settings

    from maptician_scim.conf import Settings

    yield "setting", "default", "meaning"
    with override_settings(MAPTICIAN_SCIM={}):
        for name, found in vars(Settings).items():
            if not name.isupper():
                continue
            try:
                default = f"`{getattr(Settings(), name)!r}`".replace("'", '"')
            except ImproperlyConfigured:
                default = "required"
            yield f"`{name}`", default, plain(found)


def plain(documented):
    """A docstring on one line; what it gives as code, and whether it is required, said once."""
    text = " ".join(inspect.getdoc(documented).split()).replace("``", "`")
    return text.removesuffix(" Required.")


def attributes():
    """The attribute map of the example project."""
    from maptician_scim.admin.connection_page import attribute_rows

    yield "SCIM path", "type", "in Maptician", "required", "filterable"
    for row in attribute_rows():
        yes_or_no = ("yes" if it else "no" for it in (row.is_required, row.is_filterable))
        yield f"`{row.path}`", row.kind, row.field, *yes_or_no


def reasons():
    """Why a request is refused, and what to do."""
    from maptician_scim.exceptions import Reason
    from maptician_scim.explanations import ADVICE, WHY

    yield "the log says", "that is", "the advice"
    for reason in Reason:
        yield str(reason.label), str(WHY[reason]) % Open(), str(ADVICE.get(reason, ""))


def tolerances():
    """What is accepted although the RFCs do not foresee it."""
    from maptician_scim.protocol.tolerances import DEVIATIONS

    yield "name", "client", "what it does", "what is made of it", "strict mode answers"
    for name, deviation in DEVIATIONS.items():
        refusal = deviation.refusal("")
        answer = f"{refusal.status} {refusal.scim_type or ''}".strip()
        did = str(deviation.sentence)
        yield f"`{name}`", deviation.clients, did, deviation.meaning, f"{answer}: {deviation.rule}"


def distribution():
    """Which keys of our tables lack the tenant, as a distributed PostgreSQL wants it in each."""
    from django.apps import apps
    from django.db.models import UniqueConstraint

    yield "table", "today", "with the tenant"
    for model in apps.get_app_config("maptician_scim").get_models(include_auto_created=True):
        table, keys = f"`{model._meta.db_table}`", []
        for field in model._meta.local_concrete_fields:
            if field.primary_key or field.unique:
                keys.append(("PRIMARY KEY" if field.primary_key else "UNIQUE", [field.column]))
        for constraint in model._meta.constraints:
            if isinstance(constraint, UniqueConstraint):
                columns = [model._meta.get_field(name).column for name in constraint.fields]
                where = " WHERE …" if constraint.condition else ""
                keys.append(("UNIQUE", columns, where))
        for kind, columns, *where in keys:
            if "tenant_id" not in columns:
                rest = f"{', '.join(columns)})" + "".join(where)
                yield table, f"`{kind} ({rest}`", f"`{kind} (tenant_id, {rest}`"
        for field in model._meta.local_concrete_fields:
            if field.is_relation and field.name != "tenant" and field.db_constraint:
                there, key = field.related_model._meta.db_table, field.target_field.column
                yield (
                    table,
                    f"`FOREIGN KEY ({field.column})` → `{there} ({key})`",
                    f"`(tenant_id, {field.column})` → `{there} ({tenant_of(field)}, {key})`",
                )


def tenant_of(field):
    """The column of the table a foreign key leads to that names the tenant."""
    from maptician_scim.tenancy import tenant_model

    own = [f for f in field.related_model._meta.fields if f.related_model is tenant_model()]
    return own[0].column


TABLES = {
    function.__name__: function
    for function in (settings, attributes, reasons, tolerances, distribution)
}


def rendered(name):
    """A table in Markdown."""
    heading, *rows = TABLES[name]()
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in x) + " |\n" for x in lines
    )


def up_to_date(text):
    """A document with its tables as the code has them now."""
    return MARKED.sub(lambda found: found[1] + found[2] + rendered(found[1]), text)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    django.setup()
    for document in sorted(DOCS.glob("*.md")):
        document.write_text(up_to_date(document.read_text()))
