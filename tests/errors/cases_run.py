"""rung run."""

from case import CONV, Case, WEIGHT, X, archive, floats, folder, graph, npy, pickled, png, rung_file, safetensors

TITLE = "rung run"
NET = rung_file()
TOKENS = graph([{"name": "i", "op": {"op": "Input", "type": {"dtype": "i64", "shape": [1, 5], "roles": ["batch", "time"]}}},
                {"name": "table", "op": {"op": "Param", "shape": [10, 4], "init": "ones"}},
                {"name": "rows", "op": {"op": "Embedding"}, "inputs": ["i", "table"]}],
               outputs=[{"name": "y", "value": "rows"}])
TWO = graph([X, {**X, "name": "z"}, {"name": "sum", "op": {"op": "add"}, "inputs": ["x", "z"]}],
            outputs=[{"name": "y", "value": "sum"}, {"name": "z_again", "value": "z"}])


def run(mistake, options, message, net=NET, more=(), code=2, files=None, **other):
    return Case(mistake, f"rung run net.rung {options}".rstrip(), message, code=code, more=more,
                files={"net.rung": net, **(files or {})}, verb="run", **other)


def data(mistake, name, content, message, **other):
    return run(mistake, f"--input {name}", message, files={name: content}, **other)


def weights(mistake, name, content, message, **other):
    return run(mistake, f"--input randn --weights {name}", message, files={name.split(":")[0]: content}, **other)


def renamed(mistake, rules, message, content=None, **other):
    return run(mistake, "--input randn --weights w.pth --rename names.txt", message,
               files={"w.pth": PTH if content is None else content, "names.txt": rules}, **other)


# --- checkpoints, their pickles put together by hand


def words(value):
    return b"X" + len(value).to_bytes(4, "little") + value


def mapping(**items):
    return b"}(" + b"".join(words(key.encode()) + value for key, value in items.items()) + b"u"


def numbers(values):
    return b"(" + b"".join(b"J" + value.to_bytes(4, "little", signed=True) for value in values) + b"t"


def tensor(sizes=(4, 3, 3, 3), strides=(27, 9, 3, 1), kind=b"FloatStorage"):
    storage = b"(" + words(b"storage") + b"ctorch\n" + kind + b"\n" + words(b"0") + words(b"cpu") + b"KltQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + numbers(sizes) + numbers(strides) + b"\x89NtR"


def pth(value=None, top=None, storage=floats(108), more=None):
    """A checkpoint of one value, conv.weight, or of `top`."""
    top = mapping(**{"conv.weight": tensor() if value is None else value}) if top is None else top
    entries = {"w/data.pkl": pickled(top), "w/data/0": storage, **(more or {})}
    return archive({name: content for name, content in entries.items() if content is not None})


TENSOR = tensor()
PTH = pth()
SYSTEM = b"cos\nsystem\n" + words(b"echo harm > harm") + b"\x85R"
GOOD = npy([1, 3, 8, 8])
HELD = graph([{"name": "x", "op": {"op": "Input", "type": {"dtype": "f32", "shape": [1, 6, 4], "roles": ["batch", "time", "feature"]},
                                   "fixed": [1], "why": "aten::chunk depends on that size in a way that a graph cannot follow"}},
              {"name": "twice", "op": {"op": "add"}, "inputs": ["x", "x"]}],
             outputs=[{"name": "y", "value": "twice"}])
TOKENS_NET = rung_file(TOKENS, {})
CASES = [
    run("a missing input", "", "input 'x' is missing: f32[N, 3, 8, 8]"),
    run("an unknown input", "--input y=randn", "--input 'y=randn': the network has no input 'y'; it takes 'x'"),
    run("an input given twice", "--input randn --input x=zeros", "--input gives 'x' twice"),
    run("an input without its name, of two", "--input randn", "--input 'randn': the network takes 2 inputs ('x', 'z'); write NAME=randn", net=rung_file(TWO, {})),
    run("an input made in an unknown way", "--input noise", "--input x=noise: not an input that rung knows"),
    run("a shape that is none", "--input randn:1,3,eight,8", "--input x=randn:1,3,eight,8: a shape is written as sizes of 1 or more, such as randn:1,3,8,8"),
    run("a shape with a size of zero", "--input randn:0,3,8,8", "--input x=randn:0,3,8,8: a shape is written as sizes of 1 or more, such as randn:1,3,8,8"),
    run("a shape larger than any memory", "--input randn:1,3,999999999,999999999", "shape [1, 3, 999999999, 999999999] has too many elements"),
    run("a shape larger than this memory", "--input zeros:1000000000,3,8,80", "not enough memory: the sizes asked for are too large for this machine"),
    run("an input of the wrong rank", "--input randn:3,8,8", "input 'x' has the wrong rank: it is f32[3, 8, 8], but the network takes f32[N, 3, 8, 8]"),
    run("an input with other channels", "--input randn:1,4,8,8", "cannot run node 'conv': Conv(padding=[1]) on (f32[1, 4, 8, 8], f32[4, 3, 3, 3]): …"),
    run("an input smaller than the kernel", "--input randn:1,3,4,4", "cannot run node 'conv': Conv on (f32[1, 3, 4, 4], f32[4, 3, 7, 7]): …", net=rung_file(graph(
        [X, {"name": "conv.weight", "op": {"op": "Param", "shape": [4, 3, 7, 7]}},
         {"name": "conv", "op": {"op": "Conv"}, "inputs": ["x", "conv.weight"]}]), {})),
    run("a length that a traced network cannot follow", "--input randn:1,9,4", "input 'x' has size 9 on axis 1, but the network holds at size 6 only", more=["takes   f32[N, 6, 4]", "rule    aten::chunk depends on that size", "fix     give it size 6"], net=rung_file(HELD, {})),
    run("results without a name", "--input randn -o ''", "-o '': results are written as .npy or .png (one) or .safetensors (any number)"),
    run("a picture of what is no picture", "--input randn -o y.png", "-o 'y.png': f32[1, 4, 8, 8] is no picture", more=("rule    a picture is one map of 1 or 3 channels",)),
    run("comparing without skips where there are none", "--input randn --compare-without-skips", "--compare-without-skips: net.rung has no skips"),
    run("random whole numbers", "--input randn", "input 'i' takes i64[N, 5], which randn does not draw; give a file, zeros or ones", net=TOKENS_NET),
    data("fractions for whole numbers", "i.npy", npy([1, 5]), "input 'i' has the wrong dtype: it is f32[1, 5], but the network takes i64[N, 5]", net=TOKENS_NET),
    data("an index outside the table", "i.npy", npy([1, 5], "<i8", (99).to_bytes(8, "little") * 5), "cannot run node 'rows': Embedding on (i64[1, 5], f32[10, 4]): …", net=TOKENS_NET),
    data("a negative index", "i.npy", npy([1, 5], "<i8", (-1).to_bytes(8, "little", signed=True) * 5), "cannot run node 'rows': Embedding on (i64[1, 5], f32[10, 4]): …", net=TOKENS_NET),
    run("a file of input that is not there", "--input x.npy", "cannot read x.npy: No such file or directory"),
    run("a file of an unknown kind", "--input x.gif", "--input x=x.gif: not an input that rung knows"),
    run("a folder as input", "--input x.npy", "cannot read x.npy: it is a folder, not a file", files={"x.npy": folder}),
    data("an empty .npy file", "x.npy", b"", "x.npy is not a .npy file"),
    data("a .npy file that is none", "x.npy", b"1,2,3\n" * 40, "x.npy is not a .npy file"),
    data("a .npy file that is cut short", "x.npy", GOOD[:-100], "x.npy is cut short: f32[1, 3, 8, 8] needs 768 bytes, the file has 668"),
    data("a .npy file of Python objects", "x.npy", npy([1], "|O", bytes(8)), "x.npy holds elements of type '|O', which rung lacks", code=3),
    data("a .npy file of texts", "x.npy", npy([1], "<U8", bytes(32)), "x.npy holds elements of type '<U8', which rung lacks", code=3),
    data("a .npy file with a broken header", "x.npy", npy([1], header="{'descr': '<f4', 'shape': (1"), "x.npy has a broken .npy header: ')' expected"),
    data("a .npy file of 2^80 elements", "x.npy", npy([1], header="{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776)}"), "x.npy: shape [1099511627776, 1099511627776] has too many elements"),
    data("a .npy file of another shape", "x.npy", npy([1, 3, 8]), "input 'x' has the wrong rank: it is f32[1, 3, 8], but the network takes f32[N, 3, 8, 8]"),
    data("a picture that is cut short", "x.png", png(8, 8)[:60], "x.png is a broken PNG file: cut short"),
    data("a picture that is none", "x.png", b"GIF89a" + bytes(100), "x.png is neither PNG nor JPEG"),
    data("an empty picture", "x.jpg", b"", "x.jpg is empty"),
    data("a picture with a broken check sum", "x.png", png(8, 8)[:45] + b"\x00\x00" + png(8, 8)[47:], "x.png is a broken PNG file: IDAT: incorrect data check"),
    data("a picture of 10^9 pixels a side", "x.png", png(1000000000, 1000000000, rows=b""), "x.png: an image of 1000000000x1000000000 pixels is larger than rung reads (2^28 pixels)"),
    run("a picture for what takes none", "--input x.png", "input 'i' takes i64[N, 5], and a picture has one or three channels: x.png", net=TOKENS_NET, files={"x.png": png(4, 4)}),
    run("a tensor that is not in the file", "--input x.safetensors:b", "x.safetensors has no tensor 'b' for the input; it has 'a'",
        files={"x.safetensors": safetensors({"a": ("F32", [1], floats(1))})}),
    run("weights for another network", "--input randn --weights w.safetensors", "the weights do not fit the network: 0 matched, 1 missing, 1 unexpected, 0 of the wrong shape",
        files={"w.safetensors": safetensors({"fc.weight": ("F32", [2], floats(2))})}),
    run("weights of another shape", "--input randn --weights w.safetensors", "the weights do not fit the network: 0 matched, 0 missing, 0 unexpected, 1 of the wrong shape",
        files={"w.safetensors": safetensors({"conv.weight": ("F32", [4, 3, 3, 1], floats(36))})}),
    run("weights that are not there", "--input randn --weights w.safetensors", "cannot read w.safetensors: No such file or directory"),
    weights("weights that are none", "w.bin", b"1,2,3\n" * 40, "w.bin is a text file, and no file of weights that rung knows: .safetensors, .rung, or what torch.save writes (.pth, .pt, .th, .bin)"),
    weights("an ONNX file as weights", "w.onnx", b"\x08\x08\x12\x07pytorch", "w.onnx looks like an ONNX file, a whole network; give it as the network (MODEL), not as weights"),
    weights("a TorchScript archive as weights", "w.pt", archive({"w/code/m.py": b"", "w/constants.pkl": b"", "w/data.pkl": b""}), "w.pt is a TorchScript archive, a whole network; give it as the network (MODEL), not as weights, or save its weights alone in Python: torch.save(module.state_dict(), path)"),
    weights("an exported program as weights", "w.pt2", archive({"serialized_exported_program.json": b"{}"}), "w.pt2 is an exported program, a whole network; …"),
    weights("a zip archive that is no checkpoint", "w.pth", archive({"word/document.xml": b""}), "w.pth is a zip archive, and no file of weights that rung knows: .safetensors, .rung, or what torch.save writes (.pth, .pt, .th, .bin)"),
    weights("weights of PyTorch that are cut short", "w.pth", PTH[:-30], "w.pth is cut short: the directory at the end of its archive is missing"),
    weights("a checkpoint with a flipped bit", "w.pth", PTH.replace(floats(108), floats(107) + b"\x01\x00\x00\x3f"), "'w/data/0' of w.pth is damaged: its bytes do not match their check sum"),
    weights("a checkpoint that lacks its numbers", "w.pth", pth(storage=None), "w.pth is damaged: it lacks 'w/data/0'"),
    weights("a checkpoint with too few numbers", "w.pth", pth(storage=floats(8)), "w.pth is damaged: its memory '0' has 32 bytes, and its tensors need 432"),
    weights("a tensor that reaches outside of its memory", "w.pth", pth(tensor(sizes=(5, 3, 3, 3))), "tensor 'conv.weight' of w.pth reaches outside of its memory: offset 0, sizes [5, 3, 3, 3], strides [27, 9, 3, 1], 108 elements"),
    weights("a tensor that repeats a number a billion times", "w.pth", pth(tensor(sizes=(1000, 1000, 1000, 1), strides=(0, 0, 0, 0))), "tensor 'conv.weight' of w.pth is expanded: [1000, 1000, 1000, 1] repeats the 108 elements of its memory", code=3),
    weights("complex weights", "w.pth", pth(tensor(kind=b"ComplexFloatStorage")), "tensor 'conv.weight' of w.pth has elements of torch.ComplexFloatStorage, which rung lacks", code=3),
    weights("a checkpoint of a big-endian machine", "w.pth", pth(more={"w/byteorder": b"big"}), "w.pth was written on a big-endian machine", code=3),
    weights("a pickle that asks to run a command", "w.pth", pth(SYSTEM), "w.pth asks for os.system; rung never executes code of a file", more=("fix     in Python: torch.save(model.state_dict(), path)",)),
    weights("a pickle that asks to run a command, without an archive", "w.pkl", pickled(SYSTEM), "w.pkl asks for os.system; rung never executes code of a file"),
    weights("a pickle that asks to evaluate a text", "w.pth", pth(b"cbuiltins\neval\nX\x01\x00\x00\x001\x85R"), "w.pth asks for builtins.eval; rung never executes code of a file"),
    weights("a whole module, pickled", "w.pth", pth(b"ctorch.nn.modules.linear\nLinear\n)\x81"), "w.pth asks for torch.nn.modules.linear.Linear; rung never executes code of a file"),
    weights("a checkpoint of numbers of NumPy", "w.pth", pth(b"cnumpy.core.multiarray\nscalar\n"), "w.pth asks for numpy.core.multiarray.scalar; rung never executes code of a file"),
    weights("a pickle that ends early", "w.pkl", pickled(TENSOR)[:-20], "w.pkl holds a broken pickle: at byte …, it is cut short"),
    weights("a pickle that announces four gigabytes", "w.pkl", pickled(b"X\xff\xff\xff\xffabc"), "w.pkl holds a broken pickle: at byte 7, it is cut short"),
    weights("a checkpoint without tensors", "w.pkl", pickled(mapping(epoch=b"K\x03")), "w.pkl holds no tensors; it has 'epoch'"),
    weights("a pickle that is no dict", "w.pkl", pickled(b"]"), "w.pkl holds a list, not a dict of tensors; in Python: torch.save(model.state_dict(), path)"),
    weights("a checkpoint of two networks", "w.pth", pth(top=mapping(teacher=mapping(a=TENSOR), student=mapping(a=TENSOR))), "w.pth holds 2 dicts of tensors: 'teacher', 'student'; choose one as w.pth:KEY"),
    weights("a network that a checkpoint lacks", "w.pth:pupil", pth(top=mapping(teacher=mapping(a=TENSOR), student=mapping(a=TENSOR))), "w.pth has no 'pupil'; it has 'teacher', 'student'"),
    renamed("a rule that is none", "conv.weight = a", "names.txt:1: 'conv.weight = a' is no rule; the form is OLD -> NEW"),
    renamed("a rule without an old name", "# a comment\n-> a", "names.txt:2: '-> a' has no name before the arrow"),
    renamed("a rule with a star on one side", "conv.* -> a", "names.txt:1: 'conv.* -> a' has 1 * before the arrow and 0 behind it; there must be as many"),
    renamed("a rule that sends a weight elsewhere", "conv.* -> a.*\nb -> c", "the weights do not fit the network: 0 matched, 1 missing, 1 unexpected, 0 of the wrong shape", more=("note         unused rule names.txt:2: b -> c",)),
    renamed("two tensors that rules send to one name", "other -> conv.weight", "two tensors of the file become 'conv.weight', one of them 'other'", content=pth(top=mapping(**{"conv.weight": TENSOR, "other": TENSOR}))),
    run("rules that are not there", "--input randn --weights w.pth --rename names.txt", "cannot read names.txt: No such file or directory", files={"w.pth": PTH}),
    run("rules without weights", "--input randn --rename names.txt", "--rename renames what --weights loads; give both", files={"names.txt": "a -> b"}),
    run("an unknown tap to run", "--input randn --tap con", "unknown tap 'con'; the nearest names are 'conv', 'x'"),
    run("results of an unknown kind", "--input randn -o y.csv", "-o 'y.csv': results are written as .npy or .png (one) or .safetensors (any number)"),
    run("two results in one .npy file", "--input x=randn --input z=randn -o y.npy", "-o 'y.npy': a .npy file holds one result, and these are 2; write .safetensors, or choose one with --tap", net=rung_file(TWO, {})),
    run("results in a folder that is not there", "--input randn -o out/y.npy", "cannot write out/y.npy: No such file or directory"),
    run("results on a full disk", "--input randn:1,3,64,64 -o y.npy", "cannot write y.npy: File too large; nothing was changed", file_bytes=1000),
    run("an unknown device", "--input randn --device tpu", "'tpu' is no device; devices are cpu, cuda and cuda:NUMBER"),
    run("a negative number of threads", "--input randn --threads -1", "--threads -1: from 1 to 4096, or 0 for every core"),
    run("threads that are no number", "--input randn --threads all", "rung run: Could not convert: --threads = all"),
]
