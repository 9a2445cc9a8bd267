"""Loads what rung saved, CASE.pth and CASE.safetensors, strictly; compares with rung's outputs.

CASE.rung.safetensors holds the input x and rung's output y.
"""

import sys

try:
    from safetensors.torch import load_file
except ImportError:
    load_file = None

from reference import folder, load_safetensors, torch
from torchvision_networks import NETWORKS, models
from types_of_torch import TYPES

for name in NETWORKS:
    run = load_safetensors(folder() / f"{name}.rung.safetensors")
    states = [torch.load(folder() / f"{name}.pth", weights_only=True)]
    states += [load(folder() / f"{name}.safetensors") for load in (load_safetensors, load_file) if load]
    for state in states:
        network = getattr(models, name)(weights=None, num_classes=10).eval()
        network.load_state_dict(state, strict=True)
        with torch.no_grad():
            y = network(run["x"])
        error = (y - run["y"]).abs().max() / y.abs().max()
        if not error <= 1e-4:
            sys.exit(f"{name}: rung's output differs by {error}")

files = {"types.pth": torch.load(folder() / "types.pth", weights_only=True)}
if load_file:
    files["types.safetensors"] = load_file(folder() / "types.safetensors")
for file, types in files.items():
    if sorted(types) != sorted(TYPES):
        sys.exit(f"{file} holds {list(types)}")
    for name, tensor in types.items():
        if tensor.dtype != TYPES[name] or tensor.double().tolist() != [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]:
            sys.exit(f"{file}: {name} became {tensor}")
