"""The `fields` command."""

from __future__ import annotations

from thresher.interfaces.cli.app import FIND, app, open_catalog
from thresher.interfaces.cli.options import Form, Json, form_of
from thresher.interfaces.cli.output import Format, emit, say
from thresher.interfaces.cli.table import Column, Keep

SYNTAX = """\
field:value  field:4..7 (range)  field:=text (whole text)  field::regex  ^term (not)  a , b (or)
field+ or field- sorts"""

COLUMNS = (
    Column("field", lambda row: row.name),
    Column("kind", lambda row: row.kind),
    Column("description", lambda row: row.description, keep=Keep.LINES),
    Column("known", lambda row: row.count, is_number=True, rank=1),
    Column("from … to", lambda row: " … ".join(row.examples), keep=Keep.START, rank=2),
)


@app.command(rich_help_panel=FIND)
def fields(form: Form = Format.TABLE, json: Json = False) -> None:
    """List the fields that queries can use."""
    from thresher.curation.clips.query_fields import fields as list_fields

    with open_catalog() as catalog:
        rows = list_fields(catalog)
    chosen = form_of(form, json)
    emit(rows, COLUMNS, chosen)
    if chosen is Format.TABLE:
        say(SYNTAX)
