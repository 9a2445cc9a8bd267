#!/usr/bin/env python3
"""The files that PyTorch writes of a network, ONNX by both exporters and .pt2, are the same network in rung.

    exporters.py RUNG                     small networks, and two of torchvision's
    exporters.py RUNG --all               every network of torchvision for classification and segmentation
    exporters.py RUNG --only NAME …       networks of these names
    exporters.py RUNG --all --write FILE  and the table of results, docs/exporters.md; networks that were not run
                                          keep their rows
    exporters.py RUNG --keep FOLDER       keeps the files there, and takes those that are there already

Each network is written by torch.onnx.export with dynamo=False ("older") and with dynamo=True ("newer"; "default": with
onnxscript's rewriting, which absorbs batch norms, and weights in a file beside it, some networks only; "newest": the
same at the newest opset, the small ones only), and by torch.export.save (".pt2"). Of all but the rewritten ones, the layers that stand for
PyTorch's modules must be the same taps, and the weights must have the same names. With the program
beside RUNG that has LibTorch, every file's results are compared with PyTorch's at three sizes where sizes are free, and so
are ONNX Runtime's of the file that rung writes of it: 1e-4 of the largest magnitude. Batch norms are kept by both
exporters or absorbed by both, as the newer one does it. Skips, and says so, where PyTorch or onnxscript is missing, or
PyTorch has no exporter for programs of torch.export.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import networks  # noqa: E402
import onnx_runtime  # noqa: E402
import torch_files  # noqa: E402

BOUND = 1e-4
SKIPPED = 77
KINDS = {"older": ".onnx", "newer": ".onnx", "default": ".onnx", "newest": ".onnx", "pt2": ".pt2"}
QUICK = ["resnet18", "shufflenet_v2_x0_5"]


def own_networks():
    """Small ones, with what the exporters write differently."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width_in, width):
            super().__init__()
            self.conv1 = nn.Conv2d(width_in, width, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1)
            self.relu = nn.ReLU()
            self.skip = nn.Conv2d(width_in, width, 1)

        def forward(self, x):
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.conv2(y) + self.skip(x))

    class Blocks(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(Block(3, 8), Block(8, 8))
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(self.pool(self.layers(x)).flatten(1))

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, 16, 16, 16)
            self.norm = nn.LayerNorm(16)
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
            self.fc = nn.Linear(16, 4)

        def forward(self, x):
            t = self.norm(self.patches(x).flatten(2).transpose(1, 2))
            t = t + self.attention(t, t, t, need_weights=False)[0]
            return self.fc((t + self.mlp(t)).mean(1))

    return {"blocks": (Blocks, networks.IMAGES), "tokens": (Tokens, [(n, 3, 64, 64) for n in (2, 1, 3)])}


def all_networks():
    """By name: a function that makes it, and sizes of its input."""

    def make_one(name):
        return lambda: networks.torchvision_network(name)

    found = own_networks()
    return found | {name: (make_one(name), networks.sizes_of(name)) for name in networks.torchvision_names()}


def random_biases(network):
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):  # zeros are left out by one exporter
            parameter.data.normal_(0, 0.1)


def call(*command):
    """On one thread: much is run, and little at a time."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode != 0:
        said = (done.stdout + done.stderr).replace(str(pathlib.Path(command[-1]).parent) + "/", "")
        raise RuntimeError(f"rung {command[1]}: {said.strip()[-400:]}")
    return done.stdout


def first_line(error):
    """Of what PyTorch says first, where it wraps that into advice."""
    while error.__cause__:
        error = error.__cause__
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


class Check:
    """One network in every form; `result` holds what the table says of it."""

    def __init__(self, name, make, sizes, rung, folder):
        import torch

        self.name, self.rung, self.folder, self.sizes = name, rung, folder, sizes
        self.result = {"name": name, "sizes": ["x".join(map(str, shape)) for shape in sizes]}
        torch.manual_seed(networks.SEED)
        self.network = make().eval()
        networks.random_statistics(self.network)
        random_biases(self.network)
        without = ("Dropout", "Identity", "StochasticDepth")  # those that compute nothing when it runs
        self.modules = {path for path, module in self.network.named_modules()
                        if path and not type(module).__name__.startswith(without)}
        self.examples = [torch.randn(shape) for shape in sizes]
        self.free = torch_files.free_axes(sizes)

    def file(self, kind):
        return self.folder / f"{kind}{KINDS[kind]}"

    def write_files(self):
        """The kinds that PyTorch writes; of those, which axes are free, and what it says where it cannot."""
        notes = self.folder / "files.json"
        if not notes.exists():
            kinds = ["pt2", "newer"]
            kinds += ["default"] * (self.name in [*own_networks(), *QUICK]) + ["newest"] * (self.name in own_networks())
            self.written = {kind: self.write(kind) for kind in kinds}
            self.written["older"] = self.write_older()
            notes.write_text(json.dumps(self.written))
        self.written = json.loads(notes.read_text())
        for kind, (free, error) in self.written.items():
            if error:
                self.result.setdefault("notes", {})[kind] = f"PyTorch: {error}"
        return [kind for kind, (free, _) in self.written.items() if free is not None]

    def write(self, kind):
        """By way of torch.export: with all axes free, or the batch alone where PyTorch cannot; the free ones, and its
        error."""
        write, error = getattr(torch_files, f"write_{kind}"), None
        for axes in (tuple(self.free), (0,)):
            try:  # PyTorch 2.6 takes a free size for a number when it writes a program the second time
                program = torch_files.export_program(self.network, self.examples[0], axes)
                free = sorted(torch_files.kept_free(program))
                write(program, self.file(kind))
                return free, error
            except Exception as raised:  # PyTorch's own are many
                error = error or first_line(raised)
        return None, error

    def write_older(self):
        keeps_norms = not self.file("newer").exists() or torch_files.keeps_norms(self.file("newer"))
        try:
            torch_files.write_older(self.network, self.examples[0], self.free, self.file("older"), keeps_norms)
            return sorted(self.free), None
        except Exception as error:  # PyTorch's own are many
            return None, first_line(error)

    def layers_and_weights(self, kind):
        """The taps that are PyTorch's modules, and the names of the weights."""
        import safetensors

        start = time.monotonic()
        network = self.folder / f"{kind}.rung"
        call(self.rung, "convert", self.file(kind), network)
        self.result.setdefault("seconds", {})[kind] = round(time.monotonic() - start, 1)
        rows = call(self.rung, "show", network, "--taps", "*").splitlines()[2:]
        with safetensors.safe_open(str(network), "np") as file:
            weights = set(file.keys())
        return {row.split()[0] for row in rows if row.strip()} & self.modules, weights

    def compare_names(self, read):
        """`read`: layers and weights by kind."""
        kinds = [kind for kind in ("newer", "older", "pt2") if kind in read]
        self.result |= {"layers": len(read[kinds[0]][0]), "weights": len(read[kinds[0]][1])}
        for what, place in (("layers", 0), ("weights", 1)):
            for kind in kinds[1:]:
                ours, theirs = read[kinds[0]][place], read[kind][place]
                if ours != theirs or not ours:
                    only = sorted(ours - theirs)[:8], sorted(theirs - ours)[:8]
                    raise RuntimeError(f"{what}: only {kinds[0]} has {only[0]}, only {kind} {only[1]}")

    def takes(self, kind, shape):
        """Whether PyTorch left the axes free in which this shape is another than the example's."""
        return all(axis in self.written[kind][0] for axis in self.free if shape[axis] != self.sizes[0][axis])

    def error_of(self, what, have, want):
        import numpy as np

        if len(have) != len(want):
            raise RuntimeError(f"{what}: {len(have)} outputs, not {len(want)}")
        worst = 0.0
        for ours, theirs in zip(have, want):
            if ours.shape != theirs.shape:
                raise RuntimeError(f"{what}: {ours.shape}, not {theirs.shape}")
            if not np.isfinite(theirs).all() or np.ptp(theirs) == 0:
                raise RuntimeError(f"{what} cannot be compared: infinite, or the same everywhere")
            worst = max(worst, float(np.abs(ours - theirs).max() / np.abs(theirs).max()))
        if not worst <= BOUND:
            raise RuntimeError(f"{what} differs from PyTorch's by {worst:.1e}")
        return worst

    def expected(self, x):
        import torch

        with torch.no_grad():
            want = self.network(x)
        return [tensor.numpy() for tensor in (want if isinstance(want, tuple) else [want])]

    def compare_results(self, kind):
        """rung's results of the file, and ONNX Runtime's of the file that rung writes."""
        import numpy as np
        import safetensors.numpy

        network, exported = self.folder / f"{kind}.rung", self.folder / f"{kind}.rung.onnx"
        call(self.rung, "convert", network, exported)
        session = onnx_runtime.Session(exported)
        errors = [0.0, 0.0]
        for x in self.examples:
            shape = tuple(x.shape)
            if not self.takes(kind, shape):
                continue
            want = self.expected(x)
            np.save(self.folder / "x.npy", x.numpy())
            results = self.folder / "y.safetensors"
            call(self.rung, "run", network, "--threads", "1", "--input", self.folder / "x.npy", "-o", results)
            have = safetensors.numpy.load_file(str(results))
            errors[0] = max(errors[0], self.error_of(f"{kind} at {shape}", [have[key] for key in session.outputs], want))
            in_onnxruntime = session.run([x.numpy()])
            errors[1] = max(errors[1], self.error_of(f"the export of {kind} at {shape}", in_onnxruntime, want))
        self.result[kind] = [f"{error:.0e}" for error in errors]
        held = [name for axis, name in self.free.items() if axis not in self.written[kind][0]]
        if held:
            self.result.setdefault("held", {})[kind] = held

    def run(self):
        read = {}
        for kind in self.write_files():
            self.attempt(kind, lambda: read.update({kind: self.layers_and_weights(kind)}))
        self.attempt("names", lambda: self.compare_names(read))
        for kind in read:
            self.attempt(kind, lambda: self.compare_results(kind))
        return self.result

    def attempt(self, kind, part):
        """What goes wrong with one file is said of that, and the others are compared all the same."""
        try:
            part()
        except Exception as error:  # ONNX Runtime's own are many
            self.result.setdefault("failed", {})[kind] = str(error)


def check(name, make, sizes, rung, keep):
    with tempfile.TemporaryDirectory(prefix="rung_exporters_") as temporary:
        folder = pathlib.Path(keep or temporary) / name
        folder.mkdir(exist_ok=True)
        return Check(name, make, sizes, rung, folder).run()


def missing():
    """What of the references is not installed for this Python."""
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
        import safetensors  # noqa: F401
        import torch
    except ImportError as error:
        return f"{error} (script/peers --tests)"
    if torch_files.version(torch) < (2, 6):
        return f"PyTorch {torch.__version__} has no exporter for programs of torch.export"
    torch.set_num_threads(1)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rung")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--write")
    parser.add_argument("--keep", help="a folder for the files")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    if lacks := missing():
        print(f"SKIPPED: {lacks}")
        return SKIPPED
    found = all_networks()
    if not networks.torchvision_names():
        print("SKIPPED in part: no networks of torchvision (python3-torchvision)")
    quick = [*own_networks(), *QUICK]
    chosen = options.only or (list(found) if options.all else [name for name in found if name in quick])
    results = []
    for name in chosen:
        try:
            results.append(check(name, *found[name], options.rung, options.keep))
            print(json.dumps(results[-1]), flush=True)
        except Exception as error:  # whatever goes wrong is said of this network
            results.append({"name": name, "failed": {"all": f"{type(error).__name__}: {error}"}})
        for kind, error in results[-1].get("failed", {}).items():
            print(f"FAILED {name}, {kind}: {error}", flush=True)
    if options.write:
        import exporters_table

        exporters_table.write(options.write, results)
    return 1 if any("failed" in result for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
