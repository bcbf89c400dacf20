"""The table at the end: what was reached, against what must be."""
import statistics

# what, test, figure, peer it is compared with (None: the figure itself), limit, unit.
# A limit "<= x" or ">= x" is on the ratio where there is a peer.
MUST = [
    ("CPU per request, 1 connection", "ka1", "cpu_us", "nginx", None, "us"),
    ("CPU per request, 16 connections", "ka16", "cpu_us", "nginx", "<= 1.10", "us"),
    ("CPU per request, 64 connections", "ka64", "cpu_us", "nginx", "<= 1.10", "us"),
    ("requests/s, 1 connection", "ka1", "per_s", "nginx", None, "/s"),
    ("requests/s, 16 connections", "ka16", "per_s", "nginx", ">= 0.90", "/s"),
    ("requests/s, 64 connections", "ka64", "per_s", "nginx", None, "/s"),
    ("added latency, p50", "latency", "added_p50", "nginx", "<= 1.15", "us"),
    ("64 KiB bodies: CPU per request", "ka16b64", "cpu_us", "nginx", "<= 1.10", "us"),
    ("64 KiB bodies: delay, p50", "ka16b64", "delay.p50", "nginx", "<= 1.20", "us"),
    ("64 KiB bodies: delay, p99", "ka16b64", "delay.p99", "nginx", None, "us"),
    ("CONNECT+TLS: CPU per tunnel", "tunnel", "cpu_us", "nginx", "<= 1.15", "us"),
    ("CONNECT+TLS: tunnels/s", "tunnel", "per_s", "nginx", None, "/s"),
    ("new host: CPU, to one for a known host", "mint", "cpu_us", "tunnel", "<= 2.00", "us"),
    ("new host: tunnels/s", "mint", "per_s", None, ">= 600", "/s"),
    ("loop blocked by minting: longest", "blocked", "blocked", None, "<= 2000", "us"),
    ("request while minting: held, p99", "blocked", "held.p99", None, None, "us"),
    ("request while minting: held, longest", "blocked", "held.max", None, None, "us"),
    ("request while minting: added, p99", "blocked", "added_p99", None, None, "us"),
    ("request while minting: added, longest", "blocked", "added_max", None, None, "us"),
    ("1 stream: CPU per event", "sse1", "cpu_us", "nginx", None, "us"),
    ("1 stream: added delay, p50", "sse1", "added_p50", "nginx", None, "us"),
    ("200 streams: CPU per event", "sse200", "cpu_us", "nginx", "<= 1.00", "us"),
    ("200 streams: added delay, p50", "sse200", "added_p50", "nginx", "<= 1.20", "us"),
    ("200 streams: added delay, p99", "sse200", "added_p99", "nginx", "<= 1.50", "us"),
    ("bulk down", "down", "mb_per_s", "nginx64k", ">= 1.00", "MB/s"),
    ("bulk down: CPU per MB", "down", "cpu_us", "nginx64k", None, "us"),
    ("bulk down: memory growth", "down", "rss_growth_kb", None, "<= 1024", "KiB"),
    ("bulk up", "up", "mb_per_s", "nginx64k", ">= 1.00", "MB/s"),
    ("bulk up: CPU per MB", "up", "cpu_us", "nginx64k", None, "us"),
    ("bulk up: memory growth", "up", "rss_growth_kb", None, "<= 1024", "KiB"),
    ("idle tunnel", "idle", "kb_per_tunnel", "nginx", "KiB <= 20", "KiB"),
    ("idle tunnels that failed", "idle", "lost", None, "<= 0", ""),
    ("memory at start", "idle", "fresh_rss_kb", "nginx", "KiB <= 12288", "KiB"),
    ("usage tap: CPU per request", "ka64", "cpu_us", "bare", "<= 1.05", "us"),
]


def figure(row, name):
    for part in name.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def column(rows, test, peer, name):
    """round -> figure"""
    return {r["round"]: figure(r, name) for r in rows
            if r["test"] == test and r["peer"] == peer and figure(r, name) is not None}


def is_met(limit, value, ratio):
    """Limits that begin with a unit are on the value although there is a peer."""
    words = limit.split()
    measured = value if len(words) == 3 or ratio is None else ratio
    bound = float(words[-1])
    return measured <= bound if words[-2] == "<=" else measured >= bound


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def lines(rows):
    """One list of cells for each line of the table that has a figure."""
    for what, test, name, peer, limit, unit in MUST:
        ours = column(rows, test, "ours", name)
        other = column(rows, "tunnel", "ours", name) if peer == "tunnel" else \
            column(rows, test, peer, name) if peer else {}
        if not ours:
            continue
        value = statistics.median(ours.values())
        ratios = [ours[r] / other[r] for r in ours if other.get(r, 0) > 0]
        ratio = statistics.median(ratios) if ratios else None
        if peer == "bare" and ratio is None:
            continue
        span = f"{min(ratios):.2f}..{max(ratios):.2f}" if ratios else ""
        verdict = ""
        if limit and (ratio is not None or peer is None or limit.startswith("KiB")):
            verdict = "ok" if is_met(limit, value, ratio) else "MISSED"
        yield [what, number(value), number(statistics.median(other.values()) if other else None),
               f"{ratio:.2f}" if ratio is not None else "-", span, limit or "", verdict,
               unit if not peer or peer == "nginx" else f"{unit}, to {peer}"]


def table(rows):
    cells = [["", "ours", "peer", "ratio", "of the rounds", "must", "", ""], *lines(rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join("  ".join(c.ljust(w) if i in (0, 6, 7) else c.rjust(w) for i, (c, w)
                               in enumerate(zip(line, widths))).rstrip() for line in cells)
