"""What rung says to mistakes: every case of the cases_*.py files, run with the command as built.

    errors_test.py RUNG                         the test; cases of parts that are not built say so
    errors_test.py RUNG --only TEXT             only cases whose mistake holds TEXT, with all output
    errors_test.py --write docs/errors.md       writes the documentation's table from the cases

A case passes where the exit code and the message are the expected ones, nothing is left of output
or temporaries, no file that was there is changed, nothing crashes, and it ends in time.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import resource
import shlex
import subprocess
import sys
import tempfile

import cases_join
import cases_models
import cases_networks
import cases_onnx
import cases_outputs
import cases_program
import cases_run
import cases_shell
import cases_train

HERE = pathlib.Path(__file__).parent
DOCUMENT = HERE.parent.parent / "docs" / "errors.md"
PARTS = [cases_shell, cases_models, cases_networks, cases_onnx, cases_join, cases_run, cases_program, cases_train, cases_outputs]
SECONDS = 120
# What the text of a crash, or of an error nobody meant for users, looks like.
CRASH = re.compile(r"terminate called|Traceback|Segmentation|#0 |#1 |frame #|std::|c10::|c10/|AddressSanitizer|"
                   r"runtime error|basic_string|vector::|bad_alloc|json\.exception|\[json|\.cpp:")

INTRODUCTION = """# What goes wrong, and what rung says

Every mistake has one message: the first line is the whole story, the lines behind it name both ends,
the rule and the fix. It goes to standard error, and the exit code says who can act: **2** the input is
wrong, **3** the input is right but rung cannot do this, **1** a bug in rung. A command that fails
leaves no file behind and changes none: an output appears whole or not at all.

This page is written by `tests/errors/errors_test.py --write docs/errors.md` from the cases that the
same program runs as a test; it fails where the two differ. `…` stands for what depends on the
machine.
"""


def snapshot(folder):
    """Every path below the folder with what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_file():
            found[name] = ("file", path.read_bytes())
        else:
            found[name] = ("folder" if path.is_dir() else "other", None)
    return found


def limits(case):
    """How large the command's files may grow; set between fork and exec."""
    if case.file_bytes is None:
        return None
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (case.file_bytes, case.file_bytes))


def run(rung, case, folder):
    arguments = [rung, *shlex.split(case.command)[1:]]
    with open(case.stdout or os.devnull, "w") as out:
        return subprocess.run(arguments, cwd=folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=out if case.stdout else subprocess.PIPE, errors="replace",
                              stderr=subprocess.PIPE, timeout=SECONDS, preexec_fn=limits(case))


def matches(expected, line):
    """Whether a line is as expected, where … stands for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("…")), line) is not None


def complaints(case, done, before, after):
    lines = done.stderr.split("\n")
    if done.returncode < 0:
        yield f"died of signal {-done.returncode}"
    elif done.returncode != case.code:
        yield f"exit code {done.returncode}, not {case.code}"
    if not lines[0].startswith("error: "):
        yield "the message does not begin with 'error: '"
    elif case.message is None or not matches(case.message, lines[0][len("error: "):]):
        yield f"the first line is not\n    {case.message}"
    for part in case.more:
        if part not in done.stderr:
            yield f"the message lacks {part!r}"
    if found := CRASH.search(done.stderr + (done.stdout or "")):
        yield f"the output holds {found.group()!r}"
    for name in sorted(set(before) | set(after)):
        if case.leaves and name.split("/")[0] == case.leaves:
            if name.endswith(".tmp"):
                yield f"left {name} behind"
        elif name not in before:
            yield f"left {name} behind"
        elif before[name] != after.get(name):
            yield f"changed {name}"


def check(rung, case):
    """What is wrong with how the case went, and all that was printed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for name, content in case.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if callable(content):
                content(path)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        for command in case.first:
            words = shlex.split(command)
            done = subprocess.run([rung, *words[1:]] if words[0] == "rung" else words, cwd=folder,
                                  capture_output=True, text=True, timeout=SECONDS)
            if done.returncode != 0:
                return [f"`{command}` before it failed"], done.stderr
        before = snapshot(folder)
        try:
            done = run(rung, case, folder)
        except subprocess.TimeoutExpired:
            return [f"did not end within {SECONDS} seconds"], ""
        return list(complaints(case, done, before, snapshot(folder))), done.stderr


def code(text):
    """As code in a cell of a table."""
    text = text if len(text) < 260 else text[:250] + "…"
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def document():
    """docs/errors.md, from the cases."""
    text = INTRODUCTION
    for part in PARTS:
        text += f"\n## {part.TITLE}\n\n| mistake | command | message | exit |\n|---|---|---|---|\n"
        for case in part.CASES:
            message = "<br>".join(code(line) for line in (case.message, *case.more))
            text += f"| {case.mistake} | {code(case.command)} | {message} | {case.code} |\n"
    return text


def built(rung, verb):
    """Whether the command has what a verb needs."""
    return subprocess.run([rung, verb, "--help"], capture_output=True, timeout=SECONDS).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rung", nargs="?")
    parser.add_argument("--only", default="")
    parser.add_argument("--write")
    parser.add_argument("--without-torch", action="store_true",
                        help="run, check and train are not built; otherwise that they are missing is a failure")
    options = parser.parse_args()
    if options.write:
        pathlib.Path(options.write).write_text(document())
        return 0
    rung = str(pathlib.Path(options.rung).resolve())
    cases = [case for part in PARTS for case in part.CASES]
    twice = [name for name, n in collections.Counter(case.mistake for case in cases).items() if n > 1]
    failures = [f"two cases are called {name!r}" for name in twice]
    if DOCUMENT.read_text() != document():
        failures.append(f"{DOCUMENT.name} differs from the cases; write it again with --write")
    has = {verb: built(rung, verb) for verb in sorted({case.verb for case in cases if case.verb})}
    cases_here = [case for case in cases
                  if options.only in case.mistake and (not case.verb or has[case.verb])]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda case: check(rung, case), cases_here))
    for case, (wrong, message) in zip(cases_here, results):
        if wrong:
            failures.append(f"{case.mistake}\n  {case.command}\n  " + "\n  ".join(wrong) +
                            f"\n  it said:\n{message}")
        elif options.only:
            print(f"{case.mistake}: {case.command}\n{message}")
    for failure in failures:
        print(f"FAILED {failure}")
    missing = [verb for verb, there in has.items() if not there]
    if missing:
        print(f"not built, and so not tested: {', '.join(missing)}")
        if not options.without_torch:
            failures.append("these verbs should be there")
            print(f"FAILED {failures[-1]}")
    print(f"{len(cases_here)} of {len(cases)} cases run, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
