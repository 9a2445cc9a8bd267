"""Networks of other programs, and the verbs that change, write and compare networks."""

from case import Case, floats, folder, onnx_file, rung_file, safetensors, torch_zip

TITLE = "Networks of other programs; tap, convert, diff"
NET = rung_file()
ONNX = onnx_file()
WEIGHTS = safetensors({"w": ("F32", [2], floats(2))})


def onnx(mistake, content, message, command="rung show net.onnx", **other):
    return Case(mistake, command, message, files={"net.onnx": content}, **other)


def net(mistake, command, message, **other):
    return Case(mistake, command, message, files={"net.rung": NET, "net.onnx": ONNX, "w.safetensors": WEIGHTS}, **other)


CASES = [
    onnx("an ONNX file cut short", onnx_file()[:-20], "net.onnx is no ONNX model, or is cut short"),
    onnx("an empty ONNX file", b"", "net.onnx is empty, not a network"),
    onnx("a recipe in place of an ONNX file", "[models.net]\n", "net.onnx is a text file, not a network"),
    Case("a recipe in place of a network", "rung show net.toml", "net.toml is a text file, not a network; a recipe is trained: rung train net.toml", files={"net.toml": "[models.net]\n"}),
    Case("a folder in place of an ONNX file", "rung show net.onnx", "cannot read net.onnx: it is a folder, not a file", files={"net.onnx": folder}),
    Case("a Keras file", "rung show net.h5", "net.h5 is an HDF5 file (Keras), not a network", files={"net.h5": b"\x89HDF\r\n\x1a\n" + bytes(64)}),
    Case("a TensorFlow Lite file", "rung show net.tflite", "net.tflite is a TensorFlow Lite file, not a network", files={"net.tflite": b"\x1c\0\0\0TFL3" + bytes(64)}),
    Case("a state dict in place of a network", "rung show net.pth", "net.pth is a PyTorch checkpoint (torch.save): weights, not a network", files={"net.pth": torch_zip("data.pkl", "data/0")},
         more=("rung run MODEL --weights net.pth", "torch.onnx.export")),
    Case("another archive in place of TorchScript", "rung show net.pt", "net.pt is a zip archive, not a network", files={"net.pt": torch_zip("document.xml")}),
    Case("TorchScript cut short", "rung show net.pt", "net.pt is cut short: the directory at the end of its archive is missing", files={"net.pt": torch_zip("data.pkl", "constants.pkl", "code/net.py")[:-30]}),
    onnx("an operator that rung lacks", onnx_file(node="StringNormalizer"), "…StringNormalizer…", code=3),
    onnx("sizes that are none", ONNX, "--shape '1x3xeight': the form is --shape [INPUT=]SIZES, with sizes of 1 or more such as 1x3x224x224", "rung show net.onnx --shape 1x3xeight"),
    onnx("a size of zero", ONNX, "--shape '0x3x8x8': the form is --shape [INPUT=]SIZES, with sizes of 1 or more such as 1x3x224x224", "rung show net.onnx --shape 0x3x8x8"),
    onnx("sizes of an unknown input", ONNX, "net.onnx: there is no input 'y'; the inputs are x", "rung show net.onnx --shape y=1x3x8x8"),
    onnx("sizes of another rank", ONNX, "net.onnx: the input 'x' has 4 axes, and 2 sizes are given", "rung show net.onnx --shape 3x8"),
    onnx("another size than the file has", ONNX, "net.onnx: the input 'x' has size 3 on axis 1, and an example of 4 is given", "rung show net.onnx --shape 1x4x8x8"),
    onnx("sizes given twice", ONNX, "--shape gives 'x' twice", "rung show net.onnx --shape x=1x3x8x8 --shape x=1x3x8x8"),
    onnx("a number for an unknown input", ONNX, "net.onnx: a number is given for 'sr', which is no input; the inputs are x", "rung show net.onnx --number sr=16000"),
    onnx("a number that is none, for an input", ONNX, "--number 'sr=fast': 'fast' is no number; the form is --number INPUT=NUMBER, such as sr=16000, or several with commas", "rung show net.onnx --number sr=fast"),
    onnx("a number for no input", ONNX, "--number '16000': the form is --number INPUT=NUMBER, such as sr=16000", "rung show net.onnx --number 16000"),
    onnx("a number given twice", ONNX, "--number gives 'sr' twice", "rung show net.onnx --number sr=1 --number sr=2"),
    net("a number for a file that takes none", "rung show net.rung --number sr=16000", "--number sr: 'net.rung' is no ONNX file; only those have inputs that become constants"),
    net("sizes of another rank, of a .rung file", "rung show net.rung --shape 3x8", "input 'x' is f32[N, 3, 8, 8], and the sizes [3, 8] are given"),
    net("sizes that the network does not take", "rung show net.rung --shape 1x4x8x8", "node 'conv': Conv(padding=[1]) of (f32[N, 4, 8, 8], f32[4, 3, 3, 3]) does not work"),
    net("nothing to cut", "rung tap net.rung -o out.rung", "nothing to cut: give --at NAME, --from NAME, or both (rung show MODEL --taps '*' lists the names)"),
    net("a cut without a file to write", "rung tap net.rung --at conv", "rung tap: --output is required"),
    net("a cut at an unknown tap", "rung tap net.rung --at conv9 -o out.rung", "unknown tap 'conv9'; the nearest names are 'conv', 'x'"),
    net("a cut at a weight", "rung tap net.rung --at conv.weight -o out.rung", "tap 'conv.weight' is a weight or a constant; taps are the values that layers compute"),
    net("a cut twice at a tap", "rung tap net.rung --at conv --at conv -o out.rung", "two outputs are named 'conv'"),
    net("a cut behind the outputs", "rung tap net.rung --at x --from conv -o out.rung", "the cut from 'conv' cuts nothing: no output that is left needs it"),
    net("--add without taps", "rung tap net.rung --from conv --add -o out.rung", "--add keeps the outputs beside those of --at; give --at too"),
    net("a cut into an unknown kind of file", "rung tap net.rung --at conv -o out.txt", "-o 'out.txt': a network is written as .rung or .onnx"),
    net("a cut into a folder that is not there", "rung tap net.rung --at conv -o out/net.onnx", "cannot write out/net.onnx: No such file or directory"),
    net("an opset that ONNX never had", "rung convert net.rung out.onnx --opset 3", "…opset 3…"),
    net("conversion into an unknown kind of file", "rung convert net.rung out.h5", "'out.h5': networks are written as .rung or .onnx, weights as .pth or .safetensors"),
    net("conversion into TorchScript", "rung convert net.rung out.pt", "B is 'out.pt': rung reads .pt files but does not write them; it writes networks as .onnx and .rung", code=3),
    net("weights into a network", "rung convert w.safetensors out.onnx", "'w.safetensors' holds weights alone, and 'out.onnx' would be a network", more=("rung convert MODEL out.onnx --weights w.safetensors",)),
    net("weights for weights", "rung convert w.safetensors out.pth --weights w.safetensors", "--weights is for a network, and 'w.safetensors' holds weights alone"),
    net("weights that do not fit in a conversion", "rung convert net.rung out.onnx --weights w.safetensors", "the weights do not fit the network: 0 matched, 1 missing, 1 unexpected, 0 of the wrong shape"),
    net("an opset for weights", "rung convert net.rung out.safetensors --opset 17", "--opset 17: 'out.safetensors' is no .onnx file, and weights have no opset"),
    net("a conversion on a full disk", "rung convert net.rung out.onnx", "cannot write out.onnx: File too large; nothing was changed", file_bytes=100),
    net("a network compared with weights", "rung diff net.rung w.safetensors", "'w.safetensors' holds weights alone, and 'net.rung' is a network: they cannot be compared", more=("rung convert net.rung OTHER.rung --weights w.safetensors",)),
    net("weights compared with a file that is not there", "rung diff w.safetensors old.pth", "cannot read old.pth: No such file or directory"),
    net("a network compared with nothing", "rung diff net.rung", "rung diff: B is required"),
    net("a network compared with a picture", "rung diff net.rung net.png", "cannot read net.png: No such file or directory"),
    net("a tolerance below zero", "rung diff net.rung net.rung --absolute -1", "a tolerance is a number of 0 or more, not -1"),
]
