#!/usr/bin/env python3
"""Writes the drill scripts of TCP's states and segments from their table.

    generate.py           writes STATE/SEGMENT.pkt beside this file
    generate.py --check   says which of them are not what it would write
    generate.py --self-test

The table is states.ini and segments.ini, which explain themselves.  They say
what the RFCs demand; nothing here knows what the program does.
"""

import configparser
import pathlib
import re
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS = 120  # of a script's first line

NAME = re.compile(r"[A-Z\d]+(-[A-Z\d]+)*")
SEGMENT = re.compile(r"[a-z\d]+(-[a-z\d]+)*")
VARIABLE = re.compile(r"\{(\w+)([+-]\d+)?\}")
TIMED = re.compile(r"(\*|[+\d.])")

STATE_KEYS = {"from", "script", "still", "fd", "nxt", "una", "max", "fin"}
ROW_KEYS = {"cite", "demand", "in", "out", "then", "after", "received", "only"}
PERSONALITIES = ("openbsd", "freebsd")


class TableError(Exception):
    """Something is wrong with the table; the text says where and what."""


def read(path, keys):
    """The sections of `path`: name -> {key: text}."""
    parser = configparser.ConfigParser(
        interpolation=None, delimiters=("=",), comment_prefixes=("#",),
        strict=True)
    try:
        parser.read_string(path.read_text(), source=path.name)
    except configparser.Error as error:
        raise TableError(str(error)) from error
    for name in parser.sections():
        for key in parser[name]:
            if key not in keys:
                raise TableError(f"{path.name}: [{name}] has '{key}'; there is "
                                 f"{', '.join(sorted(keys))}")
    return {name: dict(parser[name]) for name in parser.sections()}


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def substitute(line, state, moved):
    """`line` with what is in braces put in; `moved` is added to RCV.NXT."""

    # A segment without data says again that a FIN was sent.
    fin = "F. {fin}:{fin}(0)" if "fin" in state else ". {max}:{max}(0)"
    line = line.replace("{ack}", fin)

    def value(match):
        name, offset = match.groups()
        if name not in state:
            raise TableError(f"no {name} in this state: {line}")
        if name == "fd":
            return state[name]
        number = int(state[name]) + int(offset or 0)
        if name == "nxt":
            number += moved
        return str(number % 2**32)

    return VARIABLE.sub(value, line)


def timed(line):
    """`line` with its time: inbound packets 10 ms later, all else at once."""
    if TIMED.match(line):
        return line
    return ("+.01 " if line.startswith("<") else "+0 ") + line


class Table:
    def __init__(self, folder):
        self.states = read(folder / "states.ini", STATE_KEYS)
        self.rows = read(folder / "segments.ini", ROW_KEYS)
        for name in self.states:
            if not NAME.fullmatch(name):
                raise TableError(f"states.ini: [{name}] is no state's name")

    def state(self, name):
        if name not in self.states:
            raise TableError(f"there is no state {name} in states.ini")
        return self.states[name]

    def prologue(self, name):
        """The lines that lead to a state, from the very first on."""
        path = []
        while name:
            if name in path:
                raise TableError(f"states.ini: [{name}] comes from itself")
            path.append(name)
            name = self.state(name).get("from")
        return [line for name in reversed(path)
                for line in lines(self.state(name).get("script", ""))]

    def script(self, name, row):
        """The text of the script for `row` in the state `name`."""
        state = self.state(name)
        first = f"// {row['cite']}: in {name}, {row['demand']}."
        if len(first) > COLUMNS:
            raise TableError(f"[... | {name}]: more than {COLUMNS} columns: "
                             f"{first}")
        out = [first, ""]
        out += [timed(line) for line in self.prologue(name)]
        out += ["", "// The segment, and what it does."]
        for key in ("in", "out", "then"):
            out += [timed(substitute(line, state, 0))
                    for line in lines(row.get(key, ""))]
        after = name if row["after"] == "=" else row["after"]
        if after != "-":
            target = {**self.state(after)}
            # The socket is the one that it was.
            if "fd" in state:
                target["fd"] = state["fd"]
            out += ["", f"// The state is now {after}."]
            out += [timed(substitute(line, target, int(row.get("received", 0))))
                    for line in lines(target["still"])]
        # The script's first event has the first time.
        return re.sub(r"^\+0 ", "0 ", "\n".join(out) + "\n", count=1,
                      flags=re.MULTILINE)

    def scripts(self):
        """Every script: path from the folder -> text."""
        found = {}
        for title, row in self.rows.items():
            segment, _, states = (part.strip() for part in
                                  title.partition("|"))
            if not SEGMENT.fullmatch(segment) or not states:
                raise TableError(f"segments.ini: [{title}] is not "
                                 "[segment | STATE ...]")
            for key in ("cite", "demand", "in", "after"):
                if key not in row:
                    raise TableError(f"segments.ini: [{title}] lacks '{key}'")
            if row.get("only", "openbsd") not in PERSONALITIES:
                raise TableError(f"segments.ini: [{title}]: only is one of "
                                 f"{', '.join(PERSONALITIES)}")
            ending = f".{row['only']}.pkt" if "only" in row else ".pkt"
            for name in states.split():
                path = f"{name.lower()}/{segment}{ending}"
                if path in found:
                    raise TableError(f"segments.ini: {path} has two rows")
                try:
                    found[path] = self.script(name, row)
                except TableError as error:
                    raise TableError(f"segments.ini: [{title}]: {error}") \
                        from error
        return found


def present(folder):
    return {path.relative_to(folder).as_posix(): path.read_text()
            for path in folder.glob("*/*.pkt")}


def write(folder):
    scripts = Table(folder).scripts()
    for path in present(folder):
        if path not in scripts:
            (folder / path).unlink()
    for path, text in scripts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return len(scripts)


def check(folder):
    """What differs from what write() would leave: a list of paths."""
    want, have = Table(folder).scripts(), present(folder)
    return sorted(path for path in want.keys() | have.keys()
                  if want.get(path) != have.get(path))


STATES = """
[LISTEN]
script = listen(3, 5) = 0
still =
    < S 0:0(0) win 9
    > S. 0:0(0) ack 1
fd = 3
[OPEN]
from = LISTEN
script = < . 1:1(0) ack 1 win 9
still = read({fd}, ..., {nxt}) = 0
fd = 4
nxt = 1
una = 1
max = 1
"""

ROW = """
[data | OPEN]
cite = RFC 9293 section 3.10.7.4
demand = it is so
in = < . {nxt-2}:{nxt+3}(5) ack {una} win 9
then = * > . {max}:{max}(0) ack {nxt}
after = =
received = 5
"""

SCRIPT = """\
// RFC 9293 section 3.10.7.4: in OPEN, it is so.

0 listen(3, 5) = 0
+.01 < . 1:1(0) ack 1 win 9

// The segment, and what it does.
+.01 < . 4294967295:4(5) ack 1 win 9
* > . 1:1(0) ack 1

// The state is now OPEN.
+0 read(4, ..., 6) = 0
"""

# Tables that must be refused, with a part of what is said about them.
WRONG = [
    ("no bar", ROW.replace("|", "/"), "[data / OPEN] is not"),
    ("no such state", ROW.replace("OPEN", "SHUT"), "no state SHUT"),
    ("no such end", ROW.replace("= =", "= SHUT"), "no state SHUT"),
    ("no such variable", ROW.replace("{una}", "{unb}"), "no unb"),
    ("no citation", ROW.replace("cite", "then"), "already exists"),
    ("no demand", ROW.replace("demand = it is so\n", ""), "lacks 'demand'"),
    ("an unknown key", ROW + "maybe = 1\n", "has 'maybe'"),
    ("an unknown personality", ROW + "only = netbsd\n", "only is one of"),
    ("too long", ROW.replace("so", "so " * 30), "more than 120 columns"),
    ("the same twice", ROW.replace("OPEN", "OPEN OPEN"), "has two rows"),
]


def self_test():
    failures = []

    def expect(name, holds):
        if not holds:
            failures.append(name)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "states.ini").write_text(STATES)
        rows = folder / "segments.ini"
        rows.write_text(ROW)
        expect("what is missing differs", check(folder) == ["open/data.pkt"])
        expect("one script is written", write(folder) == 1)
        script = folder / "open/data.pkt"
        expect("the script is as it should be", script.read_text() == SCRIPT)
        expect("nothing differs then", not check(folder))
        script.write_text(SCRIPT + "\n")
        expect("an edited script differs", check(folder) == ["open/data.pkt"])
        (folder / "open/ack.pkt").write_text(SCRIPT)
        write(folder)
        expect("a script without a row goes", not (folder / "open/ack.pkt")
               .exists() and not check(folder))
        for name, table, said in WRONG:
            rows.write_text(table)
            try:
                check(folder)
                failures.append(f"{name}: accepted")
            except TableError as error:
                expect(f"{name}: {error}", said in str(error))
    for failure in failures:
        print(failure)
    return 1 if failures else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    try:
        if not arguments:
            print(f"{write(HERE)} scripts")
            return 0
        if arguments != ["--check"]:
            print(textwrap.dedent(__doc__), file=sys.stderr)
            return 2
        stale = check(HERE)
    except TableError as error:
        print(error, file=sys.stderr)
        return 1
    for path in stale:
        print(f"tests/drill/table/{path} is not what the table gives: change "
              "its row and run tests/drill/table/generate.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
