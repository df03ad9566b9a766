# SPDX-License-Identifier: MIT
"""The figures of two kernels as one table, and what the ratios come to."""
import math

FORK = "fork_"      # what these rows' names begin with: where the lead is largest, so that a mean is stated without them, too


def ratios(figures):
    """{benchmark: Perigee / Linux} of those that both ran; figures is {"linux": {...}, "perigee": {...}}."""
    linux = figures.get("linux", {})
    return {name: value / linux[name] for name, value in figures["perigee"].items() if linux.get(name, 0) > 0 and value > 0}


def mean(values):
    """Geometric; None of nothing."""
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def means(figures):
    """(of all ratios, of those of no fork row)"""
    found = ratios(figures)
    return mean(found.values()), mean(r for name, r in found.items() if not name.startswith(FORK))


def _number(value):
    return "-" if value is None else f"{value:,.0f}"


def _ratio(value):
    return "-" if value is None else f"{value:.3f}" if value < 0.01 else f"{value:.2f}"


def _cells(name, instructions, wall):
    cells = [name, _number(instructions["linux"].get(name)), _number(instructions["perigee"].get(name)), _ratio(ratios(instructions).get(name))]
    return [*cells, _ratio(ratios(wall).get(name))] if wall else cells


def table(instructions, wall=None, with_means=True):
    """Lines of Markdown: instructions of both kernels and the ratio, and the ratio by wall clock where that was measured."""
    names = [*instructions["perigee"], *(n for n in instructions["linux"] if n not in instructions["perigee"])]
    head = ["benchmark", "Linux", "Perigee", "ratio"] + (["ratio by wall clock"] if wall else [])
    rows = [_cells(name, instructions, wall) for name in names]
    every = [means(instructions)] + ([means(wall)] if wall else [])
    for i, text in enumerate(["geometric mean", "geometric mean without fork rows"] if with_means else []):
        rows.append([f"**{text}**", "", "", *[f"**{_ratio(m[i])}**" for m in every]])
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) if not i else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))) + " |" for r in [head, *rows]]
    return [lines[0], "|" + "|".join("-" * (w + 2) if not i else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|", *lines[1:]]
