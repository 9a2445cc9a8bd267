"""rung train."""

import struct

from case import CONV, X, Case, floats, folder, graph, png, rung_file, safetensors

TITLE = "rung train"

# --- data that works: a table, pictures with masks, pictures in folders of classes, IDX files

ROWS = "".join(f"{i},{i % 7},{(i * 3) % 5}\n" for i in range(60))
CSV = {"rows.csv": "t,a,b\n" + ROWS}
PICTURES = {f"images/{i}.png": png(16, 16) for i in range(6)} | {f"masks/{i}.png": png(16, 16, 1, 255) for i in range(6)}
CLASSES = {f"pictures/{kind}/{i}.png": png(8, 8, 1, value) for kind, value in [("a", 10), ("b", 200)] for i in range(6)}


def idx(kind, shape, body=None):
    count = 1
    for size in shape:
        count *= size
    head = bytes([0, 0, kind, len(shape)]) + b"".join(struct.pack(">I", size) for size in shape)
    return head + (bytes(count) if body is None else body)


IDX = {"mnist/train-images-idx3-ubyte": idx(8, [20, 8, 8]), "mnist/train-labels-idx1-ubyte": idx(8, [20], bytes(range(10)) * 2),
       "mnist/t10k-images-idx3-ubyte": idx(8, [10, 8, 8]), "mnist/t10k-labels-idx1-ubyte": idx(8, [10])}

FORECAST = """[models.net]
zoo = "lstm"
settings = { in = 2, hidden = 4, out = 2, time = 4 }
[data]
task = "forecasting"
file = "rows.csv"
inputs = ["a", "b"]
window = 4
horizon = 1
[train]
epochs = 2
batch = 8
"""
SEGMENT = """[models.net]
zoo = "unet"
settings = { base = 2, levels = 1, size = 16 }
[data]
task = "segmentation"
images = "images"
masks = "masks"
[train]
epochs = 1
batch = 2
"""
CLASSIFY = """[models.net]
zoo = "skip_net"
settings = { depth = 4, width = 2, classes = 2, size = 8 }
[data]
task = "classification"
folder = "pictures"
channels = 1
[train]
epochs = 1
batch = 4
"""
COLOURS = png(16, 16, 3, rows=(b"\x00" + b"\xff\x00\x00\x00\xff\x00" * 8) * 16)
BLACK = {f"masks/{i}.png": png(16, 16, 1, 0) for i in range(6)}
ENDS = SEGMENT.replace('zoo = "unet"\nsettings = { base = 2, levels = 1, size = 16 }', 'file = "net.rung"')


def ends_in(op):
    """A convolution of pictures to one channel, and this op behind it."""
    weight = {"name": "conv.weight", "op": {"op": "Param", "dtype": "f32", "shape": [1, 3, 3, 3]}}
    end = {"name": "y", "op": {"op": op}, "inputs": ["conv"]}
    return rung_file(graph([X, weight, CONV, end], outputs=({"name": "y", "value": "y"},)),
                     {"conv.weight": ("F32", [1, 3, 3, 3], floats(27))})


MEASURE = CLASSIFY.replace('task = "classification"\nfolder = "pictures"', 'task = "regression"\ntable = "table.csv"\nroot = "pictures"\ntargets = ["age"]').replace("classes = 2", "classes = 1")
AGES = "file,age\n" + "".join(f"{kind}/{i}.png,{10 * i + len(kind)}\n" for kind in "ab" for i in range(6))
RESTORE = SEGMENT.replace("segmentation", "regression").replace('masks = "masks"', 'targets = "targets"')
TARGETS = {f"targets/{i}.png": png(16, 16, 1, 40 * i) for i in range(6)}
WORDS = png(16, 16, 1, bits=16)
NUMBERS = [('"targets"', '"numbers"')]
DIGITS = CLASSIFY.replace('folder = "pictures"\nchannels = 1', 'idx = "mnist"').replace("classes = 2", "classes = 10")


def train(mistake, message, recipe=FORECAST, files=CSV, change=(), options="", **other):
    """`change`: a text of the recipe, and what stands there instead."""
    for old, new in change:
        assert old in recipe, (mistake, old)
        recipe = recipe.replace(old, new, 1)
    return Case(mistake, f"rung train net.toml {options}".rstrip(), message, verb="train",
                files={"net.toml": recipe, **files}, **other)


def forecast(mistake, message, old, new, **other):
    return train(mistake, message, change=[(old, new)], **other)


def segment(mistake, message, files=None, change=(), **other):
    return train(mistake, message, SEGMENT, {**PICTURES, **(files or {})}, change, **other)


def table(mistake, message, rows, change=(), **other):
    """Pictures whose labels stand in a table."""
    return train(mistake, message, CLASSIFY.replace('folder = "pictures"', 'csv = "pictures/labels.csv"'),
                 {**CLASSES, "pictures/labels.csv": rows}, change, **other)


def measure(mistake, message, rows, change=(), files=None, **other):
    """Pictures whose numbers stand in a table."""
    return train(mistake, message, MEASURE, {**CLASSES, "table.csv": rows, **(files or {})}, change, **other)


def restore(mistake, message, files=None, change=(), **other):
    """Pictures whose targets are pictures."""
    return train(mistake, message, RESTORE, {**PICTURES, **TARGETS, **(files or {})}, change, **other)


def npy(descr, shape, content):
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + content


def numbers(descr, shape, content):
    """All targets as .npy; the pictures among them go."""
    return {f"numbers/{i}.npy": npy(descr, shape, content) for i in range(6)}


def without(files, name):
    return {key: value for key, value in files.items() if key != name}


def digits(mistake, message, name, content, **other):
    files = without(IDX, f"mnist/{name}") if content is None else {**IDX, f"mnist/{name}": content}
    return train(mistake, message, DIGITS, files, **other)


RUN = "rung train net.toml --set train.epochs=1"
CASES = [
    # the recipe
    Case("a recipe that is not there", "rung train net.toml", "cannot read net.toml: No such file or directory", verb="train"),
    Case("a folder as a recipe", "rung train net.toml", "cannot read net.toml: it is a folder", files={"net.toml": folder}, verb="train"),
    Case("no recipe", "rung train", "rung train: RECIPE is required", verb="train"),
    train("an empty recipe", "net.toml:1 names no network: [models.NAME] with zoo or file is needed", ""),
    train("a recipe that is a picture", "net.toml:1: Error while parsing root table: expected keys, tables, whitespace or comments, saw '…'", "\x89PNG\r\n\x1a\n\x00\x00"),
    forecast("a syntax error in a recipe", "net.toml:8: Error while parsing value: could not determine value type", "window = 4", "window = = 4"),
    forecast("a text that is not closed", "net.toml:6: Error while parsing string: unescaped control characters other than TAB (U+0009) are explicitly prohibited", '"rows.csv"', '"rows.csv'),
    forecast("a key given twice in a recipe", "net.toml:9: Error while parsing key-value pair: cannot redefine existing integer 'window'", "window = 4", "window = 4\nwindow = 5"),
    train("a recipe without [data]", "net.toml has no [data]", FORECAST.split("[data]")[0]),
    train("a recipe without networks", "net.toml:1 names no network: [models.NAME] with zoo or file is needed", "[data]" + FORECAST.split("[data]")[1]),
    forecast("an unknown key of a recipe", "net.toml:12: train.batches: there is no such key, did you mean batch?; the keys here are batch, channels_last, clip, device, epochs, eval_batch, export, loss, monitor, optimizer, out, patience, precision, schedule, seed, side, threads", "batch = 8", "batches = 8"),
    forecast("an unknown table of a recipe", "net.toml:10: training: there is no such key, did you mean train?; the keys here are data, hint, models, output, outputs, skip, train", "[train]", "[training]"),
    forecast("a text for a number", "net.toml:11: train.epochs must be a whole number, and it is \"two\"", "epochs = 2", 'epochs = "two"'),
    forecast("a fraction for a whole number", "net.toml:11: train.epochs must be a whole number, and it is 2.5", "epochs = 2", "epochs = 2.5"),
    forecast("a number for a text", "net.toml:5: data.task must be a text, and it is 1", '"forecasting"', "1"),
    forecast("a list of the wrong type", "net.toml:7: data.inputs must be a list of texts, and it is [1,2]", '["a", "b"]', "[1, 2]"),
    forecast("no epochs", "net.toml:11: train.epochs is 0; it is a whole number from 1 to 1000000", "epochs = 2", "epochs = 0"),
    forecast("a batch of 0", "net.toml:12: train.batch is 0; it is a whole number from 1 to 1000000", "batch = 8", "batch = 0"),
    forecast("a number beyond 64 bits in a recipe", "net.toml:12: Error while parsing decimal integer: '99999999999999999999' is not representable in 64 bits", "batch = 8", "batch = 99999999999999999999"),
    forecast("a learning rate that is no number", "net.toml:11: train.optimizer.lr must be a number, and it is infinite or no number (nan)", "[train]", "[train]\noptimizer = { lr = nan }"),
    forecast("a negative learning rate", "net.toml:11: train.optimizer.lr is -1; it is a number from 0 to 1000000", "[train]", "[train]\noptimizer = { lr = -1 }"),
    forecast("an unknown optimizer", "net.toml:10: train: optimizer.kind = 'adm' is not known; it is one of sgd, adam, adamw", "[train]", '[train]\noptimizer = { kind = "adm" }'),
    forecast("an unknown key of the optimizer", "net.toml:11: train.optimizer.rate: there is no such key, did you mean beta1?; the keys here are beta1, beta2, decay_norms, eps, kind, lr, momentum, nesterov, weight_decay", "[train]", "[train]\noptimizer = { rate = 1 }"),
    forecast("a key of another optimizer", "net.toml:11: train.optimizer.momentum goes with kind = sgd, and kind is 'adam'", "[train]", '[train]\noptimizer = { kind = "adam", momentum = 0.9 }'),
    forecast("a key of another schedule", "net.toml:11: train.schedule.every goes with kind = step, and kind is 'cosine'", "[train]", '[train]\nschedule = { kind = "cosine", every = 2 }'),
    forecast("an unknown schedule", "net.toml:10: train: schedule.kind = 'cosinus' is not known; it is one of constant, cosine, step, one_cycle", "[train]", '[train]\nschedule = { kind = "cosinus" }'),
    forecast("an unknown loss", "net.toml:11: train.loss.kind: there is no such key, did you mean mae?; the keys here are huber, mae, mse", "[train]", '[train]\nloss = { kind = "hinge" }'),
    forecast("a loss of another task", "net.toml:11: train.loss.dice is a loss of classes; here these are known: huber, mae, mse", "[train]", "[train]\nloss = { dice = 1 }"),
    segment("a loss without a weight", "net.toml:9: train.loss: no term has a weight", change=[("[train]", "[train]\nloss = { dice = 0, cross_entropy = 0 }")]),
    segment("a setting of another loss", "net.toml:9: train.loss.dice.gamma: there is no such key, did you mean weight?; the keys here are weight", change=[("[train]", "[train]\nloss = { dice = { gamma = 2 } }")]),
    segment("weights of classes by another word", "net.toml:9: train.loss.class_weights is \"frequency\" (every class counts alike) or { CLASS = WEIGHT, … }", change=[("[train]", '[train]\nloss = { class_weights = "balanced" }')]),
    forecast("a metric that is none", "monitor = 'iou' is no metric of forecasting; it is one of loss, mse, mae, mse_repeat, mae_repeat", "[train]", '[train]\nmonitor = "iou"'),
    forecast("an unknown precision", "net.toml:10: train: precision = 'f8' is not known; it is one of f32, bf16", "[train]", '[train]\nprecision = "f8"'),
    forecast("an unknown device in a recipe", "'tpu' is no device; devices are cpu, cuda and cuda:NUMBER", "[train]", '[train]\ndevice = "tpu"'),
    forecast("an unknown task", "net.toml:5: data.task = 'detection' is not known; it is one of classification, segmentation, regression, forecasting, table", '"forecasting"', '"detection"'),
    forecast("a recipe without a task", "net.toml:4: data: data.task is missing; it is one of classification, segmentation, regression, forecasting, table", 'task = "forecasting"\n', ""),
    forecast("a network of neither kind", "net.toml:1: models.net needs either zoo (a built-in network) or file (of a network)", 'zoo = "lstm"\n', ""),
    forecast("an unknown network in a recipe", "net.toml:2: models.net.zoo: there is no built-in network 'lstn'; nearest: lstm, mlp, unet", 'zoo = "lstm"', 'zoo = "lstn"'),
    forecast("an unknown setting in a recipe", "net.toml:2: models.net.zoo: zoo:lstm has no setting 'hiden'; it has in, hidden, layers, out, time", "hidden = 4", "hiden = 4"),
    forecast("a network's file that is not there", "net.toml:2: models.net.file: cannot read net.rung: No such file or directory", 'zoo = "lstm"\nsettings = { in = 2, hidden = 4, out = 2, time = 4 }', 'file = "net.rung"'),
    forecast("an environment variable that is not set", "net.toml:6: data.file = '${RUNG_NO_SUCH}/rows.csv': the environment variable RUNG_NO_SUCH is not set", '"rows.csv"', '"${RUNG_NO_SUCH}/rows.csv"'),
    forecast("a glob of freeze that matches nothing", "'encoder.*' matches no weight to freeze; the nearest names are 'head', 'head.bias', 'head.weight'", "[data]", 'freeze = ["encoder.*"]\n[data]'),
    forecast("everything frozen", "the network has no weight to train: all of its 6 are frozen", "[data]", 'freeze = ["*"]\n[data]'),
    forecast("side mode of one network", "net.toml:11: train.side: side mode is for several networks, and there is one; freeze = [\"*\"] holds all its weights", "[train]", '[train]\nside = ["net"]'),
    train("side mode of a network that a trained one feeds", "net.toml:13: train.side: 'dec' is fed by 'enc/stage3', which is trained, so gradients would have to run through it", """[models.enc]
zoo = "encoder"
settings = { base = 4, stages = 3, size = 16 }
[models.dec]
zoo = "decoder"
settings = { in = 16, levels = 2, width = 4, size = 4 }
input = "enc/stage3"
""" + SEGMENT.split('size = 16 }\n')[1].replace("[train]", '[train]\nside = ["dec"]'), PICTURES, more=("fix     freeze = [\"*\"] for 'dec' instead",)),
    forecast("a skip to an unknown tap in a recipe", "net.toml: unknown tap 'hed'; the nearest names are 'head', 'last', 'lstm'", "[data]", '[[skip]]\nfrom = "lstm"\nto = "hed"\n[data]'),
    forecast("a skip with an unknown key in a recipe", "net.toml:7: skip.0.mrege: a skip has no 'mrege'; its keys are from, to, merge, align, resize, start, width, collapse, project, out, norm, detach, name, projection_name, reduction_name", "[data]", '[[skip]]\nfrom = "lstm"\nto = "head"\nmrege = "add"\n[data]'),
    forecast("a skip with one end in a recipe", "net.toml:4: skip.0 needs from and to, two taps", "[data]", '[[skip]]\nfrom = "lstm"\n[data]'),
    forecast("weights of another network in a recipe", "net.toml:4: models.net.weights: w.safetensors: the weights do not fit the network: 0 matched, 6 missing, 1 unexpected, 0 of the wrong shape", "[data]", 'weights = "w.safetensors"\n[data]',
             files={**CSV, "w.safetensors": safetensors({"w": ("F32", [2], floats(2))})}),
    train("--set without a value", "--set 'train.epochs': the form is --set KEY=VALUE", options="--set train.epochs"),
    train("--set of a key below a number", "--set 'train.epochs.first': there is no table in front of 'first'", options="--set train.epochs.first=1"),
    train("--set of an unknown key", "net.toml: train.epoch: there is no such key, did you mean epochs?; the keys here are batch, channels_last, clip, device, epochs, eval_batch, export, loss, monitor, optimizer, out, patience, precision, schedule, seed, side, threads", options="--set train.epoch=1"),
    train("--set of a skip that is not there", "net.toml: skip must be a list of tables, each under [[…]], and it is {\"3\":{\"merge\":\"add\"}}", options="--set skip.3.merge=add"),
    train("two outputs", "net.toml: training wants one input and one output; the network has the inputs a/input, b/input and the outputs a/output, b/output", """[models.a]
zoo = "lstm"
[models.b]
zoo = "lstm"
""" + "[data]" + FORECAST.split("[data]")[1]),
    # tables
    forecast("a table of data that is not there", "cannot read row.csv: No such file or directory", '"rows.csv"', '"row.csv"'),
    forecast("a column that is not there", "rows.csv has no column 'c'; its columns are 't', 'a', 'b'", '["a", "b"]', '["a", "c"]'),
    forecast("a target that is not there", "rows.csv has no column 'c'; its columns are 't', 'a', 'b'", "window = 4", 'targets = ["c"]\nwindow = 4'),
    forecast("a window longer than the data", "rows.csv has 36 rows to train on; a window of 400 and a horizon of 1 need 401", "window = 4", "window = 400"),
    forecast("more rows in split than there are", "data.split asks for 120 rows, and rows.csv has 60", "window = 4", "window = 4\nsplit = [100, 10, 10]"),
    forecast("a split of two", "data.split is [train, validation, test], as shares or as numbers of rows", "window = 4", "window = 4\nsplit = [0.5, 0.5]"),
    forecast("a network for other columns", "the network takes f32[N, 4, 3] and the data are f32[N, 4, 2]: node 'lstm': lstm(hidden=4) of (f32[N, 4, 2], f32[16, 3], f32[16, 4], f32[16], f32[16]) does not work", "in = 2", "in = 3"),
    forecast("a network for another horizon", "predicting 3 rows of 2 columns needs an output f32[1, 6] or f32[1, T, 2] with T of 3 or more, and the network gives f32[1, 2]", "horizon = 1", "horizon = 3"),
    train("a text in a column of numbers", "rows.csv:7: column 'a' holds 'five', which is not a finite number", files={"rows.csv": "t,a,b\n" + ROWS.replace("5,5,0", "5,five,0")}),
    train("a cell that is empty", "rows.csv:7: column 'a' holds '', which is not a finite number", files={"rows.csv": "t,a,b\n" + ROWS.replace("5,5,0", "5,,0")}),
    train("a NaN in the data", "rows.csv:7: column 'a' holds 'nan', which is not a finite number", files={"rows.csv": "t,a,b\n" + ROWS.replace("5,5,0", "5,nan,0")}),
    train("a row with too few cells", "rows.csv:7: 2 cells in a table of 3 columns", files={"rows.csv": "t,a,b\n" + ROWS.replace("5,5,0", "5,5")}),
    train("a table of no rows", "rows.csv holds no rows: a header line and rows are needed", files={"rows.csv": "t,a,b\n"}),
    train("an empty table", "rows.csv holds no rows: a header line and rows are needed", files={"rows.csv": ""}),
    train("a table that is a picture", "rows.csv has no column 'a'; its columns are '…PNG'", files={"rows.csv": png(8, 8)}),
    train("two columns of one name", "rows.csv: two columns are called 'a'", files={"rows.csv": "t,a,a\n" + ROWS}),
    train("a quote that is not closed", "rows.csv:62: a quote is opened and not closed", files={"rows.csv": "t,a,b\n" + ROWS + '60,"1,2\n'}),
    # pictures and masks
    segment("a folder of images that is not there", "cannot read the folder pictures: No such file or directory", change=[('"images"', '"pictures"')]),
    segment("a folder without images", "the folder none holds no image (.png, .jpg, .jpeg); other files are there, such as readme.txt", {"none/readme.txt": "nothing"}, [('"images"', '"none"')]),
    train("an image without a mask", "images/3.png has no mask: there is no 3.png (or .jpg) in masks", SEGMENT, without(PICTURES, "masks/3.png")),
    segment("masks without foreground", "the masks in masks hold no foreground in the images to train on", {f"masks/{i}.png": png(16, 16, 1, 0) for i in range(6)}, more=("rule    a mask is 0 where there is background and 255 (or 1) where there is foreground",)),
    segment("masks in shades of grey", "the mask masks/3.png holds the values 128", {"masks/3.png": png(16, 16, 1, 128)}, more=("rule    without data.classes a mask holds a foreground", "data.threshold = 128 where they are shades")),
    segment("masks in colours", "the mask masks/3.png holds colours: #00ff00, #ff0000", {"masks/3.png": COLOURS}, more=("rule    without data.classes a mask holds a foreground", "fix     data.classes = { NAME = \"#rrggbb\", … }")),
    segment("a colour that is no class", "the mask masks/3.png holds the colours #ff0000, which is none of the classes: a #000000, b #00ff00", {**BLACK, "masks/3.png": COLOURS}, [("[train]", 'classes = { a = "#000000", b = "#00ff00" }\n[train]')], more=("fix     name them in data.classes, or data.ignore",)),
    segment("colours where classes are numbers", "the mask masks/3.png holds colours (#00ff00, #ff0000), and data.classes gives numbers: a 0, b 1", {**BLACK, "masks/3.png": COLOURS}, [("[train]", "classes = { a = 0, b = 1 }\n[train]")]),
    segment("a number that is no class", "the mask masks/3.png holds the values 128, which is none of the classes: a 0, b 1", {**BLACK, "masks/3.png": png(16, 16, 1, 128)}, [("[train]", "classes = { a = 0, b = 1 }\n[train]")]),
    segment("a class that has no name", "net.toml:8: data.classes needs two classes at least, the background among them", change=[("[train]", "classes = { cell = 255 }\n[train]")]),
    segment("a colour that is none", "net.toml:8: data.classes.b: 'green' is no colour; the form is \"#rrggbb\", such as \"#00ff00\"", change=[("[train]", 'classes = { a = "#000000", b = "green" }\n[train]')]),
    segment("two classes of one number", "net.toml:4: data: data.classes: 'a' and 'b' have the same mark, 1", change=[("[train]", "classes = { a = 1, b = 1 }\n[train]")]),
    segment("masks of one class alone", "the masks hold 1 of the 2 classes in the images to train on", BLACK, [("[train]", "classes = { a = 0, b = 1 }\n[train]")]),
    segment("masks and annotations", "net.toml:4: data needs images, a folder, and masks, another one, or annotations, a COCO file", change=[("[train]", 'annotations = "a.json"\n[train]')]),
    segment("annotations and what masks mean", "net.toml:8: data.ignore says what masks mean; data.annotations says so itself", {"a.json": "{}"}, [('masks = "masks"', 'annotations = "a.json"'), ("[train]", "ignore = 255\n[train]")]),
    segment("weights of classes for a foreground", "loss.class_weights = \"frequency\" weigh one class against another, and here there is a foreground alone", change=[("[train]", '[train]\nloss = { class_weights = "frequency" }')], more=("fix     focal or tversky",)),
    segment("annotations that are no COCO", "a.json is no COCO file: it has no list 'categories'", {"a.json": "{}"}, [('masks = "masks"', 'annotations = "a.json"')]),
    segment("two masks of one name", "masks/3.jpg and 3.png have one name, so masks cannot be told to one of them", {"masks/3.jpg": "any"}),
    train("a network that ends in a relu", "the network ends in relu ('y'), which gives nothing below 0, and the loss wants logits of both signs", ENDS, {**PICTURES, "net.rung": ends_in("relu")}, more=("fix     a network that ends in the layer before, or in a sigmoid",)),
    train("a softmax for a foreground", "the network ends in Softmax ('y'), whose numbers add up to 1, and here each channel is a yes or no of its own", ENDS, {**PICTURES, "net.rung": ends_in("Softmax")}),
    train("several broken images", "2 of 6 files cannot be used:", SEGMENT, {**PICTURES, "images/1.png": b"no picture", "images/4.png": png(16, 16)[:60]}, more=("images/1.png is neither PNG nor JPEG", "images/4.png is a broken PNG file: cut short")),
    segment("a mask of another size", "images/3.png is 16 x 16 and its mask masks/3.png is 15 x 16", {"masks/3.png": png(16, 15, 1, 255)}),
    segment("an image that is cut short", "images/3.png is a broken PNG file: cut short", {"images/3.png": png(16, 16)[:60]}),
    segment("an image of text", "images/3.png is neither PNG nor JPEG", {"images/3.png": "not a picture at all, but some text"}),
    segment("a crop of no size", "net.toml:8: data.crop is [height, width], each from 1 to 16384", change=[("[train]", "crop = [0, 16]\n[train]")]),
    segment("two channels", "net.toml:8: data.channels is 1 (grey) or 3 (colour)", change=[("[train]", "channels = 2\n[train]")]),
    segment("a network for grey images on colour", "the network takes f32[N, 1, 16, 16] and the data are f32[N, 3, 16, 16]: node 'stage1.conv1': Conv(stride=[1, 1], padding=[1, 1], dilation=[1, 1]) of (f32[N, 3, 16, 16], f32[2, 1, 3, 3]) does not work", change=[("base = 2", "base = 2, in = 1")]),
    segment("a network of several classes for a mask", "segmentation of the foreground needs an output f32[1, 1, H, W], and the network gives f32[1, 3, 16, 16]; a head with one channel is needed (classes = 1)", change=[("base = 2", "base = 2, classes = 3")]),
    segment("a share of validation above 1", "net.toml:8: data.validation is 1.5; it is a number from 0 to 0.9", change=[("[train]", "validation = 1.5\n[train]")]),
    segment("an index with an unknown part", "index.csv:3: split is 'trial'; it is one of train, val, test", {"index.csv": "id,split\n0,train\n1,trial\n"},
            [("[train]", 'index = "index.csv"\n[train]')]),
    segment("an index with an unknown image", "index.csv:3: there is no image '77' in images", {"index.csv": "id,split\n0,train\n77,test\n"},
            [("[train]", 'index = "index.csv"\n[train]')]),
    # classes
    train("one class", "pictures holds 1 folders; one for each class is needed, two at least", CLASSIFY, {k: v for k, v in CLASSES.items() if "/b/" not in k}),
    train("a class without images", "the folder pictures/c holds no image (.png, .jpg, .jpeg); other files are there, such as readme.txt", CLASSIFY, {**CLASSES, "pictures/c/readme.txt": "none"}),
    train("a network of other classes", "classification of 2 classes needs an output f32[1, 2], and the network gives f32[1, 5]", CLASSIFY, CLASSES, [("classes = 2", "classes = 5")]),
    train("pictures of different sizes", "pictures/a/0.png is [1, 8, 8] and pictures/a/9.png is [1, 8, 9]; give data.size = [height, width]", CLASSIFY, {**CLASSES, "pictures/a/9.png": png(9, 8, 1)}),
    train("a class that only the test part has", "pictures/test/c is none of the classes to train on, which are a, b", CLASSIFY,
          {name.replace("pictures/", "pictures/train/"): content for name, content in CLASSES.items()} | {"pictures/test/c/0.png": png(8, 8, 1)}),
    table("a label file without labels", "pictures/labels.csv has no column 'label'; its columns are file, class", "file,class\na/0.png,a\n"),
    table("a label file of missing pictures", "pictures/labels.csv:3: there is no file pictures/c/0.png", "file,label\na/0.png,a\nc/0.png,b\n"),
    table("a picture that is labelled twice", "pictures/labels.csv:3: 'a/0.png' stands there twice", "file,label\na/0.png,a\na/0.png,b\n"),
    table("a picture without a label", "pictures/labels.csv:3: the label is empty", "file,label\na/0.png,a\nb/0.png,\n"),
    table("a fold and a share", "net.toml:9: data.validation: with data.fold, the fold is what validates", "file,label\na/0.png,a\n", [("channels = 1", "channels = 1\nfold = [1, 5]\nvalidation = 0.2")]),
    table("a fold beside a column of parts", "pictures/labels.csv: the column split says the parts; leave out data.fold", "file,label,split\na/0.png,a,train\nb/0.png,b,train\n", [("channels = 1", "channels = 1\nfold = [1, 5]")]),
    table("a fold without samples", "pictures/labels.csv: fold 5 of 5 is empty; there are 2 samples or groups to share out", "file,label,group\na/0.png,a,1\nb/0.png,b,2\n", [("channels = 1", "channels = 1\ntest = 0\nfold = [5, 5]")]),
    table("a fold of none", "net.toml:8: data.fold is [WHICH, OF], such as [1, 5] for the first of five folds", "file,label\na/0.png,a\n", [("channels = 1", "channels = 1\nfold = [6, 5]")]),
    train("a size for IDX files", "net.toml:7: data.size goes with folder or csv; IDX files say their size and bring a test part", DIGITS, IDX, [("[train]", "size = [9, 9]\n[train]")]),
    digits("a test label beyond the classes", "the test labels of mnist go up to 11, and those to train on only to 9", "t10k-labels-idx1-ubyte", idx(8, [10], bytes([11] * 10))),
    digits("no IDX labels", "there is neither mnist/train-labels-idx1-ubyte nor mnist/train-labels-idx1-ubyte.gz; data.idx is a folder of MNIST's four files", "train-labels-idx1-ubyte", None),
    digits("an IDX file that is cut short", "mnist/train-images-idx3-ubyte declares 1280 bytes ([20, 8, 8]) and holds 484", "train-images-idx3-ubyte", idx(8, [20, 8, 8])[:500]),
    digits("an IDX file of text", "mnist/train-images-idx3-ubyte is not an IDX file (the form of MNIST's files)", "train-images-idx3-ubyte", b"these are no images"),
    digits("more IDX images than labels", "mnist/train-images-idx3-ubyte holds 20 images and mnist/train-labels-idx1-ubyte 19 labels", "train-labels-idx1-ubyte", idx(8, [19])),
    digits("IDX images of another rank", "mnist/train-images-idx3-ubyte has shape [20, 64] and mnist/train-labels-idx1-ubyte has shape [20]; images [N, H, W] and labels [N] are needed", "train-images-idx3-ubyte", idx(8, [20, 64])),
    digits("an IDX file of absurd sizes", "mnist/train-images-idx3-ubyte declares the shape [4294967295, 4294967295, 4294967295], which is too large", "train-images-idx3-ubyte", idx(8, [4294967295] * 3, bytes(10))),
    digits("a label beyond the classes", "classification of 78 classes needs an output f32[1, 78], and the network gives f32[1, 10]", "train-labels-idx1-ubyte", idx(8, [20], bytes([77] * 20))),
    train("a broken .gz file", "mnist/train-images-idx3-ubyte.gz is damaged: mnist/train-images-idx3-ubyte.gz: invalid stored block lengths", DIGITS, {**without(IDX, "mnist/train-images-idx3-ubyte"),
                                             "mnist/train-images-idx3-ubyte.gz": b"\x1f\x8b\x08" + bytes(50)}),
    # regression
    train("regression of nothing", "net.toml:4: data needs table, a CSV of images and numbers, or images, a folder whose images have targets in another one", MEASURE, CLASSES, [('table = "table.csv"\n', "")]),
    train("regression without targets", "net.toml:4: data needs targets, a list of columns: targets = [\"NAME\"]", MEASURE, {**CLASSES, "table.csv": AGES}, [('targets = ["age"]\n', "")]),
    measure("a target that is no column", "table.csv has no column 'weight'; its columns are 'file', 'age'", AGES, [('"age"', '"weight"')]),
    measure("a target given twice", "data.targets names 'age' twice", AGES, [('["age"]', '["age", "age"]')]),
    measure("a target that is missing", "table.csv:4: column 'age' holds '', which is not a finite number", AGES.replace("a/2.png,21", "a/2.png,")),
    measure("a target that is no number", "table.csv:4: column 'age' holds 'old', which is not a finite number", AGES.replace("a/2.png,21", "a/2.png,old")),
    measure("a target that is constant", "table.csv: column 'age' is 7 in all 10 rows to train on, so there is nothing to learn", "file,age\n" + "".join(f"{kind}/{i}.png,7\n" for kind in "ab" for i in range(6)), more=("fix     leave it out of data.targets",)),
    measure("a picture of a table of numbers that is not there", "table.csv:3: there is no file pictures/c/9.png", "file,age\na/0.png,1\nc/9.png,2\n"),
    measure("a network of another number of targets", "regression of 1 column needs an output f32[1, 1], and the network gives f32[1, 2]", AGES, [("classes = 1", "classes = 2")]),
    measure("a loss of classes for numbers", "net.toml:11: train.loss.dice is a loss of classes; here these are known: huber, mae, mse", AGES, [("[train]", "[train]\nloss = { dice = 1 }")]),
    measure("a table and a folder of targets", "net.toml:4: data needs table, a CSV of images and numbers, or images, a folder whose images have targets in another one", AGES, [('root = "pictures"', 'images = "pictures"')]),
    train("a network of a table that gives nothing below 0", "the network ends in relu ('y'), and targets of a table are numbers of both signs (less their mean, divided by their deviation)", MEASURE.replace('zoo = "skip_net"\nsettings = { depth = 4, width = 2, classes = 1, size = 8 }', 'file = "net.rung"'), {**CLASSES, "table.csv": AGES, "net.rung": ends_in("relu")}, more=("fix     a network that ends in the layer before",)),
    restore("a picture without a target", "images/6.png has no target: there is no 6.png (or .jpg) in targets", {"images/6.png": png(16, 16)}),
    restore("a target of another size", "images/2.png is 16 x 16 and its target targets/2.png is 8 x 16", {"targets/2.png": png(16, 8, 1, 9)}),
    restore("targets of different channels", "targets/0.png has 1 channels and targets/2.png has 3; all targets must have as many", {"targets/2.png": png(16, 16, 3)}),
    restore("targets of 8 and of 16 bits", "targets/2.png is of 16 bits, and other targets are of 8 bits; all must be of one kind", {"targets/2.png": WORDS}),
    restore("targets that are all alike", "the targets in targets are 0.2 everywhere, so there is nothing to learn", {f"targets/{i}.png": png(16, 16, 1, 51) for i in range(6)}),
    restore("a network of other channels than the targets", "regression of images needs an output of the targets' shape, f32[1, 3, 16, 16], and the network gives f32[1, 1, 16, 16]", {f"targets/{i}.png": png(16, 16, 3, 40 * i) for i in range(6)}),
    restore("targets that are whole numbers", "6 of 6 files cannot be used:", numbers("<i4", (16, 16), bytes(1024)), NUMBERS, more=("numbers/0.npy holds whole numbers, which may be levels of an image or measurements",)),
    restore("targets that are infinite", "6 of 6 files cannot be used:", numbers("<f4", (16, 16), floats(256, float("inf"))), NUMBERS, more=("numbers/0.npy holds numbers that are infinite; what was not measured is nan",)),
    restore("targets that are no maps", "6 of 6 files cannot be used:", numbers("<f4", (256,), floats(256)), NUMBERS, more=("numbers/0.npy has shape [256]; a target is [height, width] or [channels, height, width]",)),
    restore("targets in which nothing is measured", "the targets in numbers hold nothing that is counted", numbers("<f4", (16, 16), floats(256, float("nan"))), NUMBERS),
    # the training itself
    forecast("a loss that is not finite", "the loss is … in epoch 1, step …: training went astray", "[train]", '[train]\noptimizer = { kind = "sgd", lr = 1e6 }', options="--set train.batch=1", leaves="net_out"),
    forecast("a validation loss that is not finite", "the validation loss is inf after epoch 1: training went astray", "[train]", '[train]\noptimizer = { kind = "sgd", lr = 1e6 }',
             options="--set train.epochs=50 --set data.relative=true", leaves="net_out"),
    train("nothing to resume", "cannot resume: there is no checkpoint net_out/checkpoint.safetensors", options="--resume"),
    train("resuming with other settings", "cannot resume from net_out/checkpoint.safetensors: the run was started with other settings", options="--resume --set train.batch=4", first=(RUN,), leaves="net_out"),
    train("resuming with another network", "cannot resume from net_out/checkpoint.safetensors: the run was started with other settings", options="--resume --set models.net.settings.hidden=5", first=(RUN,), leaves="net_out"),
    train("resuming with other data", "cannot resume from net_out/checkpoint.safetensors: the run was started with other settings", options="--resume --set data.window=3", first=(RUN,), leaves="net_out", more=("data.window was 4 and is 3",)),
    train("resuming with a table that changed", "cannot resume from net_out/checkpoint.safetensors: the data differ from those that the run began with", options="--resume --set train.epochs=2", first=(RUN, "sed -i s/59,3,2/59,3,1/ rows.csv"), leaves="net_out", more=("rows.csv has changed",)),
    train("more epochs where the schedule spans them all", "cannot resume from net_out/checkpoint.safetensors: the run was started with other settings", change=[("[train]", '[train]\nschedule = { kind = "cosine" }')], options="--resume --set train.epochs=2", first=(RUN,), leaves="net_out", more=("epochs was 1 and is 2",)),
    train("a checkpoint that is cut short", "net_out/checkpoint.safetensors is cut short: tensor 'w' ends at byte 8 of its data, which has 4", options="--resume",
          files={**CSV, "net_out/checkpoint.safetensors": safetensors({"w": ("F32", [2], floats(2))})[:-4]}),
    train("a checkpoint that is none", "cannot resume from net_out/checkpoint.safetensors: it is no checkpoint of rung", options="--resume",
          files={**CSV, "net_out/checkpoint.safetensors": safetensors({"w": ("F32", [2], floats(2))})}),
    train("a network into a folder that is not there", "cannot write nowhere/net.onnx: No such file or directory", options="-o nowhere/net.onnx"),
    # evaluate and predict
    Case("an evaluation before the training", "rung evaluate net.toml", "there is no net_out/best.rung: the recipe was not trained; --network FILE evaluates another network", files={"net.toml": FORECAST, **CSV}, verb="train"),
    Case("an evaluation of a part that is none", "rung evaluate net.toml --part trial", "--part 'trial': it is one of train, validation, test", files={"net.toml": FORECAST, **CSV}, verb="train"),
    Case("an evaluation of a network of another task", "rung evaluate net.toml --network class_out/best.rung", "class_out/best.rung was trained for classification, and the recipe's task is regression", files={"net.toml": MEASURE, "class.toml": CLASSIFY, **CLASSES, "table.csv": AGES}, first=("rung train class.toml",), verb="train", leaves="class_out"),
    Case("an evaluation of other targets", "rung evaluate other.toml --network net_out/best.rung", "the targets of the data are not those of the network", files={"net.toml": MEASURE, "other.toml": MEASURE.replace('"age"', '"height"').replace("table.csv", "other.csv"), **CLASSES, "table.csv": AGES, "other.csv": AGES.replace("age", "height")}, first=(RUN,), verb="train", leaves="net_out", more=("data     height", "network  age")),
    Case("an evaluation of another kind of network", "rung evaluate net.toml --network net.rung", "segmentation of the foreground needs an output f32[1, 1, H, W], and the network gives f32[1, 3, 16, 16]; a head with one channel is needed (classes = 1)", files={"net.toml": ENDS, "net.rung": rung_file(graph([X, {"name": "conv", "op": {"op": "abs"}, "inputs": ["x"]}]), {}), **PICTURES}, verb="train"),
    Case("a prediction in another precision", "rung predict net.rung a.png -o out --precision bf16", "--precision bf16: LibTorch runs the network in the types of its file; give --program", files={"net.rung": ends_in("abs"), "a.png": png(8, 8)}, verb="train"),
    Case("a prediction by fast bf16 on LibTorch", "rung predict net.rung a.png -o out --fast-bf16", "--fast-bf16: it is a choice of compiled programs; give --program, and --precision bf16", files={"net.rung": ends_in("abs"), "a.png": png(8, 8)}, verb="train"),
    Case("a program's prediction on a GPU", "rung predict net.rung a.png -o out --program --device cuda", "--device cuda: --program runs on the CPU", files={"net.rung": ends_in("abs"), "a.png": png(8, 8)}, verb="train"),
    Case("a prediction for pictures that are not there", "rung predict net.rung photos", "there is no file or folder photos", files={"net.rung": ends_in("abs")}, verb="train"),
    Case("predictions of maps without a folder", "rung predict net.rung a.png", "the network makes maps; -o FOLDER says where their pictures go", files={"net.rung": ends_in("abs"), "a.png": png(8, 8)}, verb="train"),
    Case("predictions by a network of other inputs", "rung predict zoo:lstm a.png", "rung predict runs networks on pictures, and the input of zoo:lstm is f32[N, 32, 1]", more=("fix     rung run takes inputs of any kind",), files={"a.png": png(8, 8)}, verb="train"),
    Case("predictions over the pictures", "rung predict net.rung photos -o photos", "-o 'photos': the map of photos/a.png would be written over it; give another folder", files={"net.rung": ends_in("abs"), "photos/a.png": png(8, 8)}, verb="train"),
    Case("two pictures of one name", "rung predict net.rung a.png b -o out", "a.png and b/a.png would be written to one file; run them into folders of their own", files={"net.rung": ends_in("abs"), "a.png": png(8, 8), "b/a.png": png(8, 8)}, verb="train"),
    Case("tiles that are smaller than the network's stride", "rung predict net.rung a.png -o out --tile 32 --overlap 16", "tiles of 32 with an overlap of 16 move by 0", files={"net.rung": ends_in("abs"), "a.png": png(64, 64)}, verb="train", leaves="out"),
    Case("an overlap without tiles", "rung predict net.rung a.png -o out --overlap 16", "--overlap is of --tile; give both", files={"net.rung": ends_in("abs"), "a.png": png(8, 8)}, verb="train"),
    Case("a form of pictures that is none", "rung predict net.rung a.png -o out --as heat", "--as 'heat': it is one of values, range, probability, classes", files={"net.rung": ends_in("abs"), "a.png": png(8, 8)}, verb="train"),
    train("results onto a file", "cannot make the folder rows.csv: Not a directory", options="--set train.out=rows.csv"),
    train("results in a folder that cannot be", "cannot make the folder /proc/rung: No such file or directory", options="--set train.out=/proc/rung"),
    train("a checkpoint on a full disk", "cannot write net_out/best.rung: File too large; nothing was changed", file_bytes=500, leaves="net_out"),
]
