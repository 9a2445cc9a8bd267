"""Loads what rung saved, CASE.pth and CASE.safetensors, strictly; compares with rung's outputs.

CASE.rung.safetensors holds the input x and rung's output y.
"""

import sys

from reference import folder, load_safetensors, torch
from torchvision_networks import NETWORKS, models

for name in NETWORKS:
    run = load_safetensors(folder() / f"{name}.rung.safetensors")
    for state in [torch.load(folder() / f"{name}.pth"), load_safetensors(folder() / f"{name}.safetensors")]:
        network = getattr(models, name)(weights=None, num_classes=10).eval()
        network.load_state_dict(state, strict=True)
        with torch.no_grad():
            y = network(run["x"])
        error = (y - run["y"]).abs().max() / y.abs().max()
        if not error <= 1e-4:
            sys.exit(f"{name}: rung's output differs by {error}")

types = torch.load(folder() / "types.pth")
want = {"bf16": torch.bfloat16, "bool": torch.bool, "f16": torch.float16, "f32": torch.float32, "f64": torch.float64,
        "i16": torch.int16, "i32": torch.int32, "i64": torch.int64, "i8": torch.int8, "u8": torch.uint8}
if list(types) != sorted(want):
    sys.exit(f"types.pth holds {list(types)}")
for name, tensor in types.items():
    if tensor.dtype != want[name] or tensor.double().tolist() != [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]:
        sys.exit(f"{name} became {tensor}")
