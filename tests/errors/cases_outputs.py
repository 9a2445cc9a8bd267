"""rung train with several inputs, outputs and hints."""

from case import Case, png

TITLE = "rung train: tables, several outputs, hints"

PICTURES = {f"p/{i}.png": png(8, 8, 1, 20 * i) for i in range(8)} | {f"m/{i}.png": png(8, 8, 1, 255 * (i % 2)) for i in range(8)}
ROWS = "file,mask,kind,price,age\n" + "".join(f"p/{i}.png,m/{i}.png,{'ab'[i % 2]},{i * 3},{40 + i}\n" for i in range(8))
FILES = {**PICTURES, "rows.csv": ROWS}
NET = """[models.net]
zoo = "skip_net"
settings = { depth = 4, width = 2, classes = 2, size = 8 }
"""
TABLE = NET + """[data]
task = "table"
csv = "rows.csv"
test = 0
[data.inputs.input]
image = "file"
channels = 1
[[output]]
name = "output"
label = "kind"
[train]
epochs = 1
batch = 4
"""
TEACH = """[models.student]
zoo = "skip_net"
settings = { depth = 4, width = 2, classes = 2, size = 8 }
[models.teacher]
zoo = "skip_net"
settings = { depth = 4, width = 4, classes = 2, size = 8 }
input = "student/input"
[[hint]]
from = "teacher/output"
to = "student/output"
[data]
task = "classification"
csv = "labels.csv"
channels = 1
"""
LABELS = {**PICTURES, "labels.csv": "file,label\n" + "".join(f"p/{i}.png,{'ab'[i % 2]}\n" for i in range(8))}


def case(mistake, message, *changes, recipe=TABLE, files=FILES, **other):
    for old, new in changes:
        assert old in recipe, (mistake, old)
        recipe = recipe.replace(old, new, 1)
    return Case(mistake, "rung train net.toml", message, verb="train", files={**files, "net.toml": recipe}, **other)


CASES = [
    case("an input without data", "net.toml: the network's input 'input' f32[N, 1, 8, 8] has no data: [data.inputs.'input'] is missing; there are data for 'picture'", ("[data.inputs.input]", "[data.inputs.picture]")),
    case("a table without inputs", "net.toml:4: data needs inputs: [data.inputs.NAME] for each input of the network, with image or numbers", ('[data.inputs.input]\nimage = "file"\nchannels = 1\n', "")),
    case("an input of nothing", "net.toml:8: data.inputs.input needs image, a column of files, or numbers, columns of numbers", ('image = "file"\n', "")),
    case("an input of two kinds", "net.toml:8: data.inputs.input needs image, a column of files, or numbers, columns of numbers", ('channels = 1\n', 'channels = 1\nnumbers = ["age"]\n')),
    case("a size of numbers", "net.toml:10: data.inputs.input.size goes with image", ('image = "file"\nchannels = 1\n', 'numbers = ["age"]\nsize = [8, 8]\n')),
    case("numbers for an input of pictures", "input 'input' has the wrong rank: it is f32[1, 1], but the network takes f32[N, 1, 8, 8]", ('image = "file"\nchannels = 1\n', 'numbers = ["age"]\n')),
    case("a table without outputs", "net.toml:1: a table needs [[output]] for each output, with name and label, numbers or mask", ('[[output]]\nname = "output"\nlabel = "kind"\n', "")),
    case("an output of a table without a name", "net.toml:11: output.0 needs name, an output of the network", ('name = "output"\n', "")),
    case("an output of nothing", "net.toml:11: output.0 needs one of label (a column of classes), numbers (columns) and mask (a column of files)", ('label = "kind"\n', "")),
    case("an output of two kinds", "net.toml:11: output.0 needs one of label (a column of classes), numbers (columns) and mask (a column of files)", ('label = "kind"\n', 'label = "kind"\nnumbers = ["price"]\n')),
    case("an output that is not there", "net.toml: there is no output 'scores' to keep; the outputs are 'output'", ('name = "output"', 'name = "scores"')),
    case("outputs twice over", "net.toml:12: output.0: [[output]] says which outputs there are; leave out outputs", ("[models.net]", 'outputs = ["output"]\n[models.net]')),
    case("a loss of the whole table", "net.toml:17: train.loss: each [[output]] of a table has a loss of its own", ("batch = 4\n", "batch = 4\nloss = { focal = 1 }\n")),
    case("a loss of numbers for classes", "net.toml:14: output.0.loss.mse is a loss of numbers; here these are known: cross_entropy, dice, focal, lovasz, tversky", ('label = "kind"\n', 'label = "kind"\nloss = { mse = 1 }\n')),
    case("a column of labels that is not there", "rows.csv has no column 'sort'; its columns are 'file', 'mask', 'kind', 'price', 'age'", ('label = "kind"', 'label = "sort"')),
    case("a table with a file that is missing", "rows.csv:5: there is no file p/33.png", files={**FILES, "rows.csv": ROWS.replace("p/3", "p/33")}),
    case("a table with a cell that is no number", "rows.csv:5: column 'price' holds 'nine', which is not a finite number", ('label = "kind"', 'numbers = ["price"]'), files={**FILES, "rows.csv": ROWS.replace(",9,", ",nine,")}),
    case("a table with numbers that are all alike", "rows.csv: the column 'price' is 3 in every row to train on", ('label = "kind"', 'numbers = ["price"]'), files={**FILES, "rows.csv": "file,price\n" + "".join(f"p/{i}.png,3\n" for i in range(8))}),
    case("a table of one class", "rows.csv has 1 different labels; two at least are needed", files={**FILES, "rows.csv": "file,kind\n" + "".join(f"p/{i}.png,a\n" for i in range(8))}),
    case("numbers for an output of two classes", "regression of 1 column needs an output f32[1, 1], and the network gives f32[1, 2]", ('label = "kind"', 'numbers = ["price"]')),
    case("masks for an output of classes", "segmentation of the foreground needs an output f32[1, 1, H, W], and the network gives f32[1, 2]; a head with one channel is needed (classes = 1)", ('label = "kind"', 'mask = "mask"')),
    case("masks of another size than the pictures", "rows.csv:2: p/0.png is 16 x 16 and its mask m/0.png is 8 x 8", ('label = "kind"', 'mask = "mask"'), ('channels = 1\n', 'channels = 1\nsize = [16, 16]\n')),
    case("a folder of masks per class in a table", "net.toml:14: output.0.classes: a column has one mask for each row; classes = { NAME = NUMBER, … }", ('label = "kind"', 'mask = "mask"\nclasses = ["a", "b"]')),
    case("a fold beside a validation part", "net.toml:9: data.validation: with data.fold, the fold is what validates", ("test = 0\n", "test = 0\nfold = [1, 2]\nvalidation = 0.2\n")),
    case("a hint without an end", "net.toml:8: hint.0 needs from, the tap that teaches, and to, the tap that learns", ('to = "student/output"\n', ""), recipe=TEACH, files=LABELS),
    case("a hint from a tap that is not there", "net.toml: unknown tap 'teacher/logit'; the nearest names are 'teacher', 'teacher/block1', 'teacher/input'", ('from = "teacher/output"', 'from = "teacher/logit"'), recipe=TEACH.replace("[[hint]]", "[[hint]]"), files=LABELS),
    case("a hint between unlike shapes", "net.toml: the hint from 'teacher/block1' f32[N, 4, 8, 8] to 'student/block1' f32[N, 2, 8, 8] needs two values of one shape", ('from = "teacher/output"', 'from = "teacher/block1"'), ('to = "student/output"', 'to = "student/block1"'), ("[models.student]", 'outputs = ["student/output"]\n[models.student]'), recipe=TEACH, files=LABELS),
    case("a hint with the loss of classes", "net.toml:11: hint.0.loss is one of huber, mae, mse, kl, such as { mse = 1 }", ('to = "student/output"\n', 'to = "student/output"\nloss = { dice = 1 }\n'), recipe=TEACH, files=LABELS),
    case("a hint with two losses", "net.toml:11: hint.0.loss is one of huber, mae, mse, kl, such as { mse = 1 }", ('to = "student/output"\n', 'to = "student/output"\nloss = { mse = 1, mae = 1 }\n'), recipe=TEACH, files=LABELS),
    case("a teacher whose output is not left out", "net.toml: training wants one input and one output; the network has the inputs student/input and the outputs student/output, teacher/output", ('from = "teacher/output"', 'from = "teacher/fc"'), recipe=TEACH, files=LABELS),
]
