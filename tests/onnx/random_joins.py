"""Random joins of networks from elsewhere: rung, its program and ONNX Runtime give the same.

    random_joins.py DRIVER                       100 joins, and those that were wrong once
    random_joins.py DRIVER --joins 1000 --seed 1000 --write FILE     and the table of what came of them
    random_joins.py DRIVER --seed 7 --count 1    that draw again; --keep FOLDER keeps its files
    random_joins.py DRIVER --joins 1000 --seed 1000 --plan           plans alone: what is refused
    random_joins.py DRIVER --seed 7 --networks convnext --skip 'layer1 -> layer2 : max'   this join

DRIVER is the program of random_joins.cpp. The networks are torchvision's (thin_networks.py), written by PyTorch's
exporter once, into build/thin_networks. A join takes two layers of one network or of two, and a merge, with
default policies; it is exported with the merged value as an output more, and run at three sizes: the example's,
one at which every axis that can change does, and an odd one. "The same" is 1e-4 of the largest magnitude of each
output. Where float32 cannot tell so much, which rung in float32 beside rung in float64 shows, ONNX Runtime may be ten
times as far from float64 as rung is; such joins are counted by themselves ("ill-conditioned").
"""

import argparse
import collections
import hashlib
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
BOUND = 1e-4
SKIPPED = 77

# Joins that once were wrong; each says what was.
FOUND = [
    # 7x7 was written as a number, though height and width were declared free: sizes that were tried changed
    # nothing behind a stride of 32.
    (["convnext"], "features.5.7.mul -> features.7.0.mul : max"),
]


def missing():
    """What of the references is not installed for this Python."""
    for module in ("numpy", "onnxruntime"):
        try:
            __import__(module)
        except ImportError:
            return f"Python's {module}"
    return None


def write_networks(python):
    """The folder of the networks, made where it is not there, or an explanation."""
    script = FOLDER / "thin_networks.py"
    digest = hashlib.sha256(script.read_bytes()).hexdigest()[:12]
    versions = subprocess.run([python, "-W", "ignore", script, "--versions"], capture_output=True, text=True)
    if versions.returncode != 0 and "No module named" in versions.stderr:
        print(f"SKIPPED: random joins need PyTorch and torchvision: {versions.stderr.strip().splitlines()[-1]}")
        sys.exit(SKIPPED)
    if versions.returncode != 0:
        sys.exit(versions.stderr)
    folder = ROOT / "build" / "thin_networks" / f"{digest}_{versions.stdout.strip()}"
    if not (folder / "complete").exists():
        done = subprocess.run([python, "-W", "ignore", script, folder], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        (folder / "complete").write_text(done.stdout)
    print((folder / "complete").read_text(), end="")
    return folder


class Driver:
    def __init__(self, program, networks):
        self.command = [program, networks]
        self.process = None

    def send(self, job):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        return {"step": "crash", "error": f"the driver died of {self.process.wait()}", "kind": "bug"}

    def ask(self, job):
        self.send(job)
        return self.answer()


def relative(have, want):
    """The largest difference relative to the largest magnitude; None where both are not finite alike."""
    import numpy as np

    if have.shape != want.shape or have.dtype != want.dtype:
        return float("inf")
    if want.size == 0:
        return 0.0
    if want.dtype == bool:
        return 0.0 if np.array_equal(have, want) else float("inf")
    finite = np.isfinite(want)
    if not np.array_equal(finite, np.isfinite(have)):
        return float("inf")
    if not finite.all():
        return None
    off = np.abs(want.astype(np.float64) - have).max()
    return float(off / np.abs(want).max()) if off > 0 else 0.0


class Session:
    def __init__(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, folder):
        import numpy as np

        inputs = [value.name for value in self.session.get_inputs()]
        return self.session.run(None, {name: np.load(folder / f"input_{i}.npy") for i, name in enumerate(inputs)})


def compare(answer, folder):
    """(what, why) of one join: "same", "not finite", "failed in …", "differs …"; and the largest error."""
    import numpy as np

    worst, finite = 0.0, True
    try:
        session = Session(folder / "joined.onnx")
    except Exception as error:
        return "failed in ONNX Runtime alone", str(error), worst
    for k, one in enumerate(answer["sets"]):
        at = " and ".join("x".join(map(str, sizes)) for sizes in one["sizes"])
        try:
            results = session.run(folder / str(k))
        except Exception as error:
            return "failed in ONNX Runtime alone", f"at {at}: {error}", worst
        for i, have in enumerate(results):
            error = relative(have, np.load(folder / str(k) / f"rung_{i}.npy"))
            if error is None:
                finite = False
                continue
            worst = max(worst, error)
            if not error <= BOUND:
                return "ONNX Runtime differs", f"at {at}, {answer['outputs'][i]}: {error:.1e}", error
        program = float(one.get("program", 0))
        worst = max(worst, program)
        if not program <= BOUND:
            return "the program differs", f"at {at}: {program:.1e}", program
    return "same" if finite else "not finite", "", worst


def is_ill_conditioned(driver, job, folder):
    """Whether float32 itself, in rung's own hands, is as far from float64."""
    import numpy as np

    answer = driver.ask({**job, "folder": str(folder), "exact": True})
    if "error" in answer:
        return False
    session = Session(folder / "joined.onnx")
    for k in range(len(answer["sets"])):
        for i, have in enumerate(session.run(folder / str(k))):
            exact = np.load(folder / str(k) / f"exact_{i}.npy")
            own = relative(np.load(folder / str(k) / f"rung_{i}.npy").astype(exact.dtype), exact)
            other = relative(have.astype(exact.dtype), exact)
            if own is None or other is None or not other <= max(BOUND, 10 * own):
                return False
    return True


def reason(error):
    """Why a join was refused, without the names that it speaks of."""
    lines = {line.split()[0]: line.strip() for line in error.splitlines() if line.strip()}
    text = lines["rule"][4:].strip() if "rule" in lines else error.splitlines()[0]
    if text.startswith("only maps"):
        source, target = (lines[end][lines[end].rfind("("):] for end in ("source", "target"))
        return f"{source} -> {target} cannot be joined"
    text = re.sub(r"^cannot join .* by (\w+): ", "", text)
    text = re.sub(r"'[^']*'", "…", text)
    return re.sub(r"\[[^\]]*\]|\d+", "…", text)[:110]


def judge(answer, folder):
    """(outcome, explanation, error)"""
    if "error" not in answer:
        return compare(answer, folder) if "sets" in answer else ("planned", "", 0)
    error = answer["error"]
    if answer["step"] == "join" and answer["kind"] != "bug":
        if "closes a loop" in error:
            return "closes a loop", error, 0
        return "refused", error, 0
    return f"failed in rung ({answer['step']})", error, 0


def first_wrong(driver, job, folder):
    """The first value of the join at which rung and ONNX Runtime part."""
    import numpy as np

    answer = driver.ask({**job, "folder": str(folder / "every"), "every": True})
    if "error" in answer:
        return f"with every value given out: {answer['error']}"
    session = Session(folder / "every" / "joined.onnx")
    for k, one in enumerate(answer["sets"]):
        try:
            results = session.run(folder / "every" / str(k))
        except Exception as error:
            return f"ONNX Runtime at {one['sizes']}: {error}"
        lines = []
        for i, name in enumerate(answer["outputs"]):
            if not name.startswith("every_"):
                continue
            error = relative(results[i], np.load(folder / "every" / str(k) / f"rung_{i}.npy"))
            if error is not None and not error <= BOUND:
                return f"first at {one['sizes']}: {name.split(':', 1)[1]} by {error:.1e}, after {lines[-3:]}"
            lines.append(f"{name.split(':', 1)[1]} {error if error is None else format(error, '.0e')}")
    return "no value differs when all are given out"


OUTCOMES = ["same", "planned", "not finite", "ill-conditioned", "closes a loop", "refused"]


def described(answer):
    return f"{' and '.join(answer['networks'])}: `{answer['skip']}`"


class Tally:
    def __init__(self):
        self.outcomes = collections.Counter()
        self.reasons = collections.defaultdict(list)
        self.held = []
        self.networks = collections.Counter()
        self.failures, self.doubtful = [], []
        self.worst = 0.0
        self.programs = False

    def add(self, job, answer, outcome, why, error):
        self.outcomes[outcome] += 1
        if outcome == "refused":
            self.reasons[reason(why)].append((job["seed"], answer))
        elif outcome in ("same", "not finite", "ill-conditioned"):
            self.worst = max(self.worst, error if outcome == "same" else 0)
            self.networks.update(set(answer["networks"]))
            self.programs = self.programs or "program" in answer["sets"][0]
            if outcome == "ill-conditioned":
                self.doubtful.append((job, answer, why))
            if answer["held"]:
                self.held.append((job["seed"], answer["held"]))
        elif outcome not in OUTCOMES:
            self.failures.append((job, answer, outcome, why))

    def take(self, other):
        """Counts what another process has seen."""
        self.outcomes += other.outcomes
        for why, cases in other.reasons.items():
            self.reasons[why] += cases
        self.held += other.held
        self.networks += other.networks
        self.failures += other.failures
        self.doubtful += other.doubtful
        self.worst = max(self.worst, other.worst)
        self.programs = self.programs or other.programs

    def joined(self):
        return sum(count for outcome, count in self.outcomes.items() if outcome not in ("closes a loop", "refused"))

    def text(self):
        open_pairs = sum(self.outcomes.values()) - self.outcomes["closes a loop"]
        lines = [f"drawn {sum(self.outcomes.values())}, closing a loop {self.outcomes['closes a loop']}, joined "
                 f"{self.joined()} of {open_pairs} ({100 * self.joined() / max(1, open_pairs):.1f} %), "
                 f"refused {self.outcomes['refused']}, the same {self.outcomes['same']} (largest error "
                 f"{self.worst:.1e}), not finite {self.outcomes['not finite']}, ill-conditioned "
                 f"{self.outcomes['ill-conditioned']}, a size held {len(self.held)}, "
                 f"wrong {len(self.failures)}"]
        for job, answer, why in self.doubtful:
            lines.append(f"  ill-conditioned: seed {job['seed']}, {described(answer)}: {why}")
        for why, cases in sorted(self.reasons.items(), key=lambda item: -len(item[1])):
            seed, answer = cases[0]
            lines.append(f"  refused {len(cases)}: {why}   (seed {seed}: {' and '.join(answer['networks'])}, "
                         f"{answer['skip']})")
        return "\n".join(lines)

    def table(self, options):
        drawn, loops = sum(self.outcomes.values()), self.outcomes["closes a loop"]
        share = 100 * self.joined() / max(1, drawn - loops)
        program = ", its compiled program" if self.programs else ""
        rows = [("drawn", drawn), ("closing a loop", loops),
                ("joined, of those that close none", f"{self.joined()} of {drawn - loops} ({share:.1f} %)"),
                ("the same everywhere", self.outcomes["same"]), ("their largest error", f"{self.worst:.1e}"),
                ("infinite, alike everywhere", self.outcomes["not finite"]),
                ("ill-conditioned: float32 itself is as far from float64", self.outcomes["ill-conditioned"]),
                ("differing, or failing in one alone", len(self.failures)),
                ("with a size that the file holds and says so", len(self.held))]
        text = INTRODUCTION.format(joins=options.joins, seed=options.seed,
                                   processes=options.processes, program=program,
                                   networks=", ".join(sorted(self.networks)))
        text += "".join(f"| {name} | {value} |\n" for name, value in rows)
        for job, answer, why in self.doubtful:
            text += f"\nIll-conditioned: seed {job['seed']}, {described(answer)}: {why}.\n"
        text += "\n| refused | because | an example |\n|---|---|---|\n"
        kinds = sorted(self.reasons.items(), key=lambda item: -len(item[1]))
        for why, cases in kinds[:KINDS]:
            _, answer = cases[0]
            text += f"| {len(cases)} | {why} | {' and '.join(answer['networks'])}: `{answer['skip']}` |\n"
        if rest := kinds[KINDS:]:
            text += f"| {sum(len(cases) for _, cases in rest)} | {len(rest)} more, each less often | |\n"
        return text


KINDS = 30  # of refusals, in the table
INTRODUCTION = """# Random joins over networks from elsewhere

Written by `tests/onnx/random_joins.py DRIVER --joins {joins} --seed {seed} --processes {processes} --write FILE`.
Each join draws one or two of torchvision's networks as PyTorch writes them as ONNX (all layers at a fraction of their
width, tests/onnx/thin_networks.py), two of their layers, and a merge, with default policies. The joined network is
exported, and rung{program} and ONNX Runtime run it at three sizes: the example's, one at which all that
follows a size changes, and an odd one. Outputs and the merged value may differ by 1e-4 of their largest magnitude.

A join of which ONNX Runtime gives more than that is run by rung in float64 too. It is counted as ill-conditioned, not
as the same and not as differing, where every output of ONNX Runtime is no farther from float64 than 1e-4 or ten times
what rung in float32 is. An error of rung that float64 shares would not be seen there: these joins are listed. A
difference between rung and its program is never excused.

Networks: {networks}.

| random joins | |
|---|---|
"""


def jobs_of(options):
    if options.skip:
        yield {"seed": options.seed, "networks": options.networks, "skip": options.skip}
        return
    if options.count is None and options.first:
        for networks, skip in FOUND:
            yield {"seed": 0, "networks": networks, "skip": skip}
    seed = options.seed
    while options.count is None or seed < options.seed + options.count:
        yield {"seed": seed}
        seed += options.step


def repeat(options, job, answer):
    command = f"tests/onnx/random_joins.py {options.driver} --seed {job['seed']}"
    if "skip" not in answer:
        return command + " --count 1"
    return f"{command} --networks {' '.join(answer['networks'])} --skip '{answer['skip']}'"


def run(options, networks, folder):
    """Asks for one join while the one before is compared; another driver answers what is asked once more."""
    driver, again = Driver(options.driver, networks), Driver(options.driver, networks)
    tally, waiting, start = Tally(), [], time.monotonic()
    jobs = jobs_of(options)
    while tally.joined() < options.joins:
        while len(waiting) < 2 and (job := next(jobs, None)):
            waiting.append({**job, "folder": str(folder / str(time.monotonic_ns())), "plan": options.plan})
            driver.send(waiting[-1])
        if not waiting:
            break
        job = waiting.pop(0)
        answer = driver.answer()
        path = pathlib.Path(job["folder"])
        outcome, why, error = judge(answer, path)
        if "skip" in job and outcome == "refused":
            outcome = "refused, and was not once"
        if outcome == "ONNX Runtime differs":
            job = {**job, "networks": answer["networks"], "skip": answer["skip"]}
            if is_ill_conditioned(again, job, path):
                outcome = "ill-conditioned"
        tally.add(job, answer, outcome, why, error)
        if options.verbose:
            print(f"{job['seed']} {'+'.join(answer.get('networks', []))} {answer.get('skip')}: {outcome} {error:.0e} "
                  f"{why.splitlines()[0] if why else ''}{answer.get('held') or ''}", flush=True)
        if outcome not in OUTCOMES:
            print(f"WRONG: {outcome}: {why}\n  again   {repeat(options, job, answer)}", flush=True)
        if answer["step"] == "crash":  # what was sent ahead is lost with it
            for lost in waiting:
                driver.send(lost)
        if not options.keep:
            shutil.rmtree(path, ignore_errors=True)
    for job in waiting:
        driver.answer()
        shutil.rmtree(job["folder"], ignore_errors=True)
    for job, answer, outcome, why in tally.failures[:5]:
        if "ONNX Runtime" in outcome:
            job = {**job, "networks": answer["networks"], "skip": answer["skip"]}
            print(f"{outcome}: {' and '.join(answer['networks'])}, {answer['skip']}\n  "
                  f"{first_wrong(again, job, folder)}", flush=True)
    print(f"{tally.text()}\n{time.monotonic() - start:.0f} s")
    return tally


def run_part(options, networks, part):
    options = argparse.Namespace(**{**vars(options), "seed": options.seed + part, "step": options.processes,
                                    "joins": -(-options.joins // options.processes), "first": part == 0})
    if options.keep:
        return run(options, networks, pathlib.Path(options.keep))
    with tempfile.TemporaryDirectory(prefix="rung_joins_") as folder:
        return run(options, networks, pathlib.Path(folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver", type=os.path.abspath)
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--joins", type=int, default=100, help="until so many were joined")
    parser.add_argument("--count", type=int, help="only so many draws")
    parser.add_argument("--plan", action="store_true", help="plan the joins, and run none")
    parser.add_argument("--networks", nargs="+", default=[], help="with --skip")
    parser.add_argument("--skip", help="this join instead of drawn ones")
    parser.add_argument("--processes", type=int, default=1, help="each takes every so many seeds")
    parser.add_argument("--keep", type=os.path.abspath, help="a folder for the files, which stay")
    parser.add_argument("--python", default=sys.executable, help="one with torchvision")
    parser.add_argument("--write", help="a file for the table")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every draw")
    options = parser.parse_args()
    if lacks := missing():
        print(f"SKIPPED: random joins need {lacks}")
        return SKIPPED
    networks = write_networks(options.python)
    tally = Tally()
    parts = [(options, networks, part) for part in range(options.processes)]
    with multiprocessing.Pool(options.processes) as pool:
        for one in pool.starmap(run_part, parts):
            tally.take(one)
    if options.processes > 1:
        print(tally.text())
    if options.write:
        pathlib.Path(options.write).write_text(tally.table(options))
    return 1 if tally.failures or not tally.joined() else 0


if __name__ == "__main__":
    sys.exit(main())
