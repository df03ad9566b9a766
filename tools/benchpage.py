# SPDX-License-Identifier: MIT
"""The figures as one HTML page that needs nothing else: pictures in SVG, and the table."""
import html
import math
import re

import benchtable

LINUX, PERIGEE, GRID = "#c0504d", "#2e75b6", "#ddd"
WIDTH, HEIGHT, LEFT, BOTTOM = 860, 420, 90, 50
ROW, NAMES = 18, 230
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Perigee and Linux</title>
<style>body{{font:15px sans-serif;max-width:900px;margin:2em auto}}td,th{{padding:1px 12px;text-align:right;font-variant-numeric:tabular-nums}}
td:first-child,th:first-child{{text-align:left}}tr:nth-child(even){{background:#f4f4f4}}</style></head><body>
<h1>Perigee and Linux</h1><p>{about}</p>
<h2>fork() against the resident size of the process</h2>{fork}
<h2>Instructions, as a part of Linux's</h2>{bars}
{wall}{scale}<h2>The figures</h2>{table}
</body></html>
"""


def _svg(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" '
            f'font-size="12"><rect width="{width}" height="{height}" fill="white"/>' + "".join(parts) + "</svg>")


def _text(x, y, text, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{html.escape(text)}</text>'


def _line(x1, y1, x2, y2, colour=GRID):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _sizes(figures, prefix):
    """[(MiB, figure)] of the rows PREFIX_<n>MB."""
    found = ((re.fullmatch(rf"{prefix}_(\d+)MB", name), value) for name, value in figures.items())
    return sorted((int(match[1]), value) for match, value in found if match)


class Log:
    """A logarithmic scale from the values of some points to a range of the picture."""

    def __init__(self, values, base, start, end):
        self.base, self.start, self.end = base, start, end
        self.low = math.floor(math.log(min(values), base) + 1e-9)
        self.high = max(math.ceil(math.log(max(values), base) - 1e-9), self.low + 1)

    def at(self, value):
        return self.start + (math.log(value, self.base) - self.low) / (self.high - self.low) * (self.end - self.start)

    def marks(self):
        return [self.base ** i for i in range(self.low, self.high + 1)]


def _curve(points, x, y, colour, label, dashes):
    path = " ".join(f"{x.at(mb):.1f},{y.at(v):.1f}" for mb, v in points)
    dots = "".join(f'<circle cx="{x.at(mb):.1f}" cy="{y.at(v):.1f}" r="3" fill="{colour}"><title>{mb} MiB: {v:,.0f}</title></circle>' for mb, v in points)
    mb, v = points[-1]
    return (f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>' + dots
            + _text(x.at(mb) - 6, y.at(v) - 8, label, "end", f'fill="{colour}"'))


def fork_picture(figures):
    """Both scales logarithmic: fork() and fork+exit+wait, of both kernels; "" when they were not measured."""
    curves = [(_sizes(figures.get(kernel, {}), row), colour, f"{label}: {what}", dashes)
              for kernel, label, colour in (("linux", "Linux", LINUX), ("perigee", "Perigee", PERIGEE))
              for row, what, dashes in (("fork_call", "fork()", ""), ("fork_wait", "fork, exit, wait", "6 4"))]
    curves = [c for c in curves if len(c[0]) > 1]
    if not curves:
        return ""
    points = [p for c in curves for p in c[0]]
    x, y = Log([p[0] for p in points], 4, LEFT, WIDTH - 30), Log([p[1] for p in points], 10, HEIGHT - BOTTOM, 20)
    parts = [_line(LEFT, y.at(v), WIDTH - 30, y.at(v)) + _text(LEFT - 8, y.at(v) + 4, f"{v:,}", "end") for v in y.marks()]
    parts += [_line(x.at(mb), 20, x.at(mb), HEIGHT - BOTTOM) + _text(x.at(mb), HEIGHT - BOTTOM + 18, f"{mb} MiB", "middle") for mb in x.marks()]
    parts += [_curve(points, x, y, colour, label, dashes) for points, colour, label, dashes in curves]
    return _svg(WIDTH, HEIGHT, [*parts, _text(LEFT, 14, "instructions"), _text(WIDTH / 2, HEIGHT - 8, "resident, in pages of 4 KiB", "middle")])


def bars(ratios):
    """A bar for each ratio; the line is Linux."""
    most = max([1.0, *ratios.values()])
    scale = (WIDTH - NAMES - 70) / most
    height = ROW * (len(ratios) + 1)
    parts = []
    for i, (name, ratio) in enumerate(ratios.items()):
        y = ROW * i + 2
        parts.append(_text(NAMES - 8, y + 12, name, "end")
                     + f'<rect x="{NAMES}" y="{y}" width="{max(ratio * scale, 1):.1f}" height="{ROW - 4}" fill="{PERIGEE if ratio <= 1 else LINUX}"/>'
                     + _text(NAMES + ratio * scale + 5, y + 12, f"{ratio:.2f}"))
    return _svg(WIDTH, height, [*parts, _line(NAMES + scale, 0, NAMES + scale, height - ROW, "#444"), _text(NAMES + scale, height - 4, "Linux", "middle")])


def _html_table(lines):
    rows = [[c.strip().strip("*") for c in line.strip("|").split("|")] for line in lines]
    cell = lambda kind, row: "<tr>" + "".join(f"<{kind}>{html.escape(c)}</{kind}>" for c in row) + "</tr>"  # noqa: E731
    return "<table>" + cell("th", rows[0]) + "".join(cell("td", row) for row in rows[2:]) + "</table>"


def page(about, instructions, wall, scale=None):
    """The text of the page."""
    times = "<h2>By wall clock, as a part of Linux's time</h2>" + bars(benchtable.ratios(wall)) if wall else ""
    much = "<h2>Much of everything, and real work, as a part of Linux's instructions</h2>" + bars(benchtable.ratios(scale)) if scale else ""
    tables = _html_table(benchtable.table(instructions, wall)) + (_html_table(benchtable.table(scale, with_means=False)) if scale else "")
    return PAGE.format(about=html.escape(about), fork=fork_picture(instructions) or "<p>not measured</p>", bars=bars(benchtable.ratios(instructions)),
                       wall=times, scale=much, table=tables)
