#!/usr/bin/env python3
"""PyTorch's two exporters give the same network in rung: layers, names of weights, results.

    exporters.py RUNG               one network of each family
    exporters.py RUNG --all         all of TORCHVISION below
    exporters.py RUNG --only TEXT   those whose name holds TEXT

Each network is exported by torch.onnx.export with dynamo=False and with dynamo=True. The layers that stand for PyTorch's
modules must be the same taps, and the weights must have the same names. With the program beside RUNG that has LibTorch,
both files' results are compared with PyTorch's at up to three sizes: 1e-4 of the largest magnitude. Batch norms are
kept by both exporters or absorbed by both, as the newer one does it. Skips, and says so, where PyTorch or onnxscript is
missing, or PyTorch has no exporter for programs of torch.export.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

BOUND = 1e-4
SKIPPED = 77
SIZES = [(2, 3, 64, 64), (1, 3, 65, 97), (3, 3, 96, 79)]
FIXED = [(2, 3, 224, 224), (3, 3, 224, 224)]
TORCHVISION = ["resnet18", "mobilenet_v3_small", "densenet121", "efficientnet_b0", "regnet_x_400mf", "shufflenet_v2_x0_5",
               "squeezenet1_1", "convnext_tiny", "googlenet", "vit_b_32", "swin_t", "lraspp_mobilenet_v3_large"]
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

    out = {"blocks": (Blocks, SIZES)}
    # The newer exporter of PyTorch 2.6 keeps a linear layer's weight as it is, and the older one turns it round: two
    # weights that must not have one name.
    if version(torch) >= (2, 9):
        out["tokens"] = (Tokens, [(n, 3, 64, 64) for n in (2, 1, 3)])
    return out


def version(torch):
    return tuple(int(part) for part in torch.__version__.split(".")[:2])


def torchvision_networks():
    try:
        import torch
        import torchvision
    except ImportError:
        return {}

    class Results(torch.nn.Module):  # segmentation networks give a dictionary
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            return tuple(self.network(x).values())

    def make(name):
        more = {"googlenet": {"init_weights": False, "aux_logits": False}}.get(name, {})
        if "lraspp" in name:
            return Results(torchvision.models.get_model(name, weights=None, weights_backbone=None))
        return torchvision.models.get_model(name, weights=None, **more)

    fixed = ("vit", "swin")
    return {name: (lambda name=name: make(name), FIXED if name.startswith(fixed) else SIZES) for name in TORCHVISION}


def random_statistics(network):
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):  # zeros are left out by one exporter
            parameter.data.normal_(0, 0.1)
    for key, buffer in network.named_buffers():
        if key.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)


def export_newer(network, example, free, path):
    """The exporter of torch.export's programs; whether it kept batch norms."""
    import torch
    from onnxscript import ir, optimizer

    shapes = {axis: torch.export.Dim.AUTO for axis in free}
    program = torch.export.export(network, (example,), dynamic_shapes=(shapes,), strict=False)
    written = torch.onnx.export(program, dynamo=True, input_names=["input"], optimize=False, verbose=False)
    # What the exporter's own optimisation does, without its rewriting: versions of onnxscript differ
    # in which batch norms that absorbs, and would not be compared for more than that.
    optimizer.fold_constants(written.model)
    optimizer.remove_unused_nodes(written.model)
    kept = False
    for node in written.model.graph:
        kept = kept or node.op_type == "BatchNormalization"
        for key, value in list(node.attributes.items()):  # Debian's protobuf takes no bool for an int
            if isinstance(getattr(value, "value", None), bool):
                node.attributes[key] = ir.Attr(key, ir.AttributeType.INT, int(value.value))
    written.save(str(path))
    return kept


def export_older(network, example, free, path, keep_norms):
    import torch

    mode = torch.onnx.TrainingMode.PRESERVE if keep_norms else torch.onnx.TrainingMode.EVAL
    options = {"dynamo": False} if "dynamo" in torch.onnx.export.__code__.co_varnames else {}
    torch.onnx.export(network, example, str(path), opset_version=17, input_names=["input"], training=mode,
                      dynamic_axes={"input": {axis: f"axis{axis}" for axis in free}}, **options)


def call(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr).strip()[-400:]}")
    return done.stdout


def layers_and_weights(rung, path, modules, folder):
    """The taps that are PyTorch's modules, and the names of the weights."""
    import safetensors.numpy

    rows = call(rung, "show", path, "--taps", "*").splitlines()[2:]
    taps = {row.split()[0] for row in rows if row.strip()}
    weights = folder / "weights.safetensors"
    call(rung, "convert", path, weights)
    return taps & modules, set(safetensors.numpy.load_file(str(weights)))


def check(name, make, sizes, rung):
    import numpy as np
    import torch

    torch.manual_seed(1)
    network = make().eval()
    random_statistics(network)
    modules = {path for path, _ in network.named_modules() if path}
    free = [axis for axis in range(4) if len({shape[axis] for shape in sizes}) > 1]
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="rung_exporters_") as temporary:
        folder = pathlib.Path(temporary)
        example = torch.randn(sizes[0])
        kept = export_newer(network, example, free, folder / "newer.onnx")
        export_older(network, example, free, folder / "older.onnx", kept)
        newer, older = (layers_and_weights(rung, folder / f"{kind}.onnx", modules, folder) for kind in ("newer", "older"))
        for what, ours, theirs in zip(("layers", "weights"), newer, older):
            if ours != theirs or not ours:
                only = sorted(ours - theirs), sorted(theirs - ours)
                raise RuntimeError(f"{what}: only the newer exporter's {only[0][:8]}, only the older's {only[1][:8]}")
        for shape in sizes:
            x = torch.randn(shape)
            np.save(folder / "x.npy", x.numpy())
            with torch.no_grad():
                want = network(x)
            want = (want[0] if isinstance(want, tuple) else want).numpy()
            for kind in ("newer", "older"):
                results = folder / "y.safetensors"
                call(rung, "run", folder / f"{kind}.onnx", "--input", folder / "x.npy", "-o", results)
                have = next(iter(sorted(safetensors_of(results).items())))[1]
                if have.shape != want.shape:
                    raise RuntimeError(f"{kind} at {shape}: {have.shape}, not {want.shape}")
                worst = max(worst, float(np.abs(have - want).max() / np.abs(want).max()))
    if not worst <= BOUND:
        raise RuntimeError(f"results differ by {worst:.1e}")
    return {"name": name, "layers": len(newer[0]), "weights": len(newer[1]), "error": f"{worst:.0e}"}


def safetensors_of(path):
    import safetensors.numpy

    return safetensors.numpy.load_file(str(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rung")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    try:
        import onnxscript  # noqa: F401
        import safetensors  # noqa: F401
        import torch
    except ImportError as error:
        print(f"SKIPPED: {error} (script/peers --tests)")
        return SKIPPED
    if version(torch) < (2, 6):
        print(f"SKIPPED: PyTorch {torch.__version__} has no exporter for programs of torch.export")
        return SKIPPED
    torch.set_num_threads(1)
    found = torchvision_networks()
    if not found:
        print("SKIPPED in part: no networks of torchvision (python3-torchvision)")
    found = {**own_networks(), **found}
    failed = 0
    for name, (make, sizes) in found.items():
        quick = name not in TORCHVISION or name in QUICK
        if options.only not in name or not (quick or options.all or options.only):
            continue
        try:
            print(json.dumps(check(name, make, sizes, options.rung)), flush=True)
        except Exception as error:  # whatever goes wrong is said of this network
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
