"""What the reference programs share: files that rung reads, and the need for PyTorch.

A case is two safetensors files in the output folder:
  CASE.safetensors      the state dict
  CASE.run.safetensors  x, y, dy, and grad/NAME of loss = sum(y * dy) for x and every weight
or, where PyTorch raises, CASE.error.txt with the exception.
"""

import json
import pathlib
import struct
import sys

try:
    import torch
except ImportError as missing:
    print(f"no PyTorch to compare with: {missing}", file=sys.stderr)
    sys.exit(77)

DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL"}


def save_safetensors(path, tensors):
    header, blobs, offset = {}, [], 0
    for name, tensor in tensors.items():
        blob = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {
            "dtype": DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        dtype = next(dtype for dtype, text in DTYPES.items() if text == entry["dtype"])
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=dtype).reshape(entry["shape"])
    return tensors


def folder():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} OUTPUT_FOLDER")
    return pathlib.Path(sys.argv[1])


def run_case(name, module, x, gradients=True):
    """Writes the case; an exception of PyTorch's is written instead of the results."""
    save_safetensors(folder() / f"{name}.safetensors", module.state_dict())
    x.requires_grad_(gradients)
    try:
        with torch.set_grad_enabled(gradients):
            y = module(x)
    except RuntimeError as error:
        (folder() / f"{name}.error.txt").write_text(str(error))
        return
    results = {"x": x, "y": y}
    if gradients:
        results["dy"] = torch.randn_like(y)
        (y * results["dy"]).sum().backward()
        results["grad/x"] = x.grad
        results |= {f"grad/{key}": weight.grad for key, weight in module.named_parameters()}
    save_safetensors(folder() / f"{name}.run.safetensors", results)
