#!/usr/bin/env python3
"""The layer table holds: a file includes only from its own folder and the folders its row names,
and third-party headers only where the table allows them. Fails on the first upward include."""
import os
import re
import sys

SOURCE = os.environ.get("IC_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
BELOW = {
    "base": [],
    "io": ["base"],
    "diff": ["base"],
    "http": ["base"],
    "policy": ["base"],
    "store": ["base", "io"],
    "pty": ["base", "io", "guest/frame.h"],
    "docker": ["base", "io"],
    "gate": ["base", "io", "policy", "store"],
    "proxy": ["base", "io", "http", "policy", "store", "gate"],
    "mcp": ["base", "io", "http", "policy", "store", "gate"],
    "review": ["base", "io", "diff", "policy", "store", "gate"],
    "session": ["base", "io", "policy", "store", "pty", "docker", "gate", "proxy", "mcp"],
    "tui": ["base", "io", "policy", "store", "pty", "gate", "review", "session"],
    "cli": ["base", "io", "http", "policy", "store", "pty", "docker", "gate", "proxy", "mcp", "session",
            "review", "tui"],
    "guest": [],
}
THIRD_PARTY = {
    r"uv\.h": ["io"],
    r"openssl/.*": ["io", "store", "proxy/ca.c"],
    r"sqlite3\.h": ["store"],
    r"vterm.*\.h": ["pty"],
    r"(curses|ncurses.*|term)\.h": ["tui/frame.c"],
    r"llhttp\.h": [],
    r"(jansson|cyaml/.*|yaml)\.h|cyaml/cyaml\.h": ["base"],
    r"nghttp2/.*": ["proxy"],
    r"wslay/.*": ["proxy"],
    r"(zlib|zstd)\.h|brotli/.*": ["proxy"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check(path, folder, problems):
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quoted, name = found.group(1) == '"', found.group(2)
        where = f"{os.path.relpath(path, SOURCE)}:{number}"
        if quoted:
            target = name.split("/")[0]
            if target != folder and target not in BELOW[folder] and name not in BELOW[folder]:
                problems.append(f"{where}: {folder} must not include {name}")
            continue
        for pattern, allowed in THIRD_PARTY.items():
            if re.fullmatch(pattern, name):
                own = [folder, f"{folder}/{os.path.basename(path)}"]
                if not any(item in allowed for item in own):
                    problems.append(f"{where}: <{name}> is not for {own[1]}")


def main():
    problems, files = [], 0
    for folder in sorted(os.listdir(os.path.join(SOURCE, "src"))):
        full = os.path.join(SOURCE, "src", folder)
        if not os.path.isdir(full):
            continue
        if folder not in BELOW:
            problems.append(f"src/{folder}: not in the layer table")
            continue
        for name in sorted(os.listdir(full)):
            if name.endswith((".c", ".h")):
                files += 1
                check(os.path.join(full, name), folder, problems)
    if files < 20:
        problems.append(f"only {files} files found: the check looks at the wrong place")
    print("\n".join(problems) or f"{files} files keep to the layers")
    return 1 if problems else 0


sys.exit(main())
