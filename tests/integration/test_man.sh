#!/bin/sh
# The manual pages: no warning of groff at usual widths, nor of mandoc, and no line that is cut.
set -u
pages="$IC_SOURCE/docs/man"
command -v groff >/dev/null || { echo "skipped: groff is not installed"; exit 77; }
bad=0
for page in "$pages"/*.[1-9]; do
    for width in 72 80 120; do
        said=$(groff -man -t -ww -Tutf8 "-rLL=${width}n" "$page" 2>&1 >/dev/null)
        [ -z "$said" ] || { echo "FAIL $page at $width columns: $said"; bad=1; }
    done
    if command -v mandoc >/dev/null; then
        said=$(mandoc -Tlint "$page") || { echo "FAIL $said"; bad=1; }
    fi
done
[ $bad = 0 ] && echo "ok   the manual pages are clean"
exit $bad
