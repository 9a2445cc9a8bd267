"""ONNX files."""

from case import Case, floats, folder, link_to, png
from onnx_file import CONV, INT64, STRING, W, X, function, graph, model, network, node, tensor, value

TITLE = "ONNX files"
GOOD = network()


def broken(mistake, message, content, code=2, files=None, **more):
    return Case(mistake, "rung show net.onnx", message, files={"net.onnx": content, **(files or {})}, code=code, **more)


def weight(*arguments, **more):
    return network(weights=[tensor("conv.weight", *arguments, **more)])


def outside(mistake, location, message, files=None, dims=(4, 3, 3, 3), **entries):
    """A weight whose numbers lie in another file."""
    content = network(weights=[tensor("conv.weight", dims, external={"location": location, **entries})])
    return broken(mistake, message, content, files=files)


def nested(depth):
    """A branch within a branch within …"""
    body = other = graph([node("Relu", ["x"], ["z"])], outputs=["z"])
    for level in range(depth):
        inner = node("If", ["yes"], [f"z{level}"], name=f"level{level}", then_branch=body, else_branch=other)
        body = graph([inner], outputs=[f"z{level}"])
    return body


def branches(depth):
    yes = node("Equal", ["one", "one"], ["yes"])
    outer = node("If", ["yes"], ["y"], name="outer", then_branch=nested(depth), else_branch=nested(0))
    return network(nodes=[yes, outer], weights=[tensor("one", [], dtype=INT64, numbers=[1])])


RECURSIVE = function("Again", [node("Again", ["a"], ["b"], domain="own")], ["a"], ["b"])
TURNS = tensor("turns", [], dtype=INT64, numbers=[10**12])
BODY = graph([node("Relu", ["carried"], ["next"])], [value("turn"), value("more"), value("carried")], ["more", "next"])
HUGE = tensor("sizes", [2], dtype=INT64, numbers=[10**9, 10**9])

CASES = [
    Case("an ONNX file that is not there", "rung show net.onnx", "cannot read net.onnx: No such file or directory"),
    Case("a folder called .onnx", "rung show net.onnx", "cannot read net.onnx: it is a folder, not a file", files={"net.onnx": folder}),
    broken("a picture called .onnx", "net.onnx is a PNG picture, not a network", png(4, 4)),
    broken("an ONNX file that was cut short", "net.onnx is no ONNX model, or is cut short", GOOD[:-150]),
    broken("an ONNX file with a bit the other way round", "net.onnx is no ONNX model, or is cut short", GOOD[:3] + bytes([GOOD[3] ^ 0x40]) + GOOD[4:]),
    broken("an ONNX file without outputs", "net.onnx: the network has no output", network(outputs=[])),
    broken("an output that no node makes", "net.onnx: no node makes the output 'z'", network(outputs=["z"])),
    broken("a weight that is missing", "net.onnx: node '/conv/Conv' (Conv): it reads 'conv.weight', which no node before it makes, and which is neither an input nor an initializer", network(weights=[])),
    broken("nodes in a circle", "net.onnx: node 'relu' (Relu): it reads 'b', which no node before it makes, and which is neither an input nor an initializer", network(nodes=[node("Relu", ["b"], ["a"]), node("Sigmoid", ["a"], ["b"]), node("Add", ["a", "b"], ["y"])])),
    broken("two weights of one name", "net.onnx: two tensors of the file are called 'conv.weight'", network(weights=[W, W])),
    broken("two nodes that make one tensor", "net.onnx: node 'relu' (Relu): two tensors of the file are called 'y'", network(nodes=[CONV, node("Relu", ["x"], ["y"])])),
    broken("a weight with fewer bytes than its shape needs", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight' has 428 bytes, and f32[4, 3, 3, 3] needs 432", weight([4, 3, 3, 3], floats(107))),
    broken("a weight with more numbers than its shape needs", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight' has 5 numbers, and its shape [4] needs 4", weight([4], dtype=INT64, numbers=range(5))),
    broken("a weight larger than any memory", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': shape [1099511627776, 1048576] has too many elements", weight([1 << 40, 1 << 20], floats(4))),
    broken("a weight whose number of elements has no 64 bits", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': shape [1099511627776, 1099511627776] has too many elements", weight([1 << 40, 1 << 40], floats(4))),
    broken("a weight with a size below 0", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': a size of -3", weight([4, -3, 3, 3], floats(108))),
    broken("a weight with a thousand axes", "net.onnx: node '/conv/Conv' (Conv): Param: the output has 1000 axes, more than 64", weight([1] * 1000, floats(1))),
    broken("a weight of text", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight' is of type STRING, which rung lacks", weight([1], dtype=STRING), code=3),
    broken("an ONNX input larger than any memory", "net.onnx: node '/conv/Conv' (Conv): Conv: input 0: shape [1099511627776, 3, 1048576, 8] has too many elements", network(inputs=[value("x", [1 << 40, 3, 1 << 20, 8])])),
    broken("an input whose shape the file does not say", "net.onnx: the file does not say the shape of the input 'x'; give an example's", network(inputs=[value("x")])),
    broken("a convolution of other channels", "net.onnx: node '/conv/Conv' (Conv): Conv: weight [4, 3, 3, 3] expects 3 channels per group, x f32[N, 5, 8, 8] has 5; the second size of the weight must be channels / groups", network(inputs=[value("x", [1, 5, 8, 8])])),
    outside("external data in the folder above", "../weights.bin", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': its external data '../weights.bin' lies outside of the model's folder"),
    outside("external data at an absolute path", "/etc/passwd", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': its external data '/etc/passwd' is no path within the model's folder"),
    outside("external data that leads outside by a link", "weights.bin", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': its external data 'weights.bin' lies outside of the model's folder", files={"weights.bin": link_to("/etc/passwd")}),
    outside("external data that is not there", "weights.bin", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': its external data 'weights.bin' is no file, or cannot be read"),
    outside("external data that was cut short", "weights.bin", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': its external data 'weights.bin' ends at byte 400, and bytes 0 to 432 are needed", files={"weights.bin": floats(100)}),
    outside("external data that begins behind its end", "weights.bin", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': its external data 'weights.bin' ends at byte 432, and bytes 1000000000000000 to 1000000000000432 are needed", files={"weights.bin": floats(108)}, offset=10**15),
    outside("external data at a place that is no number", "weights.bin", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': 'here' is no place in a file", files={"weights.bin": floats(108)}, offset="here"),
    outside("external data of another length", "weights.bin", "net.onnx: node '/conv/Conv' (Conv): tensor 'conv.weight': its external data 'weights.bin' is 400 bytes long, and 432 are needed", files={"weights.bin": floats(108)}, length=400),
    broken("branches within each other", "net.onnx is no ONNX model, or is cut short", branches(90)),
    broken("a function that calls itself", "net.onnx: node 'again' (Again): functions and branches within each other more than 64 times", network(nodes=[node("Again", ["x"], ["y"], domain="own")], functions=[RECURSIVE])),
    broken("a loop of 10^12 turns", "net.onnx: node 'loop' (Loop): a loop of 4097 turns; up to 4096 are written out", network(nodes=[node("Loop", ["turns", "", "x"], ["y"], body=BODY)], weights=[TURNS]), code=3),
    broken("10^18 numbers that are worked out in advance", "net.onnx: node 'constantofshape' (ConstantOfShape): shape [1000000000, 1000000000] has too many elements", network(nodes=[node("ConstantOfShape", ["sizes"], ["y"])], weights=[HUGE])),
    broken("operators that rung lacks", "net.onnx: node 'frobnicate' (Frobnicate): rung has no such operator; of this file, it lacks Frobnicate, Fry", network(nodes=[node("Frobnicate", ["x"], ["a"]), node("Fry", ["a"], ["y"], name="/fry")]), code=3),
    broken("an operator of another domain", "net.onnx: node 'fusedconv' (FusedConv): an operator of the domain 'com.microsoft'", network(nodes=[node("FusedConv", ["x"], ["y"], domain="com.microsoft")]), code=3),
    broken("a branch that data decides", "net.onnx: node 'if' (If): a branch that data decides; its condition must be known when the file is read", network(nodes=[node("If", ["x"], ["y"], then_branch=nested(0), else_branch=nested(0))]), code=3),
]
