"""The whole way: a network that PyTorch wrote is joined, trained and written as ONNX.

    whole_way.py RUNG nuclei | pt2 | csv     RUNG: the command as built

Exports the network (examples/onnx/export_networks.py), runs the example's recipe on the real data for
a moment (--set train.epochs=1 on few of them), converts what was trained to ONNX, and compares ONNX Runtime's
results of that file with rung's own, at three sizes. "The same" is 1e-4 of the output's largest magnitude.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import round_trip
from round_trip import onnx_runtime

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "onnx"

# Per part: the recipe, the network that it reads, its data below RUNG_DATA, and sizes to compare at, two of them
# never seen before.
PARTS = {
    "nuclei": ("nuclei_resnet.toml", "resnet", "resnet18.onnx", "dsb2018-nuclei",
               [(1, 3, 128, 128), (2, 3, 97, 131), (1, 3, 61, 200)]),
    "pt2": ("nuclei_resnet.toml", "resnet", "resnet18.pt2", "dsb2018-nuclei",
            [(1, 3, 128, 128), (2, 3, 97, 131), (1, 3, 61, 200)]),
    "csv": ("ett_lstm.toml", "net", "lstm.onnx", "ett-small", [(1, 96, 7), (3, 31, 7), (2, 7, 7)]),
}


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def few_nuclei(folder):
    """An index of 24 images for training and 4 each for validation and testing."""
    source = pathlib.Path(os.environ["RUNG_DATA"]) / "dsb2018-nuclei" / "index.csv"
    head, *rows = source.read_text().splitlines()
    columns = head.split(",")
    kinds = {}
    for row in rows:
        kinds.setdefault(row.split(",")[columns.index("split")], []).append(row)
    chosen = [row for kind, found in kinds.items() for row in found[:28 if kind == "train" else 4]]
    (folder / "index.csv").write_text("\n".join([head, *chosen]) + "\n")
    return ["--set", f"data.index={folder / 'index.csv'}"]


def compare(rung, trained, exported, shape, folder):
    import numpy as np

    given, own = folder / "x.npy", folder / "rung.npy"
    np.save(given, np.random.default_rng(1).random(shape).astype(np.float32))
    run(rung, "run", trained, "--input", given, "-o", own)
    want, have = np.load(own), onnx_runtime.Session(exported).run([np.load(given)])[0]
    if want.shape != have.shape:
        sys.exit(f"at {shape}: rung gives {want.shape}, ONNX Runtime {have.shape}")
    error = float(np.abs(want - have).max() / np.abs(want).max())
    print(f"{'x'.join(map(str, shape))}: {error:.1e}")
    if not error <= round_trip.BOUND:
        sys.exit(f"at {shape} ONNX Runtime's results differ from rung's by {error:.1e}")


def main():
    rung, part = sys.argv[1:]
    recipe, name, file, data, shapes = PARTS[part]
    if lacks := onnx_runtime.missing():
        print(f"SKIPPED: {lacks}")
        return round_trip.SKIPPED
    if not (pathlib.Path(os.environ.get("RUNG_DATA", "")) / data).is_dir():
        print(f"SKIPPED: RUNG_DATA has no {data}")
        return round_trip.SKIPPED
    with tempfile.TemporaryDirectory(prefix="rung_way_") as temporary:
        folder = pathlib.Path(temporary)
        run(sys.executable, EXAMPLES / "export_networks.py", folder)
        if not (folder / file).exists():
            print(f"SKIPPED: this PyTorch writes no {file}")
            return round_trip.SKIPPED
        few = few_nuclei(folder) if data == "dsb2018-nuclei" else ["--set", "data.split=[600, 200, 200]"]
        print(run(rung, "train", EXAMPLES / recipe, "--set", f"models.{name}.file={folder / file}", "--set",
                  "train.epochs=1", "--set", f"train.out={folder / 'out'}", *few, "--explain"))
        trained, exported = folder / "out" / "best.rung", folder / "joined.onnx"
        print(run(rung, "convert", trained, exported))
        import onnx

        onnx.checker.check_model(str(exported), full_check=True)
        for shape in shapes:
            compare(rung, trained, exported, shape, folder)
        restored = run(rung, "diff", trained, exported)  # names, skips and weights are all in the file
        print(restored)
    return 0


if __name__ == "__main__":
    sys.exit(main())
