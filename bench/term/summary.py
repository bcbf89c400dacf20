"""The table at the end: what was reached, against what must be. Ratios are of figures of the same
round. Standard library only."""
import statistics

import workloads

AGENT = ("claude_fs", "ink_inline")
# CPU per megabyte, to tmux
CPU = {"claude_fs": 0.45, "ink_inline": 0.35, "ansilog": 0.75, "seq": 0.6, "scrolling": 0.45,
       "scrolling_top_region": 0.4, "scrolling_bottom_region": 0.4, "scrolling_fullscreen": 1.0,
       "dense_cells": 0.2, "medium_cells": 0.4, "cursor_motion": 0.25, "unicode_mix": 0.3,
       "alt_screen": 0.8, "light_cells": 1.25}

# what, metric, figure, unit, limits, and what else must be in the row. A limit is a number, or
# ("tmux", ratio), or ("relay", ratio), or ("relay+", difference).
MUST = [
    *((f"{name}: CPU", name, "cpu_ms_per_mb", "ms/MB", [("tmux", CPU[name])], {})
      for name in workloads.NAMES),
    *((f"{name}: wall", name, "wall_ms_per_mb", "ms/MB",
       [("tmux", 1.2 if name == "light_cells" else 1.0)], {}) for name in workloads.NAMES),
    *((f"{name}: bytes out per byte in", name, "out_per_in", "",
       [0.03 if name in AGENT else 0.35], {}) for name in workloads.NAMES),
    ("echo", "echo", "p50_ms", "ms", [("relay", 1.5), ("tmux", 1.1)], {}),
    ("echo: bytes per key", "echo", "bytes_per_key", "B", [40], {}),
    ("echo, own pane flooded", "echo_flood", "p50_ms", "ms", [10, ("tmux", 0.125)], {}),
    ("echo, own pane flooded: p99", "echo_flood", "p99_ms", "ms", [40], {}),
    ("echo, hidden session floods: added", "echo_other", "added_ms", "ms", [1], {}),
    ("echo, panels repaint: added", "echo_panels", "added_ms", "ms", [1], {}),
    ("a key that stops a flood", "stop", "p50_ms", "ms", [8], {}),
    ("frame of 5 kB", "frame", "p50_ms", "ms", [2], {}),
    ("frame: torn", "frame", "torn", "", [0], {}),
    ("frame, unchanged: bytes", "frame", "bytes_unchanged", "B", [80], {}),
    ("slow terminal: claude_fs", "slow", "s_per_mb", "s/MB", [0.2], {"workload": "claude_fs"}),
    ("slow terminal: seq", "slow", "s_per_mb", "s/MB", [], {"workload": "seq"}),
    ("memory at start", "memory", "base_mib", "MiB", [12], {"lines": 10_000}),
    ("memory at start, shared pages once", "memory", "base_pss_mib", "MiB", [],
     {"lines": 10_000}),
    ("memory: 10,000 lines add", "memory", "growth_mib", "MiB", [3], {"lines": 10_000}),
    ("memory: 100,000 lines add", "memory", "growth_mib", "MiB", [22], {"lines": 100_000}),
    ("idle, ten sessions: wake-ups", "idle", "wakeups_per_s", "/s", [0], {"sessions": 10}),
    ("idle, ten sessions: memory", "idle", "base_mib", "MiB", [], {"sessions": 10}),
    ("start to first frame", "start", "p50_ms", "ms", [("relay+", 40), ("tmux", 0.6)], {}),
    ("attached again", "again", "p50_ms", "ms", [20], {}),
    ("search in 100,000 lines", "search", "p50_ms", "ms", [50], {"lines": 100_000}),
]


def column(rows, peer, metric, figure, must):
    """round -> figure"""
    return {row["round"]: row[figure] for row in rows
            if row["peer"] == peer and row["metric"] == metric and figure in row and
            all(row.get(k) == v for k, v in must.items())}


def number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else \
        f"{value:.3f}" if abs(value) < 1 and value else f"{value:.2f}"


def ratio(ours, other):
    found = [ours[r] / other[r] for r in ours if other.get(r, 0) > 0]
    return statistics.median(found) if found else None


def verdict(limits, value, ratios, relay):
    """Text of the limits, and ok, MISSED, or nothing where there is nobody to compare with."""
    texts, found = [], []
    for limit in limits:
        if not isinstance(limit, tuple):
            texts.append(f"{limit}")
            found.append(value <= limit)
            continue
        peer, bound = limit
        texts.append(f"{peer}{bound}" if peer == "relay+" else f"{bound} {peer}")
        if peer == "relay+":
            found.append(value <= relay + bound if relay is not None else None)
        else:
            found.append(ratios[peer] <= bound if ratios[peer] is not None else None)
    known = [f for f in found if f is not None]
    return ", ".join(texts), "" if not known else "ok" if all(known) else "MISSED"


def lines(rows, name):
    for what, metric, figure, unit, limits, must in MUST:
        ours = column(rows, name, metric, figure, must)
        if not ours:
            continue
        others = {peer: column(rows, peer, metric, figure, must) for peer in ("tmux", "relay")}
        medians = {peer: statistics.median(c.values()) if c else None
                   for peer, c in others.items()}
        ratios = {peer: ratio(ours, c) for peer, c in others.items()}
        value = statistics.median(ours.values())
        text, said = verdict(limits, value, ratios, medians["relay"])
        yield [what, number(value), number(medians["tmux"]), number(medians["relay"]),
               number(ratios["tmux"]), number(ratios["relay"]), unit, text, said]


def table(rows, name):
    """Of the peer with that name."""
    cells = [["", name, "tmux", "relay", "/tmux", "/relay", "", "must be <=", ""],
             *lines(rows, name)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join("  ".join(c.ljust(w) if i in (0, 6, 7, 8) else c.rjust(w) for i, (c, w)
                               in enumerate(zip(line, widths))).rstrip() for line in cells)
