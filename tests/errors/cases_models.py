"""Networks: built-in ones and files."""

import json
import struct

from case import CONV, WEIGHT, X, Case, floats, folder, graph, link_to, png, rung_file, safetensors, torch_zip

TITLE = "Networks and their files"


def broken(mistake, message, content, more=(), code=2, command="rung show net.rung"):
    return Case(mistake, command, message, files={"net.rung": content}, more=more, code=code)


GOOD = rung_file()
DEEP = b"[" * 200000


def flipped(at):
    """One bit of the good file is the other way round."""
    return GOOD[:at] + bytes([GOOD[at] ^ 0x10]) + GOOD[at + 1 :]


def graph_of(*nodes, **more):
    return rung_file(graph(nodes, **more), tensors={})


def with_op(op, inputs=("x",), name="n"):
    return graph_of(X, {"name": name, "op": op, "inputs": list(inputs)}, outputs=[])


def input_of(shape, dtype="f32", roles=None):
    kind = {"dtype": dtype, "shape": shape, "roles": ["?"] * len(shape) if roles is None else roles}
    return graph_of({"name": "x", "op": {"op": "Input", "type": kind}}, outputs=[{"name": "y", "value": "x"}])


CASES = [
    Case("an unknown built-in network", "rung show zoo:resnet19", "there is no built-in network 'resnet19'; nearest: resnet18, resnet34, resnet50"),
    Case("zoo: without a name", "rung show zoo:", "there is no built-in network ''; nearest: mlp, lstm, unet"),
    Case("a built-in network without zoo:", "rung show resnet18", "there is no file 'resnet18'; the built-in network is zoo:resnet18"),
    Case("an unknown setting", "rung show zoo:resnet18 --set clases=10", "zoo:resnet18 has no setting 'clases'; it has in, classes, size"),
    Case("a setting without its value", "rung show zoo:resnet18 --set classes", "--set 'classes': the form is --set KEY=VALUE"),
    Case("a setting out of range", "rung show zoo:resnet18 --set classes=0", "zoo:resnet18: classes = '0' is not a whole number from 1 to 1000000"),
    Case("a setting that is no number", "rung show zoo:resnet18 --set classes=many", "zoo:resnet18: classes = 'many' is not a whole number from 1 to 1000000"),
    Case("a setting with a number behind 64 bits", "rung show zoo:resnet18 --set classes=99999999999999999999", "zoo:resnet18: classes = '99999999999999999999' is not a whole number from 1 to 1000000"),
    Case("a choice that does not exist", "rung show zoo:skip_net --set block=mul", "zoo:skip_net: block = 'mul' is not one of add, concat, none"),
    Case("a size in another form", "rung show zoo:resnet18 --set size=224,224", "zoo:resnet18: size = '224,224' is not a size such as 224 or 225x319 (height x width), each from 1 to 16384"),
    Case("a size too small for the network", "rung show zoo:densenet121 --set size=8", "zoo:densenet121: size = '8' is not a size such as 224 or 225x319 (height x width), each from 29 to 16384"),
    Case("a setting given twice", "rung show zoo:resnet18 --set classes=10 --set classes=20", "--set gives 'classes' twice"),
    Case("a network that no machine holds", "rung show zoo:mlp --set width=65536 --set hidden=1000", "zoo:mlp with these settings has 4.29 T weights; more than 2.15 G are surely a mistake"),
    Case("--set for a file", "rung show net.rung --set classes=10", "--set classes=10: 'net.rung' is a file; only built-in networks (zoo:NAME) have settings", files={"net.rung": GOOD}),
    Case("a file that is not there", "rung show net.rung", "cannot read net.rung: No such file or directory"),
    Case("a folder instead of a file", "rung show net.rung", "cannot read net.rung: it is a folder, not a file", files={"net.rung": folder}),
    Case("a link that leads to itself", "rung show net.rung", "cannot read net.rung: Too many levels of symbolic links", files={"net.rung": link_to("net.rung")}),
    Case("a device instead of a file", "rung show /dev/zero", "cannot read /dev/zero: it is a device or pipe, not a file"),
    broken("an empty file", "net.rung is empty, not a network", b""),
    broken("a text instead of a network", "net.rung is a text file, not a network", b"rung", more=("networks  zoo:NAME, and .rung, .onnx, .pt (TorchScript) and .pt2 files",)),
    broken("a file of a few bytes", "net.rung is not a safetensors file: it has only 4 bytes", b"\x01\x02\x03\x04"),
    broken("a picture instead of a network", "net.rung is a PNG picture, not a network", png(4, 4)),
    broken("a PyTorch checkpoint instead of a network", "net.rung is a PyTorch checkpoint (torch.save): weights, not a network", torch_zip("data.pkl", "data/0"),
           more=("load them into one: rung run MODEL --weights net.rung", "torch.onnx.export")),
    broken("weights without a graph", "net.rung holds weights but no graph; a model file is made by rung (`rung join -o`), bare weights are loaded into one with --weights", safetensors({"w": ("F32", [2], floats(2))})),
    broken("a file cut within its header", "net.rung is cut short: its header has 612 bytes, the file only 200", GOOD[:200]),
    broken("a file cut within its weights", "net.rung is cut short: tensor 'conv.weight' ends at byte 432 of its data, which has 392", GOOD[:-40]),
    broken("a file with bytes behind its end", "net.rung is not valid: 4 bytes behind its last tensor belong to none", GOOD + b"more"),
    broken("a flipped bit in the header's length", "net.rung is cut short: its header has 4708 bytes, the file only 1052", flipped(1)),
    broken("a flipped bit in the header's text", "the header of net.rung is not valid JSON: parse error at line 1, column 2: syntax error while parsing object key - unexpected number literal; expected string literal", flipped(9)),
    broken("a header of 2^60 bytes", "net.rung is not a safetensors file: its header would have 1152921504606846976 bytes (at most 100000000)", struct.pack("<Q", 1 << 60) + GOOD[8:]),
    broken("a header that is no JSON", "the header of net.rung is not valid JSON: parse error at line 1, column 2: syntax error while parsing object key - invalid literal; last read: '{''; expected string literal", safetensors(header=b"{'a': 1}")),
    broken("a header that is a list", "net.rung: the header must be a JSON object", safetensors(header=b"[]")),
    broken("a header nested 200 000 deep", "the header of net.rung is not valid: JSON nested deeper than 64 levels", safetensors(header=DEEP)),
    broken("tensors that overlap", "net.rung is not valid: tensors 'a' and 'b' overlap", safetensors(header={
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, body=bytes(12))),
    broken("bytes that belong to no tensor", "net.rung is not valid: 4 bytes before tensor 'a' belong to none", safetensors(header={
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, body=bytes(12))),
    broken("a tensor that ends before it begins", "tensor 'a' of net.rung begins at 8, behind its end 0", safetensors(header={
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}, body=bytes(8))),
    broken("offsets that are no numbers", "\"data_offsets\" of tensor 'a' of net.rung must hold whole numbers >= 0, not a string", safetensors(header={
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, "8"]}}, body=bytes(8))),
    broken("a tensor of the wrong length", "tensor 'a' of net.rung is f32[3], but holds 8 bytes", safetensors(header={
        "a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, body=bytes(8))),
    broken("a tensor of 2^62 elements", "tensor 'a' of net.rung: shape [2147483648, 2147483648] has too many elements", safetensors(header={
        "a": {"dtype": "F32", "shape": [1 << 31, 1 << 31], "data_offsets": [0, 8]}}, body=bytes(8))),
    broken("a tensor of an unknown dtype", "tensor 'a' of net.rung has dtype 'F8_E8M0', which rung lacks", safetensors(header={
        "a": {"dtype": "F8_E8M0", "shape": [8], "data_offsets": [0, 8]}}, body=bytes(8)), code=3),
    broken("a file of a later version", "net.rung has version '2' of the model file; this rung reads version 1", rung_file(version="2")),
    broken("a graph that is no JSON", "the graph of net.rung is not valid JSON: parse error at line 1, column 2: syntax error while parsing object key - unexpected end of input; expected string literal", rung_file(text="{")),
    broken("a graph that is a number", "the graph of net.rung must be a JSON object, not number", rung_file(text="7")),
    broken("a graph without nodes", "net.rung is broken: the graph lacks \"nodes\"", rung_file(text=json.dumps({"model": ""}))),
    broken("a node without a name", "net.rung is broken: node 0 of the graph lacks \"name\"", graph_of({"op": {"op": "relu"}})),
    broken("a node without an op", "net.rung is broken: node 'n' lacks \"op\"", graph_of({"name": "n"})),
    broken("an unknown op", "net.rung is broken: node 'n': unknown op 'Convolution'; the nearest are Conv, Attention, Concat", with_op({"op": "Convolution"})),
    broken("an unknown attribute", "net.rung is broken: node 'n': Conv has no attribute 'strides'; its attributes are stride, padding, dilation, groups, pad_mode", with_op({"op": "Conv", "strides": [2]})),
    broken("an attribute of the wrong type", "net.rung is broken: node 'n': attribute stride of Conv: \"two\" is not a list", with_op({"op": "Conv", "stride": "two"})),
    broken("an attribute beyond 64 bits", "net.rung is broken: node 'n': attribute stride of Conv: 1e+300 is not a whole number of 64 bits", with_op({"op": "Conv", "stride": [1e300]})),
    broken("two nodes of one name", "net.rung is broken: two nodes are named 'x'", graph_of(X, X)),
    broken("a node that reads itself", "net.rung is broken: input 0 of node 'n' is 'n', but no node before it has that name", with_op({"op": "relu"}, ["n"])),
    broken("a node that reads a later one", "net.rung is broken: input 1 of node 'conv' is 'conv.weight', but no node before it has that name", graph_of(X, CONV, WEIGHT)),
    broken("an output of a node that it does not have", "net.rung is broken: input 0 of node 'n' is 'x:1', but that node has 1 output", with_op({"op": "relu"}, ["x:1"])),
    broken("inputs that are no list", "net.rung is broken: \"inputs\" of node 'n' must be a list", graph_of(X, {"name": "n", "op": {"op": "relu"}, "inputs": "x"})),
    broken("a convolution without its weight", "net.rung is broken: node 'n': Conv of (f32[N, 3, 8, 8]) does not work", with_op({"op": "Conv"})),
    broken("a kernel larger than the map", "net.rung is broken: node 'conv': Conv of (f32[N, 3, 8, 8], f32[4, 3, 9, 9]) does not work", graph_of(
        X, {"name": "w", "op": {"op": "Param", "shape": [4, 3, 9, 9]}},
        {"name": "conv", "op": {"op": "Conv"}, "inputs": ["x", "w"]})),
    broken("a weight for other channels", "net.rung is broken: node 'conv': Conv of (f32[N, 3, 8, 8], f32[4, 5, 3, 3]) does not work", graph_of(
        X, {"name": "w", "op": {"op": "Param", "shape": [4, 5, 3, 3]}},
        {"name": "conv", "op": {"op": "Conv"}, "inputs": ["x", "w"]})),
    broken("a stride of zero", "net.rung is broken: node 'conv': Conv(stride=[0]) of (f32[N, 3, 8, 8], f32[4, 3, 3, 3]) does not work", graph_of(X, WEIGHT, {**CONV, "op": {"op": "Conv", "stride": [0]}})),
    broken("a reshape that does not fit", "net.rung is broken: node 'n': Reshape(shape=[7, -1]) of (f32[N, 3, 8, 8]) does not work", with_op({"op": "Reshape", "shape": [7, -1]})),
    broken("an axis that is not there", "net.rung is broken: node 'n': Softmax(axis=4) of (f32[N, 3, 8, 8]) does not work", with_op({"op": "Softmax", "axis": 4})),
    broken("a scale that is no number", "net.rung is broken: node 'n': attribute scale of Resize: \"NaN\" is not a number", with_op({"op": "Resize", "scale": ["NaN", 1]})),
    broken("a negative size", "net.rung is broken: node 'x': attribute type of Input: shape [1, -3] has a negative size", input_of([1, -3])),
    broken("an input larger than any memory", "net.rung is broken: node 'x': attribute type of Input: shape [1099511627776, 1099511627776] has too many elements", input_of([1 << 40, 1 << 40])),
    broken("more roles than axes", "net.rung is broken: node 'x': attribute type of Input: 3 roles for shape [1, 3]; there must be one per axis", input_of([1, 3], roles=["batch", "channel", "space"])),
    broken("an unknown role", "net.rung is broken: node 'x': attribute type of Input: unknown axis role 'colour'; the roles are ?, batch, channel, space, time, feature", input_of([1, 3], roles=["batch", "colour"])),
    broken("an unknown dtype in the graph", "net.rung is broken: node 'x': attribute type of Input: \"f128\" is not one of f32, f64, f16, bf16, i8, u8, i16, i32, i64, bool, u16, u32, u64, f8_e4m3, f8_e4m3fnuz, f8_e5m2, f8_e5m2fnuz", input_of([1, 3], dtype="f128")),
    broken("two outputs of one name", "net.rung is broken: two outputs are named 'y'", graph_of(X, outputs=[{"name": "y", "value": "x"}] * 2)),
    broken("an output of an unknown node", "net.rung is broken: output 'y' is 'z', but no node before it has that name", graph_of(X, outputs=[{"name": "y", "value": "z"}])),
    broken("a skip's note on an unknown node", "net.rung is broken: skip 0 of the graph lacks \"widened\"", graph_of(X, outputs=[], skips=[{"name": "skip1"}])),
    broken("a weight that is not in the graph", "net.rung: tensor 'other' is not a weight of the graph", rung_file(
        tensors={"other": ("F32", [2], floats(2))})),
    broken("a weight of another shape", "weight 'conv.weight' is f32[108], but the network needs f32[4, 3, 3, 3]", rung_file(tensors={"conv.weight": ("F32", [108], floats(108))})),
    broken("a weight of another dtype", "weight 'conv.weight' is f16[4, 3, 3, 3], but the network needs f32[4, 3, 3, 3]", rung_file(tensors={"conv.weight": ("F16", [4, 3, 3, 3], bytes(216))})),
    Case("a picture without a name", "rung show net.rung --svg ''", "cannot write a file without a name", files={"net.rung": GOOD}),
    Case("a picture of another kind", "rung show net.rung --svg net.png", "--svg 'net.png': the picture is written as .svg", files={"net.rung": GOOD}),
    Case("a picture into a folder that is not there", "rung show net.rung --svg out/net.svg", "cannot write out/net.svg: No such file or directory",
         files={"net.rung": GOOD}),
    Case("a picture onto a folder", "rung show net.rung --svg net.svg", "cannot write net.svg: it is a folder",
         files={"net.rung": GOOD, "net.svg": folder}),
    Case("a picture on a full disk", "rung show net.rung --svg net.svg", "cannot write net.svg: File too large; nothing was changed", files={"net.rung": GOOD},
         file_bytes=100),
    Case("a glob that matches no tap", "rung show net.rung --taps 'layer*'", "no tap matches 'layer*'; the nearest names are conv, x", files={"net.rung": GOOD}),
]
