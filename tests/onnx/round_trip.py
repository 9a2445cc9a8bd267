"""Networks there and back: an ONNX file is read, run, written, run in ONNX Runtime and read again.

    round_trip.py TOOL                      one network of each family
    round_trip.py TOOL --all                all of networks.py: takes an hour
    round_trip.py TOOL --only TEXT          those whose name holds TEXT
    round_trip.py TOOL --all --write FILE   and the table of results, docs/onnx_networks.md

TOOL is the program of round_trip.cpp. For every network, at three sizes where sizes are free:
rung's results of the file are those of ONNX Runtime; the file that rung writes passes onnx.checker
with shape inference, and ONNX Runtime's results of it are rung's; read again by the graph in its
metadata, it is the same network, and by its nodes, one that gives the same results. "The same" is
1e-4 of the largest magnitude of the output.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "support"))
import onnx_runtime  # noqa: E402

BOUND = 1e-4
SKIPPED = 77


class Failed(Exception):
    pass


class Trip:
    """One network; `result` holds what the table says of it."""

    def __init__(self, network, tool, folder):
        self.network, self.tool, self.folder = network, tool, pathlib.Path(folder)
        self.result = {"name": network.name}

    def call(self, *arguments):
        shapes, numbers = [], []
        if not self.model.startswith("zoo:"):
            shapes = [f"--shape={name}={'x'.join(map(str, shape))}"
                      for name, shape in zip(self.free_inputs, self.network.sets[0])]
            numbers = [f"--number={name}={self.folder / name}.npy" for name in self.network.numbers]
        options = [part for option in (*shapes, *numbers) for part in option.split("=", 1)]
        options += ["--opset", str(self.network.opset)]
        done = subprocess.run([self.tool, self.model, self.folder, *options, *arguments], capture_output=True,
                              text=True)
        if done.returncode != 0:
            raise Failed(done.stderr.strip() or f"the tool died of {-done.returncode}")
        return json.loads(done.stdout)

    def in_onnxruntime(self, model, prefix, inputs):
        """Runs a file on every set; the names of its inputs."""
        try:
            session = onnx_runtime.Session(model)
            for k in range(len(self.network.sets)):
                session.run_files([self.folder / path.format(k) for path in inputs],
                                  self.folder / f"set_{k}" / prefix)
        except Exception as error:  # ONNX Runtime's own are many
            raise Failed(f"ONNX Runtime: {str(error)[:500]}") from error
        return session.inputs

    def write_inputs(self):
        import numpy as np

        random = np.random.default_rng(7)
        for name, value in self.network.numbers.items():
            np.save(self.folder / f"{name}.npy", np.asarray(value, np.int64))
        for k, shapes in enumerate(self.network.sets):
            (self.folder / f"set_{k}").mkdir()
            for i, shape in enumerate(shapes):
                drawn = random.random(shape) if self.network.unit else random.standard_normal(shape)
                np.save(self.folder / f"set_{k}" / f"input_{i}.npy", drawn.astype(np.float32))

    def error(self, got, expected, exactly=False):
        """Of all sets and outputs, the largest difference relative to the output's magnitude."""
        import numpy as np

        worst = 0.0
        for k in range(len(self.network.sets)):
            folder = self.folder / f"set_{k}"
            names = sorted(folder.glob(f"{expected}_*.npy"))
            if not names or len(names) != len(list(folder.glob(f"{got}_*.npy"))):
                raise Failed(f"{got}: another number of outputs than {expected}")
            for path in names:
                want, have = np.load(path), np.load(folder / path.name.replace(expected, got))
                if want.shape != have.shape or want.dtype != have.dtype:
                    raise Failed(f"{got}: {have.dtype}{have.shape}, not {want.dtype}{want.shape}")
                if not (np.isfinite(want).all() and np.isfinite(have).all()) or (want.size > 8 and np.ptp(want) == 0):
                    raise Failed(f"{path.stem} cannot be compared: infinite, or the same everywhere")
                difference = np.abs(want.astype(np.float64) - have).max() / np.abs(want).max()
                worst = max(worst, float(difference))
                if exactly and not np.array_equal(want, have):
                    raise Failed(f"{got} differs from {expected} by {difference:.1e}")
        if worst > BOUND:
            raise Failed(f"{got} differs from {expected} by {worst:.1e}")
        return worst

    def make_original(self):
        name, make = self.network.name, self.network.make
        if name.startswith("zoo:"):
            self.model, self.original = name, None
            return
        self.original = make if isinstance(make, pathlib.Path) else self.folder / "original.onnx"
        if callable(make):
            make(self.original)
        self.model = str(self.original)
        self.result["bytes"] = self.original.stat().st_size

    def read_names(self):
        import onnx

        if self.original is None:
            self.free_inputs, self.original_inputs = [], []
            return
        graph = onnx.load(str(self.original), load_external_data=False).graph
        weights = {tensor.name for tensor in graph.initializer}
        self.original_inputs = [v.name for v in graph.input if v.name not in weights]
        self.free_inputs = [name for name in self.original_inputs if name not in self.network.numbers]

    def run(self):
        import onnx

        self.make_original()
        self.read_names()
        self.write_inputs()
        inputs = [f"set_{{}}/input_{i}.npy" for i in range(len(self.network.sets[0]))]
        if self.original is not None:
            given = [f"{name}.npy" if name in self.network.numbers else
                     inputs[self.free_inputs.index(name)] for name in self.original_inputs]
            self.in_onnxruntime(self.original, "original", given)
        self.step("import")
        first = self.call()
        self.result["seconds"] = first["seconds"]
        if first["held"]:
            self.result["held"] = "; ".join(first["held"])
        self.step("run")
        done = self.call("--set", str(len(self.network.sets)))
        if self.original is not None:
            self.result["import"] = self.error("rung", "original")
        self.step("check")
        exported = self.folder / "export.onnx"
        onnx.checker.check_model(str(exported), full_check=True)
        self.step("export")
        names = self.in_onnxruntime(exported, "exported", inputs)
        self.result["export"] = self.error("exported", "rung")
        self.step("re-import")
        if names != [value["name"] for value in done["inputs"]]:
            raise Failed(f"the exported file calls its inputs {names}")
        if done["restored"]:
            raise Failed(f"the restored network has {done['restored']}")
        self.error("restored", "rung", exactly=True)
        self.result["again"] = self.error("again", "rung")

    def step(self, name):
        self.result["step"] = name


def trip(index, tool, keep):
    import networks

    network = networks.networks()[index]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rung_trip_") as folder:
        one = Trip(network, tool, keep or folder)
        try:
            one.step("original")
            one.run()
        except Exception as error:  # whatever goes wrong is said of this network
            newer = "need LibTorch 2.3 or newer" in str(error)  # 8-bit floats
            one.result["skipped" if newer else "failed"] = f"{one.result['step']}: {error}"
    one.result["time"] = time.monotonic() - start
    return one.result


def sizes(network):
    return ", ".join(dict.fromkeys(" and ".join("x".join(map(str, shape)) for shape in shapes)
                                   for shapes in network.sets))


INTRODUCTION = """# Networks through ONNX, there and back

Written by `tests/onnx/round_trip.py TOOL {all}--write docs/onnx_networks.md`, which says what is compared{scope}.
Errors are the largest difference over all outputs and sizes, relative to the output's largest
magnitude: *import* is rung against ONNX Runtime {version} on the same file, *export* is ONNX Runtime on
the file that rung writes against rung, *again* is rung on the nodes of that file. A dash: rung's own
network, of which there is no other file. Networks of torchvision have random weights and statistics; PyTorch 1.13
cannot export its swin_v2 ones.

| network | sizes of the inputs | import | export | again |
|---|---|---|---|---|
"""


def table(selected, results, all_of_them):
    text = INTRODUCTION.replace("{version}", onnx_runtime.version())
    text = text.replace("{all}", "--all " if all_of_them else "")
    text = text.replace("{scope}", "" if all_of_them else "; with `--all`, also the larger networks of each family")
    for network, result in zip(selected, results):
        cells = [f"{result[key]:.0e}" if key in result else "–" for key in ("import", "export", "again")]
        if "failed" in result:
            cells[-1] = "failed: " + result["failed"].splitlines()[0].replace("|", "\\|")
        text += f"| {network.name} | {sizes(network)} | {' | '.join(cells)} |\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tool")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--write")
    parser.add_argument("--keep", help="a folder for the files of the one network")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if lacks := onnx_runtime.missing():
        print(f"SKIPPED: round trips need {lacks}")
        return SKIPPED
    import networks

    found = networks.networks()
    for group in ("torchvision:", "silero"):
        if not any(group in network.name for network in found):
            print(f"SKIPPED in part: no networks of {group} (python3-torchvision; RUNG_DATA)")
    chosen = [i for i, network in enumerate(found)
              if options.only in network.name and (network.quick or options.all or options.only)]
    chosen.sort(key=lambda i: not found[i].quick)  # one of each family first
    results = {}
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        jobs = {pool.submit(trip, i, str(pathlib.Path(options.tool).resolve()), options.keep): i for i in chosen
                if not found[i].heavy}
        for job in concurrent.futures.as_completed(jobs):
            results[jobs[job]] = job.result()
            print(json.dumps(job.result()), flush=True)
    for i in chosen:
        if found[i].heavy:
            results[i] = trip(i, str(pathlib.Path(options.tool).resolve()), options.keep)
            print(json.dumps(results[i]), flush=True)
    chosen.sort()
    ordered = [results[i] for i in chosen]
    failed = [result for result in ordered if "failed" in result]
    if options.write:
        pathlib.Path(options.write).write_text(table([found[i] for i in chosen], ordered, options.all))
    for result in failed:
        print(f"FAILED {result['name']}: {result['failed']}")
    skipped = [result for result in ordered if "skipped" in result]
    for result in skipped:
        print(f"SKIPPED in part: {result['name']}: {result['skipped']}")
    print(f"{len(ordered) - len(failed) - len(skipped)} of {len(ordered)} networks")
    return 1 if failed or not ordered else 0


if __name__ == "__main__":
    sys.exit(main())
