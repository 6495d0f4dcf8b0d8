#!/usr/bin/env python3
"""Finds braces inside a co_await expression.

GCC 12 destroys an owning aggregate temporary, or an argument made of braces,
twice when it stands in a co_await expression.  Name such a value first:

    co_await send(fd, Message{...});        // wrong
    Message message{...};
    co_await send(fd, std::move(message));  // right

A lambda without captures owns nothing, and is let through.
"""

import re

import checks

OPENING = "([{"
CLOSING = ")]}"

# Comments, and literals that may hold anything; what they cover is blanked,
# line ends kept, so that places stay right.
OPAQUE = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"([^()\\\s]{0,16})\(.*?\)\1"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)

CAPTURELESS_LAMBDA = re.compile(r"\[\s*\]\s*(\([^()]*\)\s*)?[^;{}()]*$")


def blank(source):
    return OPAQUE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), source)


def closing(text, start):
    """The place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        if text[place] in OPENING:
            depth += 1
        elif text[place] in CLOSING:
            depth -= 1
            if depth == 0:
                return place
    return len(text)


def braces_in_operand(text, start):
    """Places of `{` in the co_await operand that starts at `start`."""
    depth = 0
    place = start
    while place < len(text):
        char = text[place]
        if char == "{":
            if CAPTURELESS_LAMBDA.search(text[start:place]):
                place = closing(text, place) + 1
                continue
            yield place
        if char in OPENING:
            depth += 1
        elif char in CLOSING:
            depth -= 1
            if depth < 0:
                return
        elif depth == 0 and char in ";,?":
            return
        place += 1


def check(root):
    findings = []
    for file in checks.cpp_files(root):
        text = blank(file.read_text(errors="replace"))
        lines = set()
        for match in re.finditer(r"(?<!operator )\bco_await\b", text):
            for place in braces_in_operand(text, match.end()):
                lines.add(text.count("\n", 0, place) + 1)
        findings += [
            checks.Finding(
                file.relative_to(root).as_posix(), line,
                "braces inside a co_await expression, which GCC 12 "
                "miscompiles: name the value first") for line in sorted(lines)
        ]
    return findings


PATH = "tools/programs/a.cc"


def good(name, text):
    return checks.Case(name, {PATH: text}, [])


def bad(name, text, *lines):
    return checks.Case(name, {PATH: text},
                       [f"{PATH}:{line}" for line in lines])


CASES = [
    good("a named value", "Message m{1};\nco_await send(fd, std::move(m));\n"),
    bad("a braced argument", "co_await send(fd, {1, 2});\n", 1),
    bad("an aggregate temporary", "co_await send(fd, Message{1});\n", 1),
    bad("an aggregate as the operand", "co_await Sleeper{channel};\n", 1),
    bad("deep inside", "x = co_await f(g(h(T{})));\n", 1),
    bad("on a later line", "co_await f(a,\n         b,\n         {1});\n", 3),
    bad("in a condition", "if (co_await f({1})) {\n}\n", 1),
    good("the braces of a block", "if (co_await f(a)) {\n  g();\n}\n"),
    good("of a loop", "while ((co_await f(a)) > 0) {\n}\n"),
    good("of what comes after", "g(co_await f(a), T{});\n"),
    good("of the other branches", "x = co_await f(a) ? T{} : U{};\n"),
    good("around it", "T t{co_await f(a)};\n"),
    good("in a comment", "co_await f(a /* {1} */);  // not {1}\n"),
    good("in a string", 'co_await f("{", \'{\');\n'),
    good("in a raw string", 'co_await f(R"({"a": 1})");\n'),
    good("a comment that speaks of it", "// co_await f({1});\n"),
    good("a lambda that holds nothing",
         "co_await f([](int i) -> int { return T{i}.x; });\n"),
    bad("a lambda that holds something", "co_await f([m] { use(m); });\n", 1),
    bad("braces after a harmless lambda",
        "co_await f([] { return 1; },\n  {2});\n", 2),
    bad("each of two lines", "co_await f({1});\nco_await g(b);\n"
        "co_await h(T{});\n", 1, 3),
    good("the operator itself", "A operator co_await() && { return A{h}; }\n"),
    bad("digit separators do not hide it", "co_await f(1'000, {2'000});\n", 1),
]

if __name__ == "__main__":
    checks.main(check, CASES)
