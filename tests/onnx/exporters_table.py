"""The table of what tests/onnx/exporters.py found, docs/exporters.md."""

import pathlib
import re

import networks

INTRODUCTION = """# Networks in the files of today's PyTorch

Written by `tests/onnx/exporters.py RUNG --all --write docs/exporters.md`, which says what is compared (a run of some
networks, `--only`, writes their rows and leaves the others, so rows may be of several runs). *older* is ONNX by `torch.onnx.export(dynamo=False)`,
*newer* by `dynamo=True` without onnxscript's rewriting, *default* with it, *.pt2* is `torch.export.save`. Two errors a
file: rung's results beside PyTorch's, and ONNX Runtime's of the file that rung writes, each the largest difference over
all outputs and sizes relative to the output's largest magnitude. Layers and weights have the same names in all but the
rewritten file, whose batch norms are part of other layers. Weights and statistics are random. A dash: not written; the
rewritten file is compared for a few networks only.

{versions}

| network | sizes of the input | layers | weights | older | newer | default | .pt2 |
|---|---|---:|---:|---|---|---|---|
"""
KINDS = ("older", "newer", "default", "pt2")


def message(text):
    """The first line, without paths."""
    line = text.splitlines()[0]
    line = re.sub(r"^.*\.(onnx|pt2|rung): ", "", line)
    return re.sub(r"[./\w]*/\w+\.(cpp|h):\d+: ", "", line)[:300]


def cell(result, kind):
    """Errors, axes that PyTorch's program has as numbers, and what PyTorch said of an export."""
    parts = [" / ".join(result[kind])] if kind in result else []
    if kind in result.get("held", {}):
        parts.append(", ".join(result["held"][kind]) + " held")
    if kind in result.get("failed", {}):
        parts.append("**failed**: " + message(result["failed"][kind]))
    if kind in result.get("notes", {}):
        parts.append(message(result["notes"][kind]))
    return "; ".join(parts).replace("|", "\\|") or "–"


def row(result):
    sizes = ", ".join(result.get("sizes", []))
    if "names" in result.get("failed", {}):
        sizes += "; **names differ**: " + message(result["failed"]["names"])
    cells = [result["name"], sizes, str(result.get("layers", "")), str(result.get("weights", ""))]
    return "| " + " | ".join(cells + [cell(result, kind) for kind in KINDS]) + " |"


def versions():
    import onnxruntime
    import onnxscript
    import torch

    vision = ""
    try:
        import torchvision

        vision = f", torchvision {torchvision.__version__}"
    except ImportError:
        pass
    return (f"PyTorch {torch.__version__}{vision}, onnxscript {onnxscript.__version__}, "
            f"ONNX Runtime {onnxruntime.__version__}.")


def write(path, results):
    """Rows of other networks stay as they are."""
    path = pathlib.Path(path)
    rows = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if (found := re.match(r"\| (\w+) \|", line)) and found[1] != "network":
                rows[found[1]] = line
    rows |= {result["name"]: row(result) for result in results}
    text = INTRODUCTION.replace("{versions}", versions()) + "\n".join(rows[name] for name in sorted(rows)) + "\n"
    if left := [name for name in networks.torchvision_names() if name not in rows]:
        text += f"\nNot run: {', '.join(left)}.\n"
    path.write_text(text)
