"""`evaluation.html`: counted against true, for people to read."""

from html import escape
from typing import Any

from modules.zone_analytics.decisions import Crossing
from storeflow.cli.count.clip import CLIP_STARTS_AT
from storeflow.cli.count.play import Played
from storeflow.cli.evaluate.comparison import LineDifferences, describe, differences
from storeflow.cli.evaluate.truth import TrueLine, Truth

WIDTH, HEIGHT = 900, 64
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 960px; color: #1d2733; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .2rem .9rem .2rem 0; text-align: right } th { font-weight: 600 }
td:first-child, th:first-child { text-align: left } .off { color: #b3261e; font-weight: 600 } .note { color: #5a6675 }
svg { display: block; background: #f4f6f8; border-radius: 4px; max-width: 100% } code { font-size: .9em }
"""


def page(name: str, result: dict[str, Any], played: Played, truth: Truth) -> str:
    """The whole page, with no outside resource in it."""
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(name)}</title><style>{STYLE}</style>",
        f"<h1>{escape(name)}</h1><p class=note>{result['frames']} frames, {escape(result['model'])}. ",
        f"Truth: {escape(truth.remark)}</p>",
        _table("Lines", result["lines"], ("truth_in", "in", "error_in", "truth_out", "out", "error_out")),
        _table(
            "Zones", result["zones"], ("truth_visits", "visits", "error_visits", "truth_dwell_seconds", "dwell_seconds")
        ),
    ]
    for name_, heading in (("people", "People"), ("in_view", "People in view, every second")):
        if name_ in result:
            parts.append(_table(heading, {"": result[name_]}, tuple(result[name_])))
    parts += [_line(line_id, line, played) for line_id, line in truth.lines.items() if line.crossings is not None]
    return "\n".join(part for part in parts if part) + "</html>\n"


def _table(heading: str, rows: dict[str, dict[str, Any]], columns: tuple[str, ...]) -> str:
    if not rows:
        return ""
    heads = "".join(f"<th>{escape(column.replace('_', ' '))}</th>" for column in columns)
    body = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(_cell(column, row.get(column, "")) for column in columns) + "</tr>"
        for name, row in rows.items()
    )
    return f"<h2>{heading}</h2><table><tr><th></th>{heads}</tr>{body}</table>"


def _cell(column: str, value: Any) -> str:
    off = column.startswith("error") and value != 0
    return f"<td{' class=off' if off else ''}>{escape(str(value))}</td>"


def _line(line_id: str, line: TrueLine, played: Played) -> str:
    found = differences(line_id, played.decisions, line.crossings or ())
    counted = [one for one in played.decisions if isinstance(one, Crossing) and one.line_id == line_id]
    items = [
        f"<li>missed: {true.direction} at {true.at:.2f} s. Decisions near it: "
        f"{'; '.join(escape(one) for one in near) or 'none'}</li>"
        for true, near in found.missed
    ] + [f"<li>counted without a true crossing: {escape(describe(crossing))}</li>" for crossing in found.extra]
    listed = f"<ul>{''.join(items)}</ul>" if items else "<p>Every true crossing was counted, and no other.</p>"
    return f"<h2>{escape(line_id)}: every crossing</h2>{_timeline(line, counted, found, played)}{listed}"


def _timeline(line: TrueLine, counted: list[Crossing], found: LineDifferences, played: Played) -> str:
    """True crossings above, counted ones below, in point upwards and out downwards; red where they differ."""
    length = max((seconds for seconds, _ in played.in_view), default=1.0)
    missed, extra = {id(true) for true, _ in found.missed}, {id(crossing) for crossing in found.extra}
    marks = [_mark(true.at / length, 18, true.direction, id(true) in missed) for true in line.crossings or ()]
    start = CLIP_STARTS_AT.timestamp()
    marks += [_mark((one.at - start) / length, 46, one.direction, id(one) in extra) for one in counted]
    labels = "".join(f'<text x="4" y="{y}" font-size="10">{text}</text>' for y, text in ((21, "true"), (49, "counted")))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{labels}{"".join(marks)}</svg>'


def _mark(share: float, y: int, direction: str, differs: bool) -> str:
    x = 55 + share * (WIDTH - 65)
    tip, base = (y - 6, y + 6) if direction == "in" else (y + 6, y - 6)
    colour = "#b3261e" if differs else "#2d6a4f"
    return f'<path d="M{x:.1f} {tip} L{x - 5:.1f} {base} L{x + 5:.1f} {base} Z" fill="{colour}"/>'
