"""The networks of the round trip: how each ONNX file is made, and the sizes at which it is run."""

import dataclasses
import itertools
import os
import pathlib
import typing

SEED = 1


@dataclasses.dataclass
class Network:
    name: str
    make: typing.Callable  # make(path): writes the ONNX file; or a path, or zoo:NAME
    sets: list  # of lists of the inputs' shapes; the first are the example's
    quick: bool = False  # part of the test that always runs
    numbers: dict = dataclasses.field(default_factory=dict)  # inputs that become constants
    unit: bool = False  # inputs between 0 and 1 instead of a normal distribution
    heavy: bool = False  # several GB, run alone
    opset: int = 17  # of the file that rung writes


# --- rung's own

ZOO = {  # by the kind of input
    "image": ["skip_connection_block", "skip_connection_block_concat", "resnet18", "resnet34", "resnet50",
              "densenet121", "resnet18_encoder", "resnet34_encoder", "resnet50_encoder",
              "densenet121_encoder", "unet", "encoder", "decoder", "skip_net", "token_transformer"],
    "sequence": ["skip_connection_rnn", "lstm"],
    "row": ["mlp"],
}
CHANNELS = {"skip_connection_block": 64, "skip_connection_block_concat": 64, "decoder": 512, "skip_net": 1}
FEATURES = {"skip_connection_rnn": 10, "lstm": 1}
SIZES = {"skip_connection_block": [(32, 32), (33, 47), (16, 21)], "decoder": [(7, 7), (5, 9), (3, 4)],
         "skip_connection_block_concat": [(32, 32), (33, 47), (16, 21)],
         "skip_net": [(28, 28), (33, 47), (29, 28)], "token_transformer": [(224, 224)] * 3}


def zoo():
    for name in ZOO["image"]:
        sizes = SIZES.get(name, [(64, 64), (65, 97), (96, 79)])
        sets = [[(batch, CHANNELS.get(name, 3), *size)] for batch, size in zip((1, 2, 3), sizes)]
        yield Network(f"zoo:{name}", None, sets, quick=name not in ("resnet34", "resnet34_encoder"))
    for name in ZOO["sequence"]:
        yield Network(f"zoo:{name}", None, [[(n, t, FEATURES[name])] for n, t in ((1, 100), (2, 31), (3, 1))], True)
    yield Network("zoo:mlp", None, [[(n, 784)] for n in (1, 2, 5)], True)


# --- operators that few networks have


def build(nodes, inputs, outputs, constants, opset, path):
    """A file of (operator, inputs, outputs, attributes); sizes that are text are free."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(op, taken, given, **attributes) for op, taken, given, attributes in nodes], "operators",
        [helper.make_tensor_value_info(name, float32, sizes) for name, sizes in inputs.items()],
        [helper.make_tensor_value_info(name, float32, None) for name in outputs],
        [value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value), name)
         for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.save(onnx.shape_inference.infer_shapes(model), str(path))  # the outputs' sizes


def n_grams(path):
    """Counts of runs of the numbers 0 to 3, of one to three, with and without some left out."""
    import numpy as np

    pool = [1, 3, *itertools.chain(*[(0, 1), (1, 1), (2, 0), (3, 3)]), 0, 1, 2, 2, 2, 0]
    common = {"ngram_counts": [0, 2, 10], "pool_int64s": pool, "min_gram_length": 1}
    weights = [0.5, 2.0, 1.5, 0.25, 3.0, 1.0, 0.75, 1.25]
    one_by_one, mixed = list(range(8)), [3, 0, 7, 2, 5, 1, 6, 4]
    nodes = [("Abs", ["x"], ["a"], {}), ("Mul", ["a", "three"], ["b"], {}), ("Min", ["b", "most"], ["c"], {}),
             ("Floor", ["c"], ["d"], {}), ("Cast", ["d"], ["numbers"], {"to": 6})]
    for i, (mode, skipped, longest, places) in enumerate([("TF", 0, 3, one_by_one), ("TF", 4, 2, mixed),
                                                          ("IDF", 1, 3, one_by_one), ("TFIDF", 2, 3, mixed)]):
        nodes.append(("TfIdfVectorizer", ["numbers"], [f"y{i}"],
                      {**common, "mode": mode, "max_skip_count": skipped, "max_gram_length": longest,
                       "ngram_indexes": places, "weights": weights}))
    build(nodes, {"x": ["n", 14]}, ["y0", "y1", "y2", "y3"],
          {"three": np.float32(3), "most": np.float32(3.5)}, 17, path)


def boxes(path):
    """Maxima of the cells of boxes, some of which reach over the edge."""
    import numpy as np

    nodes = [("Add", ["r", "corners"], ["rois"], {})]
    for i, (mode, places) in enumerate(itertools.product(("max", "avg"), ("half_pixel", "output_half_pixel"))):
        nodes.append(("RoiAlign", ["x", "rois", "images"], [f"y{i}"],
                      {"mode": mode, "coordinate_transformation_mode": places, "output_height": 3,
                       "output_width": 4, "sampling_ratio": 2 + i % 2, "spatial_scale": 0.8}))
    build(nodes, {"x": [2, 3, 9, 11], "r": [4, 4]}, ["y0", "y1", "y2", "y3"],
          {"corners": np.float32([[-2, -2, 5, 4], [1, 2, 7, 8], [4, 3, 14, 13], [0, 0, 3, 9]]),
           "images": np.int64([0, 1, 1, 0])}, 17, path)


def volumes(path):
    """Nearest elements of volumes."""
    nodes = []
    for i, (border, corners) in enumerate([("zeros", 0), ("border", 1), ("reflection", 0)]):
        nodes.append(("GridSample", ["x", "grid"], [f"y{i}"],
                      {"mode": "nearest", "padding_mode": border, "align_corners": corners}))
    build(nodes, {"x": [2, 3, 4, 5, 6], "grid": [2, 3, 4, 5, 3]}, ["y0", "y1", "y2"], {}, 20, path)


FLOAT8 = {"e4m3fn": 17, "e4m3fnuz": 18, "e5m2": 19, "e5m2fnuz": 20}


def floats_of_8_bits(path):
    """Through each of them, with numbers beyond the largest; quantised with one scale."""
    import numpy as np
    from onnx import helper

    nodes = [("Mul", ["x", "large"], ["a"], {})]
    constants = {"large": np.float32([100, 300, 1000, 30000, 100000]), "scale": np.float32(0.5)}
    for name, number in FLOAT8.items():
        nodes += [("Cast", ["a"], [f"{name}/small"], {"to": number}),
                  ("Cast", [f"{name}/small"], [f"{name}/cast"], {"to": 1}),
                  ("QuantizeLinear", ["x", "scale", f"{name}/zero"], [f"{name}/q"], {}),
                  ("DequantizeLinear", [f"{name}/q", "scale", f"{name}/zero"], [f"{name}/back"], {})]
        constants[f"{name}/zero"] = helper.make_tensor(f"{name}/zero", number, [], [0])
    outputs = [f"{name}/{end}" for name in FLOAT8 for end in ("cast", "back")]
    build(nodes, {"x": ["n", 5]}, outputs, constants, 19, path)


UNSIGNED = {"u32": 12, "u64": 13}


def whole_numbers(path):
    """Without sign, up to the largest: every operator that needs to know that they have none."""
    import numpy as np

    nodes, constants = [], {"shift/u32": np.uint32(7), "shift/u64": np.uint64(7)}
    for name, number in UNSIGNED.items():
        constants[f"{name}/size"] = np.float32({"u32": 1.5e9, "u64": 6e18}[name])
        constants[f"{name}/most"] = np.float32({"u32": 4.2e9, "u64": 1.84e19}[name])
        for side in "xy":
            nodes += [("Abs", [side], [f"{name}/{side}/a"], {}),
                      ("Mul", [f"{name}/{side}/a", f"{name}/size"], [f"{name}/{side}/b"], {}),
                      ("Min", [f"{name}/{side}/b", f"{name}/most"], [f"{name}/{side}/c"], {}),
                      ("Cast", [f"{name}/{side}/c"], [f"{name}/{side}"], {"to": number})]
        pair = [f"{name}/x", f"{name}/y"]
        for op in ("Min", "Max", "Mod"):
            nodes.append((op, pair, [f"{name}/{op}"], {}))
        nodes += [("BitShift", [f"{name}/x", f"shift/{name}"], [f"{name}/{way}"], {"direction": way})
                  for way in ("LEFT", "RIGHT")]
        nodes += [("Cast", [f"{name}/{op}"], [f"{name}/{op}/y"], {"to": 1})
                  for op in ("Min", "Max", "Mod", "LEFT", "RIGHT")]
    outputs = [f"{name}/{op}/y" for name in UNSIGNED for op in ("Min", "Max", "Mod", "LEFT", "RIGHT")]
    build(nodes, {"x": [3, 40], "y": [3, 40]}, outputs, constants, 17, path)


def operators():
    yield Network("operator:TfIdfVectorizer", n_grams, [[(n, 14)] for n in (2, 1, 5)], True)
    yield Network("operator:RoiAlign", boxes, [[(2, 3, 9, 11), (4, 4)]] * 3, True)
    yield Network("operator:GridSample", volumes, [[(2, 3, 4, 5, 6), (2, 3, 4, 5, 3)]] * 3, True, opset=20)
    yield Network("operator:unsigned", whole_numbers, [[(3, 40), (3, 40)]] * 3, True)
    yield Network("operator:Cast to 8 bits", floats_of_8_bits, [[(n, 5)] for n in (2, 1, 7)], True, opset=19)


# --- torchvision's

IMAGES = [(2, 3, 64, 64), (1, 3, 65, 97), (3, 3, 96, 79)]
LARGER = [(2, 3, 128, 128), (1, 3, 127, 161), (3, 3, 96, 143)]  # those that shrink their maps most
FIXED = [(2, 3, 224, 224), (1, 3, 224, 224), (3, 3, 224, 224)]  # a size of maps is written into them
VIDEO = [(1, 3, 8, 64, 64), (2, 3, 9, 65, 97), (1, 3, 16, 79, 96)]
QUICK = ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
         "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf",
         "regnet_y_400mf", "resnet18", "resnet50", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1",
         "swin_t", "vgg11_bn", "vit_b_32", "deeplabv3_mobilenet_v3_large", "fcn_resnet50",
         "lraspp_mobilenet_v3_large"]
HEAVY = ["regnet_y_128gf", "vit_h_14"]


def sizes_of(name):
    if name.startswith(("alexnet", "vgg", "vit", "maxvit", "swin")):
        return FIXED
    return LARGER if name.startswith(("inception", "googlenet", "squeezenet")) else IMAGES


def random_statistics(network):
    """As after training: batch norms and heads that do something."""
    for key, buffer in network.named_buffers():
        if key.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    for parameter in network.parameters():  # heads that begin as zeros give nothing to compare
        if parameter.dim() > 1 and not parameter.any():
            parameter.data.normal_(0, 0.02)


def torchvision_network(name):
    """With random weights, in evaluation. Segmentation networks give a tuple instead of a dictionary."""
    import torch
    import torchvision

    class Results(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            return tuple(self.network(x).values())

    torch.manual_seed(SEED)
    segments = "deeplab" in name or "fcn_" in name or "lraspp" in name
    arguments = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name == "googlenet":
        arguments["aux_logits"] = False
    if segments:
        arguments["weights_backbone"] = None
    network = torchvision.models.get_model(name, weights=None, **arguments).eval()
    random_statistics(network)
    return Results(network).eval() if segments else network


def torchvision_names():
    try:
        import torchvision as tv
    except ImportError:
        return []
    return [name for module in (tv.models, tv.models.segmentation) for name in tv.models.list_models(module=module)]


def export(name, sets, path, opset=17):
    import torch

    network = torchvision_network(name)
    free = {axis: label for axis, label in enumerate(["batch", "", "height", "width"])
            if label and len({shapes[0][axis] for shapes in sets}) > 1}
    torch.onnx.export(network, torch.randn(sets[0][0]), str(path),
                      opset_version=opset, input_names=["input"], dynamic_axes={"input": free})


def torchvision():
    for name in torchvision_names():
        sets = [[shape] for shape in sizes_of(name)]
        yield Network(f"torchvision:{name}", lambda path, name=name, sets=sets: export(name, sets, path),
                      sets, quick=name in QUICK, heavy=name in HEAVY)


# --- trained ones, of others


def real():
    data = os.environ.get("RUNG_DATA")
    root = pathlib.Path(data) / "models" if data else None
    if root is None or not root.is_dir():
        return

    def file(name, *sets, **more):
        return Network(name, root / f"{name}.onnx", [list(shapes) for shapes in sets], quick=True, **more)

    def thrice(name, *shapes, **more):  # no size is free
        return file(name, shapes, shapes, shapes, **more)

    yield thrice("dtln/model_1", (1, 1, 257), (1, 2, 128, 2))
    yield thrice("dtln/model_2", (1, 1, 512), (1, 2, 128, 2))
    yield thrice("gtcrn/gtcrn_simple", (1, 257, 1, 2), (2, 1, 16, 16, 33), (2, 3, 1, 1, 16), (2, 1, 33, 16))
    yield thrice("ort-examples/mnist", (1, 1, 28, 28))
    yield thrice("ort-examples/supres_core", (1, 1, 224, 224), unit=True)
    yield file("portrait-seg/prisma_nchw", *[[(n, 3, 256, 256)] for n in (1, 2, 3)], unit=True)
    yield thrice("portrait-seg/sinet_softmax", (1, 3, 320, 320))
    for name in ("cifar10_resnet20", "cifar10_resnet56"):
        yield file(f"resnet-cifar10/{name}", *[[(n, 3, 32, 32)] for n in (1, 2, 5)])
    # One step: 32 ms of sound behind the end of the step before.
    steps = [[(n, 576), (2, n, 128)] for n in (1, 2, 3)]
    yield file("silero-vad/silero_vad", *steps, numbers={"sr": 16000})
    yield file("silero-vad/silero_vad_op18_ifless", *steps, numbers={"sr": 16000})
    yield thrice("silero-vad/silero_vad_openvino_16k", (1, 576), (2, 1, 128))
    for name in ("version-RFB-320", "version-RFB-320_without_postprocessing", "version-slim-320_simplified"):
        yield thrice(f"ultraface/{name}", (1, 3, 240, 320))


def networks():
    return [*zoo(), *operators(), *real(), *torchvision()]
