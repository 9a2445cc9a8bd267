#!/usr/bin/env python3
"""Networks of pictures [N, H, W, C], as Keras and tf2onnx write them: roles, pictures, joins, training.

    channels_last.py RUNG        (beside it, rung-torch)

The files have what those of tf2onnx 1.17 and of Keras 3.15 on PyTorch have: one transpose in front and convolutions
[N, C, H, W] between, or transposes and casts around every convolution, biases added along the last axis, weights
behind Identity, a reshape for a transpose where there is one channel. A real one of tf2onnx is in RUNG_DATA. Results
are compared with ONNX Runtime's: 1e-4 of the largest magnitude. Skips, and says so, where ONNX Runtime is missing.
"""

import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import onnx_runtime  # noqa: E402

BOUND = 1e-4
SKIPPED = 77
RUNG = ""


class File:
    """An ONNX graph that is written node by node."""

    def __init__(self, seed):
        import numpy as np

        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def node(self, op, inputs, name, **attributes):
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, [name + ":0"], name=name, **attributes))
        return name + ":0"

    def constant(self, name, value):
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name, *shape):
        fan = shape[1] * shape[2] * shape[3] if len(shape) == 4 else shape[0]
        return self.constant(name, (self.random.standard_normal(shape) / fan**0.5).astype("float32"))

    def numbers(self, name, values):
        import numpy as np

        return self.constant(name, np.array(values, dtype=np.int64))

    def save(self, path, channels, opset, size=(None, None)):
        from onnx import TensorProto, checker, helper, save

        self.nodes[-1].output[0] = "Identity:0"
        graph = helper.make_graph(
            self.nodes, "network",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["unk__104", *size, 3])],
            [helper.make_tensor_value_info("Identity:0", TensorProto.FLOAT, ["unk__105", *size, channels])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        checker.check_model(model, full_check=True)
        save(model, str(path))
        return path


def tf2onnx_file(path, size=(None, None)):
    """Encoder and decoder with a squeeze-excite block, [N, C, H, W] inside, for one class; of free sizes, or of one."""
    f = File(1)

    def conv(x, name, width_in, width, kernel=3, **more):
        weight = f.weight(name + "/ReadVariableOp", width, width_in // more.get("group", 1), kernel, kernel)
        bias = f.weight(name + "/BiasAdd/ReadVariableOp", width)
        return f.node("Conv", [x, weight, bias], name, auto_pad="SAME_UPPER" if kernel > 1 else "VALID",
                      kernel_shape=[kernel, kernel], **more)

    x = f.node("Transpose", ["image"], "model/enc1/Conv2D__6", perm=[0, 3, 1, 2])
    enc1 = f.node("Relu", [conv(x, "model/enc1/Conv2D", 3, 8)], "model/enc1/Relu")
    x = f.node("MaxPool", [enc1], "model/pool1/MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    enc2 = f.node("Relu", [conv(x, "model/enc2/Conv2D", 8, 16)], "model/enc2/Relu")
    x = f.node("Add", [enc2, conv(enc2, "model/res/Conv2D", 16, 16)], "model/add/add")
    mean = f.node("GlobalAveragePool", [x], "model/se_pool/Mean")
    mean = f.node("Squeeze", [mean, f.numbers("axes", [2, 3])], "model/se_pool/Mean_Squeeze__103")
    scale = f.node("MatMul", [mean, f.weight("model/se/MatMul/ReadVariableOp", 16, 16)], "model/se/MatMul")
    scale = f.node("Sigmoid", [scale], "model/se/Sigmoid")
    scale = f.node("Reshape", [scale, f.numbers("places", [-1, 1, 1, 16])], "model/reshape/Reshape")
    x = f.node("Transpose", [x], "Transpose__86", perm=[0, 2, 3, 1])
    x = f.node("Mul", [x, scale], "model/mul/mul")
    x = f.node("Transpose", [x], "model/sep/depthwise__38", perm=[0, 3, 1, 2])
    x = conv(x, "model/sep/depthwise", 16, 16, group=16)
    x = f.node("ConvTranspose", [x, f.weight("model/up/stack", 16, 8, 2, 2)], "model/up/conv2d_transpose",
               strides=[2, 2], kernel_shape=[2, 2])
    x = f.node("Concat", [x, enc1], "model/cat/concat", axis=1)
    x = conv(x, "model/head/Conv2D", 16, 1, kernel=1)
    if size[0]:
        f.node("Reshape", [x, f.numbers("turned", [-1, *size, 1])], "model/head/Conv2D__70")
    else:
        f.node("Transpose", [x], "model/head/Conv2D__70", perm=[0, 2, 3, 1])
    return f.save(path, 1, 15, size)


def keras_file(path):
    """The same kind of network with every value [N, H, W, C] between the convolutions, for three classes."""
    f = File(2)

    def cast(x, name):
        return f.node("Cast", [x], name, to=1)

    def conv(x, name, width_in, width, kernel=3, bias=True, **more):
        pad = kernel // 2
        x = f.node("Transpose", [cast(x, name + "/Cast")], name + "/Transpose", perm=[0, 3, 1, 2])
        weight = f.node("Identity", [f.weight(name + ".kernel", width, width_in, kernel, kernel)], name + "/Identity")
        x = f.node("Conv", [x, weight], name + "/Conv", kernel_shape=[kernel, kernel], pads=[pad] * 4, **more)
        x = f.node("Transpose", [x], name + "/Transpose_1", perm=[0, 2, 3, 1])
        return f.node("Add", [x, f.weight(name + ".bias", width)], name + "/Add") if bias else x

    enc1 = f.node("Relu", [cast(conv("image", "enc1", 3, 8), "enc1/Cast_1")], "enc1/Relu")
    x = f.node("Transpose", [enc1], "pool1/Transpose", perm=[0, 3, 1, 2])
    x = f.node("MaxPool", [x], "pool1/MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    x = f.node("Transpose", [x], "pool1/Transpose_1", perm=[0, 2, 3, 1])
    x = conv(x, "enc2", 8, 16, bias=False)
    x = f.node("Sub", [x, f.weight("bn2.moving_mean", 16)], "bn2/Sub")  # a batch norm, as Keras writes one
    x = f.node("Mul", [x, f.weight("bn2.scale", 16)], "bn2/Mul")
    x = f.node("Add", [x, f.weight("bn2.beta", 16)], "bn2/Add")
    enc2 = f.node("Relu", [x], "enc2/Relu")
    x = f.node("Add", [enc2, conv(enc2, "res", 16, 16)], "res/Add_1")
    scale = f.node("ReduceMean", [x], "se_pool/ReduceMean", axes=[1, 2], keepdims=0)
    scale = f.node("MatMul", [scale, f.weight("se.kernel", 16, 16)], "se/MatMul")
    scale = f.node("Sigmoid", [scale], "se/Sigmoid")
    scale = f.node("Reshape", [scale, f.numbers("places", [-1, 1, 1, 16])], "se/Reshape")
    x = f.node("Mul", [x, scale], "mul/Mul")
    x = f.node("Transpose", [x], "up/Transpose", perm=[0, 3, 1, 2])
    x = f.node("ConvTranspose", [x, f.weight("up.kernel", 16, 8, 2, 2)], "up/ConvTranspose", strides=[2, 2],
               kernel_shape=[2, 2])
    x = f.node("Transpose", [x], "up/Transpose_1", perm=[0, 2, 3, 1])
    x = f.node("Concat", [x, enc1], "cat/Concat", axis=-1)
    conv(x, "head", 16, 3, kernel=1)
    return f.save(path, 3, 15)


# --- running

def rung(*arguments):
    done = subprocess.run([RUNG, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"rung {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def close(have, want, what):
    import numpy as np

    assert have.shape == want.shape, f"{what}: {have.shape} and {want.shape}"
    error = np.abs(have - want).max() / max(np.abs(want).max(), 1e-30)
    assert error <= BOUND, f"{what}: differs by {error:.1e}"


def png(path, pixels):
    """Writes u8[H, W, C] of one or three channels."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def disks(folder, count, size):
    """Pictures of coloured disks, and their masks."""
    import numpy as np

    random = np.random.default_rng(3)
    y, x = np.mgrid[0:size, 0:size]
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for i in range(count):
        row, column, radius = random.integers(8, size - 8, 2).tolist() + [random.integers(4, 12)]
        inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
        picture = random.integers(0, 80, (size, size, 3)) + inside[..., None] * np.array([150, 20, 60])
        png(folder / "images" / f"{i}.png", picture.astype("uint8"))
        png(folder / "masks" / f"{i}.png", (inside[..., None] * 255).astype("uint8"))


def check_roles(path, name):
    shown = rung("show", path, "--taps", "*")
    row = next(line for line in shown.splitlines() if line.split()[:1] == [name])
    assert "(batch, space, space, channel)" in row, row


def check_picture(path, picture, folder):
    """A picture runs as the network sees it, and gives what ONNX Runtime gives."""
    import numpy as np

    session = onnx_runtime.Session(path)
    for program in ([], ["--program"]):
        rung("run", path, "--input", picture, "-o", folder / "y.safetensors", *program)
        have = tensors(folder / "y.safetensors")
        want = session.run([pixels(picture)])
        for (name, value), other in zip(sorted(have.items()), want):
            close(value, other, f"{path.name} {' '.join(program)} {name}")


def pixels(picture):
    """f32[1, H, W, 3] in 0 … 1 of one of the PNGs that are written here."""
    import numpy as np

    data = picture.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    start = data.index(b"IDAT") + 4
    length = struct.unpack(">I", data[start - 8 : start - 4])[0]
    rows = np.frombuffer(zlib.decompress(data[start : start + length]), np.uint8).reshape(height, 1 + 3 * width)
    return rows[:, 1:].reshape(1, height, width, 3).astype("float32") / 255


def tensors(path):
    import numpy as np

    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    import json

    header = json.loads(data[8 : 8 + length])
    out = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            assert entry["dtype"] == "F32", entry
            out[name] = np.frombuffer(data[8 + length + begin : 8 + length + end], np.float32).reshape(entry["shape"])
    return out


def check_join(arguments, inputs, folder):
    """The joined network gives the same in rung, as a program and in ONNX Runtime, at each size."""
    import numpy as np

    rung("join", *arguments, "-o", folder / "joined.onnx")
    session = onnx_runtime.Session(folder / "joined.onnx")
    random = np.random.default_rng(5)
    for shapes in inputs:
        given = {name: random.random(shapes[name], dtype=np.float32) for name in session.inputs}
        options = []
        for i, (name, value) in enumerate(given.items()):
            np.save(folder / f"x{i}.npy", value)
            options += ["--input", f"{name}={folder / f'x{i}.npy'}"]
        want = dict(zip(session.outputs, session.run(list(given.values()))))
        for program in ([], ["--program"]):
            rung("run", folder / "joined.onnx", *options, "-o", folder / "y.safetensors", *program)
            have = tensors(folder / "y.safetensors")
            assert set(have) == set(want), (sorted(have), sorted(want))
            for name in want:
                close(have[name], want[name], f"{arguments} {program} {name}")


def check_joins(path, layer, head, folder):
    """From and to a network [N, C, H, W], and by a wire."""
    sizes = [{"a/image": (n, h, w, 3), "b/input": (n, 3, h, w)} for n, h, w in ((1, 64, 64), (2, 96, 80), (3, 70, 94))]
    nets = [f"a={path}", "b=zoo:encoder", "--set", "b.base=8", "--set", "b.in=3"]
    for source, target, merge in ((f"a/{layer}", "b/stage2", "add"), (f"a/{layer}", "b/stage1", "concat"),
                                  ("b/stage1", f"a/{layer}", "gate"), ("b/stage3", f"a/{head}", "concat")):
        check_join([*nets, "--skip", f"{source} -> {target} : {merge}"], sizes, folder)
    check_join([*nets, "--wire", f"a/{layer} -> b/input"], [{"a/image": s["a/image"]} for s in sizes], folder)
    check_join([*nets, "--wire", "b/stage1 -> a/image"], [{"b/input": s["b/input"]} for s in sizes], folder)


def check_training(path, folder):
    """A mask network [N, H, W, C] learns, and writes a picture."""
    data = folder / "disks"
    data.mkdir()
    disks(data, 48, 48)
    (folder / "train.toml").write_text(f"""
[models.net]
file = "{path}"
[data]
task = "segmentation"
images = "{data}/images"
masks = "{data}/masks"
[train]
epochs = 8
batch = 8
optimizer = {{ kind = "adamw", lr = 1e-2 }}
out = "{folder}/out"
""")
    rung("train", folder / "train.toml")
    rows = (folder / "out" / "history.csv").read_text().splitlines()
    column = next(i for i, name in enumerate(rows[0].split(",")) if "iou" in name)
    reached = max(float(row.split(",")[column]) for row in rows[1:])
    assert reached > 0.6, f"intersection over union: {reached}\n" + "\n".join(rows)
    best = folder / "out" / "best.rung"
    rung("run", best, "--input", data / "images" / "0.png", "-o", folder / "mask.png")
    rung("convert", best, folder / "best.onnx")
    check_picture(folder / "best.onnx", data / "images" / "0.png", folder)


def main():
    global RUNG
    RUNG = sys.argv[1]
    lacking = onnx_runtime.missing()
    if lacking:
        print(f"SKIPPED: there is no {lacking}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="rung_channels_last_") as temporary:
        folder = pathlib.Path(temporary)
        import numpy as np

        picture = png(folder / "photo.png", np.random.default_rng(4).integers(0, 255, (66, 90, 3)).astype("uint8"))
        files = [(tf2onnx_file(folder / "tf2onnx.onnx"), "model.enc2", "model.cat"),
                 (keras_file(folder / "keras.onnx"), "enc2.relu", "cat")]
        for path, layer, head in files:
            check_roles(path, "image")
            check_picture(path, picture, folder)
            check_joins(path, layer, head, folder)
            print(f"{path.name}: roles, pictures, joins")
        check_fixed(folder)
        check_training(files[0][0], folder)
        print(f"{files[0][0].name}: training")
        return check_real(folder)


def check_fixed(folder):
    """A reshape that only moves the channel is a transpose: it says what the axes are, and holds at other sizes."""
    import numpy as np

    fixed, free = tf2onnx_file(folder / "fixed.onnx", (48, 64)), folder / "tf2onnx.onnx"
    output = next(line for line in rung("show", fixed).splitlines() if line.startswith("output"))
    assert "(batch, space, space, channel)" in output, output
    for shape in ((48, 64, 3), (66, 90, 3)):
        picture = png(folder / "other.png", np.random.default_rng(7).integers(0, 255, shape).astype("uint8"))
        rung("run", fixed, "--input", picture, "-o", folder / "y.npy")
        close(np.load(folder / "y.npy"), onnx_runtime.Session(free).run([pixels(picture)])[0], f"fixed at {shape}")


def check_real(folder):
    """DeepLab of MobileNetV2, as tf2onnx wrote it."""
    import numpy as np

    path = pathlib.Path(os.environ.get("RUNG_DATA", "/")) / "models" / "deeplab-nhwc" / "deeplab_v3_257.onnx"
    if not path.exists():
        print("SKIPPED: DeepLab of tf2onnx, which RUNG_DATA holds")
        return 0
    picture = png(folder / "large.png", np.random.default_rng(6).integers(0, 255, (257, 257, 3)).astype("uint8"))
    check_roles(path, "sub_7")
    check_picture(path, picture, folder)
    nets = [f"a={path}", "b=zoo:resnet18"]
    sizes = [{"a/sub_7": (1, 257, 257, 3), "b/input": (1, 3, height, 224)} for height in (224, 190)]
    deep = "a/MobilenetV2.expanded_conv_4.add"
    for source, target in ((deep, "b/layer2"), ("b/layer2", deep)):
        check_join([*nets, "--skip", f"{source} -> {target} : add"], sizes, folder)
    print(f"{path.name}: roles, pictures, joins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
