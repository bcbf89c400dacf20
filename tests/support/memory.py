"""Where in the memory of another process some bytes are, and whether a core dump or the like
could carry them away."""
from harness import is_sanitized


def regions(pid):
    """(begin, end, permissions, VmFlags) of each mapping."""
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as f:
        for line in f:
            words = line.split()
            if words[0] == "VmFlags:":
                yield begin, end, permissions, words[1:]
            elif not words[0].endswith(":"):
                begin, end = (int(n, 16) for n in words[0].split("-"))
                permissions = words[1]


def copies(pid, *secrets):
    """(copies in memory that is never dumped, copies elsewhere); None: we may not look.
    AddressSanitizer keeps the environment as it was at the start; that is not counted."""
    kept, loose = 0, 0
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for begin, end, permissions, flags in regions(pid):
                if "r" not in permissions or end - begin > 1 << 30 or "io" in flags:
                    continue
                try:
                    memory.seek(begin)
                    found = memory.read(end - begin)
                except (OSError, OverflowError):  # [vvar] and what is reserved only
                    continue
                count = sum(found.count(secret) for secret in secrets)
                if is_sanitized():
                    count -= sum(found.count(b"ANTHROPIC_API_KEY=" + s) for s in secrets)
                if "dd" in flags:
                    kept += count
                else:
                    loose += count
    except PermissionError:
        return None
    return kept, loose
