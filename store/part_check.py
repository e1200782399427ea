"""Checks what is stored apart from the ledger: is it there, and can it be read? Makes nothing."""

from sqlalchemy import Engine, literal, select

from store.engine import part_engine, part_file, statements
from store.errors import StoreUnavailable
from store.schema import EVIDENCE_PART, EVIDENCE_TABLES, LABEL_TABLES, LABELS_PART

_TABLES = {LABELS_PART: LABEL_TABLES, EVIDENCE_PART: EVIDENCE_TABLES}


def check_part(ledger: Engine, part: str) -> None:
    """Raise StoreUnavailable where that part is gone, or cannot be read."""
    path = part_file(ledger, part)
    if path is not None and not path.exists():
        raise StoreUnavailable(
            f"{path} is gone: restore it from a backup, or `python deploy.py up` makes an empty one"
        )

    with statements(part_engine(ledger, part)) as connection:
        for table in _TABLES[part].tables.values():
            connection.execute(select(literal(1)).select_from(table).limit(1))
