#!/usr/bin/env python3
"""Reads the first line of each drill script, which cites and claims.

    // RFC 9293 section 3.10.7.2: a listener ignores a RST.
    // listen(2): a backlog below 0 counts as 0.

A script without its source cannot be judged when it fails.
"""

import re

import checks

COLUMNS = 120

# One or more sources, a colon, and a claim with a full stop.
SOURCE = (r"(RFC \d+ (section|appendix)s? [A-Z\d][\d.]*\w*"
          r"((,| and|,? to) [A-Z\d][\d.]*\w*)*|[a-z][\w.]*\(\d\))")
FIRST_LINE = re.compile(rf"// {SOURCE}((,| and) {SOURCE})*: \S.*\.")


def wrong(line):
    """What is wrong with a script's first line, or nothing."""
    if not FIRST_LINE.fullmatch(line):
        return ("the first line cites and claims: // RFC 9293 section 3.10.7.2:"
                " a listener ignores a RST.")
    if len(line) > COLUMNS:
        return f"the first line has more than {COLUMNS} columns"
    return None


def check(root):
    findings = []
    for path in sorted((root / "tests/drill").rglob("*.pkt")):
        line = path.read_text(errors="replace").partition("\n")[0]
        if why := wrong(line):
            findings.append(
                checks.Finding(path.relative_to(root).as_posix(), 1, why))
    return findings


def case(name, line, holds):
    path = "tests/drill/area/a.pkt"
    return checks.Case(name, {path: line + "\n0 socket(...) = 3\n"},
                       [] if holds else [f"{path}:1"])


CASES = [
    case("a section", "// RFC 9293 section 3.10.7.2: a RST is ignored.", True),
    case("two sections", "// RFC 5961 sections 3.2 and 7: it ends.", True),
    case("two RFCs", "// RFC 9293 section 3.9, RFC 1122 section 4.2.2.13: it"
         " is.", True),
    case("an appendix", "// RFC 7323 appendix A: options are padded.", True),
    case("a manual page", "// listen(2): a backlog below 0 counts as 0.", True),
    case("a manual page and an RFC", "// tcp(4), RFC 6691 section 2: an MSS.",
         True),
    case("no section", "// RFC 9293: a RST is ignored.", False),
    case("no claim", "// RFC 9293 section 3.10.7.2", False),
    case("no sentence", "// RFC 9293 section 3.10.7.2: a RST is ignored",
         False),
    case("no citation", "// A listener ignores a RST.", False),
    case("no comment", "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", False),
    case("an empty file", "", False),
    case("too long", "// RFC 9293 section 3.10.7.2: " + "very " * 25 + "long.",
         False),
]

if __name__ == "__main__":
    checks.main(check, CASES)
