"""rung join."""

from case import CONV, WEIGHT, X, Case, folder, graph, rung_file

TITLE = "rung join"
ENC_DEC = "rung join enc=zoo:resnet18_encoder dec=zoo:decoder --explain"


def skip(mistake, text, message, network="zoo:resnet18", more=(), **other):
    return Case(mistake, f"rung join {network} --explain --skip '{text}'", message, more=more, **other)


INT = graph([{"name": "i", "op": {"op": "Input", "type": {"dtype": "i64", "shape": [1, 7], "roles": ["batch", "time"]}}},
             X, WEIGHT, CONV], outputs=[{"name": "y", "value": "conv"}, {"name": "z", "value": "i"}])
NO_ROLES = graph([{"name": "x", "op": {"op": "Input", "type": {"dtype": "f32", "shape": [4, 8, 8], "roles": ["?"] * 3}}},
                  {"name": "a", "op": {"op": "relu"}, "inputs": ["x"]},
                  {"name": "b", "op": {"op": "relu"}, "inputs": ["a"]}], outputs=[{"name": "y", "value": "b"}])
TWO = graph([X, WEIGHT, CONV, {"name": "two.a", "op": {"op": "relu"}, "inputs": ["x"]},
             {"name": "two.b", "op": {"op": "tanh"}, "inputs": ["x"]}],
            outputs=[{"name": "y", "value": "conv"}, {"name": "a", "value": "two.a"}, {"name": "b", "value": "two.b"}])

CASES = [
    skip("an unknown tap", "layr1 -> layer3", "unknown tap 'layr1'; the nearest names are 'layer1', 'layer2', 'layer3'"),
    skip("an unknown target", "layer1 -> layer9", "unknown tap 'layer9'; the nearest names are 'layer1', 'layer2', 'layer3'"),
    skip("a weight as a tap", "conv1.weight -> layer3", "tap 'conv1.weight' is a weight or a constant; taps are the values that layers compute"),
    skip("a tap's output that is not there", "conv1:1 -> layer3", "tap 'conv1:1': 'conv1' has 1 value(s) that leave it, so the last port is 0"),
    skip("an ambiguous tap", "two -> conv", "tap 'two' is ambiguous: 2 values leave it; name one of", network="net.rung", files={"net.rung": rung_file(TWO, {})}),
    skip("a skip without an arrow", "layer1 : add", "'layer1 : add' has no '->'; the form is 'FROM -> TO : MERGE, key=value, …'"),
    skip("a skip with one end", "layer1 ->", "'layer1 ->' names only one end; the form is 'FROM -> TO : MERGE, key=value, …'"),
    skip("a skip with two arrows", "layer1 -> layer2 -> layer3", "'layer1 -> layer2 -> layer3' has two '->'; the form is 'FROM -> TO : MERGE, key=value, …'"),
    skip("a skip with nothing behind its colon", "layer1 -> layer3 :", "'layer1 -> layer3 :' is not complete; the form is 'FROM -> TO : MERGE, key=value, …'"),
    skip("a policy without its value", "layer1 -> layer3 : add, align", "'layer1 -> layer3 : add, align': 'align' is no key=value; the form is 'FROM -> TO : MERGE, key=value, …'"),
    skip("a policy given twice", "layer1 -> layer3 : add, align=none, align=auto", "'layer1 -> layer3 : add, align=none, align=auto': align is given twice"),
    skip("a skip's name that no tap can have", "layer1 -> layer3 : add, name=my skip", "cannot join layer1 -> layer3 by add: name = 'my skip'"),
    skip("an empty skip", "", "'' has no '->'; the form is 'FROM -> TO : MERGE, key=value, …'"),
    skip("an unknown merge", "layer1 -> layer3 : plus", "unknown merge 'plus'; the merges are add, concat, append, prepend, multiply, mean, max, weighted, gate, highway, film, attention_gate"),
    skip("an unknown key of a skip", "layer1 -> layer3 : add, aling=none", "a skip has no 'aling'; its keys are from, to, merge, align, resize, start, width, collapse, project, out, norm, detach, name, projection_name, reduction_name"),
    skip("a policy that does not exist", "layer1 -> layer3 : add, align=stretch", "align = 'stretch' is not known; it is one of auto, none, resize, pool, crop, pad"),
    skip("a start that does not exist", "layer1 -> layer3 : add, start=zero", "start = 'zero' is not known; it is one of random, identity"),
    skip("a number of channels that is none", "layer1 -> layer3 : concat, out=many", "out = 'many' is not a whole number of 0 or more"),
    skip("a negative number of channels", "layer1 -> layer3 : concat, out=-3", "out = '-3' is not a whole number of 0 or more"),
    skip("a layer of 10^18 channels", "layer1 -> layer3 : concat, out=1000000000000000000", "node 'skip1.reduction.weight': Param(shape=[1000000000000000000, 320, 1, 1], init=uniform, value=0.05590169943749474) of () does not work"),
    skip("a skip that closes a loop", "layer3 -> layer1", "cannot join layer3 -> layer1 by add: it closes a loop", more=("rule    a source may not depend on what its skip changes",)),
    skip("sizes that align = none keeps apart", "layer1 -> layer3 : add, align=none", "cannot join layer1 -> layer3 by add", more=("rule    add needs equal sizes, and align = \"none\" forbids changing either side",)),
    skip("a tap without its network's name", "layer2 -> b/layer2", "unknown tap 'layer2'; the nearest names are 'a/layer2', 'a/layer2.0', 'a/layer2.0.add'", network="a=zoo:resnet18 b=zoo:resnet18"),
    Case("crop that would have to grow", "rung join a=zoo:resnet18 b=zoo:resnet18 --explain --skip 'a/layer4 -> b/layer1 : add, align=crop'", "cannot join a/layer4 -> b/layer1 by add", more=("rule    align = \"crop\" only cuts, and the source is smaller than the target",)),
    Case("pool that would have to grow", "rung join a=zoo:resnet18 b=zoo:resnet18 --explain --skip 'a/layer4 -> b/layer1 : add, align=pool'", "cannot join a/layer4 -> b/layer1 by add", more=("rule    align = \"pool\" only averages, and the source is smaller than the target",)),
    skip("pad that would have to shrink", "layer1 -> layer4 : add, align=pad", "cannot join layer1 -> layer4 by add", more=("rule    align = \"pad\" only fills, and the source is larger than the target",)),
    skip("channels that project = none keeps apart", "layer1 -> layer2 : add, project=none", "cannot join layer1 -> layer2 by add", more=("rule    add needs 128 channels or features and gets 64, and project = \"none\" forbids a projection",)),
    skip("an identity that a merge cannot promise", "layer1 -> layer3 : max, start=identity", "cannot join layer1 -> layer3 by max", more=("rule    max changes its target whatever the source is, so it cannot start as the identity",)),
    skip("an append to a map", "layer1 -> layer3 : append", "cannot join layer1 -> layer3 by append", more=("rule    append needs an axis of time, and the target has none",)),
    skip("the last step of a map", "layer1 -> fc : add, collapse=last", "cannot join layer1 -> fc by add", more=("rule    collapse = \"last\" takes the last step of a sequence, and the source is a map",)),
    skip("widening by another merge than concat", "layer1 -> layer3 : add, width=widen", "cannot join layer1 -> layer3 by add: width = \"widen\" goes with concat"),
    skip("widening a layer that cannot grow", "layer1 -> layer3.0.conv2 : concat, width=widen", "cannot join layer1 -> layer3.0.conv2 by concat with width = \"widen\"", more=("rule    every reader of the target must be a convolution or linear layer; layer3.0.bn2 (BatchNorm) reads it and cannot take more channels",)),
    skip("a reader of the target that takes no other shape", "layer1 -> layer3 : concat, out=7", "layer4.0.conv1 cannot read what the join makes of layer3.1.relu_2: f32[N, 7, 14, 14] instead of f32[N, 256, 14, 14]"),
    skip("axes of unknown meaning", "a -> b : append", "cannot join a -> b by append", more=("rule    append needs to know the axes of the target",), network="net.rung", files={"net.rung": rung_file(NO_ROLES, {})}),
    skip("fractions into whole numbers", "conv -> i", "cannot join conv -> i by add", more=("rule    f32 cannot become i64, whole numbers that something is looked up, counted or chosen by",), network="net.rung", files={"net.rung": rung_file(INT, {})}),
    Case("two skips of one name", "rung join zoo:resnet18 --explain --skip 'layer1 -> layer3 : add, name=s' --skip 'layer2 -> layer3 : add, name=s'", "the skip layer2 -> layer3 is named 's', and that name is taken"),
    Case("a skip with a layer's name", "rung join zoo:resnet18 --explain --skip 'layer1 -> layer3 : add, name=layer2'", "the skip layer1 -> layer3 is named 'layer2', and that name is taken"),
    skip("a projection with a layer's name", "layer1 -> layer3 : add, projection_name=conv1", "two nodes are named 'conv1.weight'"),
    Case("two networks of one name", "rung join a=zoo:resnet18 a=zoo:decoder --explain", "two networks are named 'a'; write NAME=MODEL to name them apart"),
    Case("more weights than any memory holds", "rung join zoo:resnet18 -o net.rung --skip 'layer1 -> fc : concat, out=10000000000'", "the network's weights need 39674 GiB, and this machine has … GiB of memory"),
    Case("nothing to do", "rung join zoo:resnet18", "nothing to do: give -o OUT.rung or OUT.onnx, --explain, or both"),
    Case("no networks", "rung join --explain", "rung join: MODEL is required"),
    Case("a wire without an arrow", ENC_DEC + " --wire enc/layer4", "'enc/layer4' has no '->'; the form is 'FROM -> MODEL/INPUT'"),
    Case("a wire to what is no input", ENC_DEC + " --wire 'enc/layer4 -> dec/up1'", "cannot wire enc/layer4 -> dec/up1: 'dec/up1' is not an input of a network; the inputs are 'enc/input', 'dec/input'"),
    Case("an input that is fed twice", ENC_DEC + " --wire 'enc/layer4 -> dec/input' --wire 'enc/layer3 -> dec/input'", "cannot wire enc/layer3 -> dec/input: 'dec/input' is fed twice"),
    Case("wires that close a loop", ENC_DEC + " --wire 'enc/layer4 -> dec/input' --wire 'dec/output -> enc/input'", "cannot wire the networks like this: the wires close a loop", more=("rule    a source may not depend on what its skip changes",)),
    Case("a wire from an unknown tap", ENC_DEC + " --wire 'enc/layer5 -> dec/input'", "unknown tap 'enc/layer5'; the nearest names are 'enc/layer1', 'enc/layer2', 'enc/layer3'"),
    Case("an unknown output to keep", ENC_DEC + " --keep output", "there is no output 'output' to keep; the outputs are 'enc/output', 'dec/output'"),
    Case("an unknown tap to return", ENC_DEC + " --tap enc/layer9", "unknown tap 'enc/layer9'; the nearest names are 'enc/layer1', 'enc/layer2', 'enc/layer3'"),
    Case("a tap that is returned twice", ENC_DEC + " --tap enc/layer3 --tap enc/layer3", "two outputs are named 'enc/layer3'"),
    Case("a setting for which network?", "rung join zoo:resnet18 zoo:resnet18 --set classes=10 --explain", "--set 'classes=10': with several networks, write --set a.classes=10 for network 'a'"),
    Case("a setting of an unknown network", "rung join a=zoo:resnet18 b=zoo:resnet18 --set c.classes=10 --explain", "--set 'c.classes=10': no network is named 'c'; their names are a, b"),
    Case("an output of another kind", "rung join zoo:resnet18 -o net.pb", "-o 'net.pb': a network is written as .rung or .onnx"),
    Case("an output that rung only reads", "rung join zoo:resnet18 -o net.pt", "-o 'net.pt': rung reads .pt files but does not write them; it writes networks as .onnx and .rung", code=3),
    Case("an opset for a .rung file", "rung join zoo:resnet18 -o net.rung --opset 18", "--opset 18: 'net.rung' is no .onnx file, and other networks have no opset"),
    Case("sizes for which network?", "rung join zoo:resnet18 zoo:resnet18 --shape 1x3x64x64 --explain", "--shape '1x3x64x64': with several networks, write --shape a.1x3x64x64 for network 'a'"),
    Case("sizes of an unknown network", "rung join a=zoo:resnet18 b=zoo:resnet18 --shape c.1x3x64x64 --explain", "--shape 'c.1x3x64x64': no network is named 'c'; their names are a, b"),
    Case("an output without a name", "rung join zoo:resnet18 --explain -o ''", "-o '': a network is written as .rung or .onnx"),
    Case("an output in a folder that is not there", "rung join zoo:skip_connection_block -o out/net.rung", "cannot write out/net.rung: No such file or directory"),
    Case("an output onto a folder", "rung join zoo:skip_connection_block -o net.rung", "cannot write net.rung: it is a folder", files={"net.rung": folder}),
    Case("an output on a full disk", "rung join zoo:skip_connection_block -o net.rung", "cannot write net.rung: File too large; nothing was changed", file_bytes=4096),
    Case("a full disk under an older output", "rung join zoo:skip_connection_block -o net.rung", "cannot write net.rung: File too large; nothing was changed", file_bytes=4096,
         files={"net.rung": rung_file()}),
    Case("an output with a name that is too long", f"rung join zoo:skip_connection_block -o {'n' * 300}.rung", "cannot write nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…"),
]
