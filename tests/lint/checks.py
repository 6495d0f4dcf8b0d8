"""What the project's own checks share: reading sources, reporting, self-tests.

A check is a function from a tree's root to a list of Finding.  Its module ends
with main(check, cases): `CHECK.py ROOT` prints the findings and exits 1 if
there are any; `CHECK.py --self-test` runs the check over small trees, each with
the lines that it must report, and fails if it reports anything else.
"""

import pathlib
import sys
import tempfile
from typing import Callable, NamedTuple

# Where sources are; build trees and version control are not among them.
SOURCE_FOLDERS = ("stack", "drivers", "sockets", "traces", "tools", "tests",
                  "cmake")


class Finding(NamedTuple):
    path: str  # from the root
    line: int  # from 1
    text: str  # what is wrong, and the way out

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


class Case(NamedTuple):
    """A tree of files, and the places that the check must report in it."""

    name: str
    files: dict  # path -> contents
    expected: list  # of "path:line"


Check = Callable[[pathlib.Path], list]


def cpp_files(root: pathlib.Path) -> list:
    """The C++ files of the project under `root`, in a fixed order."""
    return sorted(
        path
        for folder in SOURCE_FOLDERS
        for path in (root / folder).rglob("*")
        if path.suffix in (".h", ".cc") and path.is_file())


def run(check: Check, root: pathlib.Path) -> int:
    findings = check(root)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def self_test(check: Check, cases: list) -> int:
    failures = 0
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, contents in case.files.items():
                file = root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(contents)
            found = [f"{f.path}:{f.line}" for f in check(root)]
        if found != case.expected:
            failures += 1
            print(f"{case.name}: reported {found}, not {case.expected}")
    print(f"{len(cases) - failures} of {len(cases)} cases hold")
    return 1 if failures or not cases else 0


def main(check: Check, cases: list) -> None:
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} ROOT | --self-test", file=sys.stderr)
        sys.exit(2)
    if sys.argv[1] == "--self-test":
        sys.exit(self_test(check, cases))
    root = pathlib.Path(sys.argv[1])
    if not (root / "CMakeLists.txt").is_file():
        print(f"{root} is not the project's root", file=sys.stderr)
        sys.exit(2)
    sys.exit(run(check, root))
