#!/usr/bin/env python3
"""Finds what does not belong into a finished tree.

Marks of unfinished work, paths of somebody's machine, merge conflicts, and
white space at the end of a line or of a file.  Reads the files that are under
version control, or all of them where there is none.
"""

import re
import subprocess

import checks

# Spelt in parts, so that this file passes its own check.
RULES = [
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"),
     "a mark of unfinished work: finish it, or say what is so and why"),
    (re.compile(r"(?<![\w.$}*-])/(ho" r"me|ro" r"ot|Us" r"ers|wo" r"rk|"
                r"workspace|builds)/\w"),
     "a path of one machine: write it from the root of the project"),
    (re.compile(r"^(<{7}|>{7}|\|{7}) |^={7}$"), "a merge conflict"),
    (re.compile(r"[ \t]+$"), "white space at the end of the line"),
]

# Text whose lines are somebody else's or are data.
BINARY = (".pcap", ".pcapng", ".png", ".gz", ".zst")
DATA = ("traces/golden/", "tests/fuzz/corpus/", "tests/golden/")


def tracked(root):
    """The project's files, from the root, in a fixed order."""
    if (root / ".git").exists():
        names = subprocess.run(
            ["git", "-c", f"safe.directory={root.resolve()}", "-C", str(root),
             "ls-files", "-z"],
            check=True, capture_output=True, text=True).stdout.split("\0")
    else:
        names = [f.relative_to(root).as_posix() for f in root.rglob("*")]
        names = [n for n in names if not n.startswith("build/")]
    return sorted(n for n in names if n and (root / n).is_file())


def check(root):
    findings = []
    for name in tracked(root):
        if name.endswith(BINARY) or name.startswith(DATA):
            continue
        data = (root / name).read_bytes()
        if b"\0" in data:
            continue
        text = data.decode(errors="replace")
        for number, line in enumerate(text.split("\n"), 1):
            findings += [
                checks.Finding(name, number, why)
                for pattern, why in RULES if pattern.search(line)
            ]
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            findings.append(
                checks.Finding(name, text.count("\n") + 1,
                               "a file ends with one line end"))
    return findings


def good(name, text, path="docs/a.md"):
    return checks.Case(name, {path: text}, [])


def bad(name, text, line=1, path="docs/a.md"):
    return checks.Case(name, {path: text}, [f"{path}:{line}"])


CASES = [
    good("plain text", "The path goes up.\n"),
    good("an empty file", ""),
    bad("unfinished work", "// TO" "DO: more\n"),
    bad("in a script", "ok\n# FIX" "ME\n", 2, "tests/cli/a.sh"),
    good("a word that contains a mark", "HACKSAW todos\n"),
    bad("a home folder", "see /ho" "me/somebody/notes\n"),
    bad("a workplace", "in /wo" "rk/main\n"),
    good("paths from the root of the project", "tools/wo" "rk/a docs/ho" "me/b\n"),
    good("paths that every machine has", "/usr/bin/env, /proc/meminfo\n"),
    good("a variable's folder", "$HOME/wo" "rk/x ${BASE}/ro" "ot/y\n"),
    bad("a conflict", "a\n<<<<<<" "< ours\n", 2),
    bad("white space at the end", "a \n"),
    bad("no line end", "a"),
    bad("an empty line at the end", "a\n\n", 3),
    good("data is as it is", "a \n", "traces/golden/a.txt"),
    good("bytes", "\0 TO" "DO", "docs/a.bin"),
]

if __name__ == "__main__":
    checks.main(check, CASES)
