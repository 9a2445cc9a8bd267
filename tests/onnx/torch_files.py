"""The files that PyTorch writes of a network: ONNX by both of its exporters, and .pt2."""


def version(torch):
    return tuple(int(part) for part in torch.__version__.split(".")[:2])


def free_axes(shapes):
    """The axes of an input that differ between these shapes, by name."""
    usual = ["batch", "", "height", "width"]
    names = {axis: usual[axis] if axis < len(usual) else "" for axis in range(len(shapes[0]))}
    return {axis: name or f"axis{axis}" for axis, name in names.items() if len({shape[axis] for shape in shapes}) > 1}


def export_program(network, example, free):
    """torch.export's program of it, with these axes of its input free."""
    import torch

    shapes = {axis: torch.export.Dim.AUTO for axis in free}
    with torch.no_grad():
        return torch.export.export(network, (example,), dynamic_shapes=(shapes,), strict=False)


def kept_free(program):
    """The axes of its input that PyTorch did not take for a number."""
    (name,) = program.graph_signature.user_inputs
    value = next(node.meta["val"] for node in program.graph.nodes if node.name == name)
    return {axis for axis, size in enumerate(value.shape) if not isinstance(size, int)}


def write_pt2(program, path):
    import torch

    torch.export.save(program, str(path))


def write_newer(program, path):
    """By the exporter of torch.export's programs (dynamo=True), without onnxscript's rewriting."""
    import torch
    from onnxscript import optimizer

    written = torch.onnx.export(program, dynamo=True, input_names=["input"], optimize=False, verbose=False)
    # What the exporter's own optimisation does, without its rewriting: versions of onnxscript differ
    # in which batch norms that absorbs, and would not be compared for more than that.
    optimizer.fold_constants(written.model)
    optimizer.remove_unused_nodes(written.model)
    save(written, path)


def keeps_norms(path):
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    return any(node.op_type == "BatchNormalization" for node in graph.node)


def write_default(program, path, **options):
    """The same as users call it: with onnxscript's rewriting, and weights in a file beside it (PATH.data)."""
    import torch

    torch.onnx.export(program, (), str(path), dynamo=True, external_data=True, input_names=["input"], verbose=False,
                      **options)


def write_newest(program, path):
    """The same at the newest opset that the exporters of PyTorch 2.6 and 2.13 write."""
    write_default(program, path, opset_version=25)


def save(written, path):
    from onnxscript import ir

    for node in written.model.graph:
        for key, value in list(node.attributes.items()):  # Debian's protobuf takes no bool for an int
            if isinstance(getattr(value, "value", None), bool):
                node.attributes[key] = ir.Attr(key, ir.AttributeType.INT, int(value.value))
    written.save(str(path))


def write_older(network, example, free, path, keep_norms):
    """By the exporter of TorchScript (dynamo=False)."""
    import torch

    mode = torch.onnx.TrainingMode.PRESERVE if keep_norms else torch.onnx.TrainingMode.EVAL
    options = {"dynamo": False} if "dynamo" in torch.onnx.export.__code__.co_varnames else {}
    torch.onnx.export(network, example, str(path), opset_version=17, input_names=["input"], training=mode,
                      dynamic_axes={"input": free}, **options)
