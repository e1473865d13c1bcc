#!/usr/bin/env python3
"""Draws figures as SVG, with nothing but Python.

  python3 tests/benches/plot.py docs
      the plots in docs/plots, from the tables of docs/benchmarks.md
  python3 tests/benches/plot.py csv FILE COLUMN TITLE UNIT OUT
      a column of a file over its first one, which is in seconds, as a curve
"""

import csv
import pathlib
import re
import sys
from html import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WIDTH, BAR, LEFT, RIGHT = 720, 22, 250, 110
COLOURS = ["#0b6e4f", "#c84c09", "#3d5a98", "#8c2f6b", "#7a6c00", "#555555"]


def document(height, title, parts):
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            ' font-family="sans-serif" font-size="12" fill="#222">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            f'<text x="10" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
            *parts,
            "</svg>",
            "",
        ]
    )


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}".removesuffix(".0")


def bars(title, unit, rows):
    """A bar for each (name, value)."""
    most = max(value for _, value in rows) or 1
    parts = []
    for index, (name, value) in enumerate(rows):
        top = 36 + index * (BAR + 6)
        width = (WIDTH - LEFT - RIGHT) * value / most
        middle = top + BAR / 2 + 4
        parts += [
            f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{COLOURS[0]}"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{middle}">{number(value)} {escape(unit)}</text>',
        ]
    return document(44 + len(rows) * (BAR + 6), title, parts)


def curves(title, unit, ticks, series):
    """A line for each (name, points); points are pairs of a place from 0 to 1 and a value. `ticks` are
    the places that have a name."""
    left, top, width, height = 60, 40, WIDTH - 340, 240
    most = max(value for _, points in series for _, value in points) * 1.1 or 1
    x = lambda place: left + place * width
    y = lambda value: top + height - value / most * height
    parts = [
        f'<path d="M{left} {top}V{top + height}H{left + width}" fill="none" stroke="#888"/>',
        f'<text x="{left - 6}" y="{top + height}" text-anchor="end">0</text>',
        f'<text x="{left - 6}" y="{y(most / 1.1):.1f}" text-anchor="end">{number(most / 1.1)}</text>',
        f'<text x="{left}" y="{top - 6}">{escape(unit)}</text>',
    ]
    for place, name in ticks:
        parts.append(f'<text x="{x(place):.1f}" y="{top + height + 18}" text-anchor="middle">{escape(name)}</text>')
    for index, (name, points) in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        line = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in points)
        legend = top + 10 + index * 18
        parts += [
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<rect x="{left + width + 20}" y="{legend - 9}" width="10" height="10" fill="{colour}"/>',
            f'<text x="{left + width + 36}" y="{legend}">{escape(name)}</text>',
        ]
    return document(top + height + 34, title, parts)


def table(text, head):
    """The cells of the table whose first line begins so."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(head):
            next(lines)
            rows = [line]
            for row in lines:
                if not row.startswith("|"):
                    break
                rows.append(row)
            return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]
    raise SystemExit(f"tests/benches/plot.py: docs/benchmarks.md has no table `{head}`")


def value(cell):
    return float(re.search(r"[\d,.]+", cell)[0].replace(",", ""))


def from_docs():
    text = (ROOT / "docs/benchmarks.md").read_text()
    out = ROOT / "docs/plots"
    out.mkdir(exist_ok=True)
    functions = table(text, "| Function | Binary")[1:]
    columns = [("sizes", "Binaries, stripped", "MB"), ("start", "Start to first response", "ms"),
               ("memory", "Memory after 50 calls", "MB")]
    for column, (name, title, unit) in enumerate(columns, 1):
        rows = [(row[0], value(row[column])) for row in functions if re.search(r"\d", row[column])]
        (out / f"{name}.svg").write_text(bars(title, unit, rows))
    handlers = [row for row in table(text, "| Handler |")[1:] if not row[0].startswith("…")]
    for column, name, title, unit in [
        (1, "compared-start", "The same handler: start to first response", "ms"),
        (2, "compared-memory", "The same handler: memory after 50 calls", "MB"),
        (4, "compared-processor", "The same handler: processor time of a call", "µs"),
    ]:
        rows = [(row[0], value(row[column])) for row in handlers]
        (out / f"{name}.svg").write_text(bars(title, unit, rows))
    for name, head in [("scale-one", "| All in one organization"), ("scale-spread", "| Ten in each organization")]:
        sizes, *operations = table(text, head)
        places = [index / (len(sizes) - 2) for index in range(len(sizes) - 1)]
        series = []
        for operation, *cells in operations:
            if operation.startswith(("make", "list 50, the", "call through the gateway, the", "`monitor", "monitor", "a run of `monitor")):
                units = [sum(float(part) for part in cell.split("·")[1:]) for cell in cells]
                name_shown = operation.replace("`", "").replace("the first one of a function", "cold")
                series.append((name_shown, list(zip(places, units))))
        title = f"{sizes[0]}: read and write units of an operation, by integrations in the table"
        (out / f"{name}.svg").write_text(curves(title, "units", list(zip(places, sizes[1:])), series))


def from_csv(file, column, title, unit, to):
    with open(file, newline="") as lines:
        rows = list(csv.DictReader(lines))
    if not rows:
        raise SystemExit(f"tests/benches/plot.py: {file} is empty")
    x = next(iter(rows[0]))
    end = float(rows[-1][x])
    points = [(float(row[x]) / end, float(row[column])) for row in rows]
    ticks = [(0, "0"), (0.5, f"{end / 120:.3g} min"), (1, f"{end / 60:.3g} min")]
    pathlib.Path(to).write_text(curves(title, unit, ticks, [(column, points)]))


def main():
    match sys.argv[1:]:
        case ["docs"]:
            from_docs()
        case ["csv", file, column, title, unit, to]:
            from_csv(file, column, title, unit, to)
        case arguments:
            print(__doc__.strip())
            raise SystemExit(0 if arguments == ["--help"] else 2)


if __name__ == "__main__":
    main()
