"""ONNX files, written field by field: no package is needed, and nothing stops one from being wrong."""

from case import floats, proto

FLOAT, UINT8, INT64, STRING = 1, 2, 7, 8


def field(number, *values):
    """A field of a message, once per value; numbers below 0 as protobuf has them."""
    return proto(*((number, value % (1 << 64) if isinstance(value, int) else value) for value in values))


def tensor(name, dims, raw=None, dtype=FLOAT, numbers=(), external=None):
    out = field(1, *dims) + field(2, dtype) + field(8, name) + field(7, *numbers)
    if raw is not None:
        out += field(9, raw)
    if external is not None:
        out += b"".join(field(13, field(1, key) + field(2, str(value))) for key, value in external.items())
        out += field(14, 1)
    return out


def value(name, dims=None, dtype=FLOAT):
    """An input or output; a size may be a name."""
    shape = b"" if dims is None else field(2, b"".join(
        field(1, field(2, size) if isinstance(size, str) else field(1, size)) for size in dims))
    return field(1, name) + field(2, field(1, field(1, dtype) + shape))


def attribute(name, content):
    """A whole number, a list of them, or a graph (bytes)."""
    if isinstance(content, int):
        return field(1, name) + field(3, content) + field(20, 2)
    if isinstance(content, bytes):
        return field(1, name) + field(6, content) + field(20, 5)
    return field(1, name) + field(8, *content) + field(20, 7)


def node(op, inputs, outputs, name="", domain="", **attributes):
    return (field(1, *inputs) + field(2, *outputs) + field(3, name or op.lower()) + field(4, op) +
            field(5, *(attribute(key, content) for key, content in attributes.items())) + field(7, domain))


def graph(nodes, inputs=(), outputs=("y",), weights=()):
    return (field(1, *nodes) + field(2, "net") + field(5, *weights) + field(11, *inputs) +
            field(12, *(value(name) for name in outputs)))


def function(name, nodes, inputs, outputs, domain="own"):
    return field(1, name) + field(4, *inputs) + field(5, *outputs) + field(7, *nodes) + field(10, domain)


def model(content, functions=(), opset=17):
    return field(1, 8) + field(7, content) + field(8, field(2, opset)) + field(25, *functions)


X = value("x", [1, 3, 8, 8])
W = tensor("conv.weight", [4, 3, 3, 3], floats(108))
CONV = node("Conv", ["x", "conv.weight"], ["y"], name="/conv/Conv", pads=[1, 1, 1, 1])


def network(nodes=(CONV,), inputs=(X,), outputs=("y",), weights=(W,), **more):
    """A file; by default one convolution, which works."""
    return model(graph(nodes, inputs, outputs, weights), **more)
