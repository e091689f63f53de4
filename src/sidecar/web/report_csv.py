"""MonthReport → CSV as in RFC 4180, for spreadsheets: one line for each row of the report and for each source."""

from __future__ import annotations

import csv
import re
from io import StringIO

from sidecar.core.past.month import MonthReport

from .report_json import COUNTED, report_json
from .views import Json

#: A spreadsheet takes what begins like this for a formula, also behind what it may part cells at: in many countries that is
#: a semicolon. The wide forms are those of East Asian keyboards.
_FORMULA = re.compile(r"(^|[;\t\r\n]) *(?=[=+\-@＝＋－＠])|^(?=[\t\r\n])")

#: The same on each line, so that a line says by itself what it is about.
_OF_THE_REPORT = ("month", "timezone", "is_over", "is_stale", "generated_at", "generator")
_OF_A_ROW = ("kind", "name", "known_since", *COUNTED)
_OF_A_GAP = ("longest_gap_seconds", "longest_gap_from", "longest_gap_to")
_HOW_IT_STOOD = ("stood_on", "restore_points", "verified", "copies", "size")
COLUMNS = (*_OF_A_ROW, *_OF_A_GAP, *_HOW_IT_STOOD, "unobserved_seconds", *_OF_THE_REPORT)


def report_csv(report: MonthReport, *, stale: bool) -> bytes:
    """The rows, then a line of the kind "source" for each source, which says how long it could not be read."""
    shape = report_json(report, stale=stale)
    lines = [_line(row, shape) for row in shape["rows"]]
    lines += [_line({**each, "kind": "source", "name": each["source"]}, shape) for each in shape["sources"]]
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(lines)
    return text.getvalue().encode("utf-8", "replace")


def _line(row: Json, whole: Json) -> list[str]:
    gap = row.get("longest_gap") or {}
    flat = {
        **{name: row.get(name) for name in (*_OF_A_ROW, *_HOW_IT_STOOD, "unobserved_seconds")},
        **{f"longest_gap_{name}": gap.get(name) for name in ("seconds", "from", "to")},
        **{name: whole[name] for name in _OF_THE_REPORT},
    }
    return [_cell(flat[name]) for name in COLUMNS]


def _cell(value: object) -> str:
    """A value as text; what is not known is empty. What would be a formula in it gets an apostrophe before it."""
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    return _FORMULA.sub(r"\g<0>'", text)
