"""rung train, evaluate and predict, as a user meets them: what is said, and that what is trained is what was meant."""

import json
import pathlib
import random
import struct
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "errors"))
from case import CONV, X, floats, graph, rung_file  # noqa: E402
from command import CommandTest, main, rung  # noqa: E402


def png(rows, channels=1, bits=8):
    """Rows of bytes, two a number of 16 bits."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", len(rows[0]) // channels // (bits // 8), len(rows), bits, 2 if channels == 3 else 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\x00" + bytes(row) for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def palette_png(rows, colours):
    """8 bits: places in a list of colours."""
    plain = png(rows)
    table = b"".join(bytes(colour) for colour in colours)
    chunk = struct.pack(">I", len(table)) + b"PLTE" + table + struct.pack(">I", zlib.crc32(b"PLTE" + table))
    head = plain[12:25] + b"\x03" + plain[26:29]  # IHDR, of colour type 3
    return plain[:12] + head + struct.pack(">I", zlib.crc32(head)) + chunk + plain[33:]


def run_lengths(inside):
    """COCO's uncompressed run lengths: column by column, beginning with what is outside."""
    counts, last = [0], False
    for x in range(len(inside[0])):
        for row in inside:
            if bool(row[x]) != last:
                counts.append(0)
                last = not last
            counts[-1] += 1
    return {"size": [len(inside), len(inside[0])], "counts": counts}


def pixels(path):
    """Grey rows, or rows of triples, of a PNG that rung wrote."""
    data, at, body = path.read_bytes(), 8, b""
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    while at < len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        if data[at + 4 : at + 8] == b"IDAT":
            body += data[at + 8 : at + 8 + length]
        at += 12 + length
    channels = 3 if kind == 2 else 1
    raw, rows, stride = zlib.decompress(body), [], width * channels
    above = bytearray(stride)
    for y in range(height):
        how, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        for i in range(stride):  # the five filters of PNG
            left = line[i - channels] if i >= channels else 0
            up, corner = above[i], above[i - channels] if i >= channels else 0
            if how == 1:
                line[i] = (line[i] + left) & 255
            elif how == 2:
                line[i] = (line[i] + up) & 255
            elif how == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif how == 4:
                guess = left + up - corner
                near = min((left, up, corner), key=lambda v: (abs(guess - v), (left, up, corner).index(v)))
                line[i] = (line[i] + near) & 255
        rows.append(list(line) if channels == 1 else [tuple(line[i : i + 3]) for i in range(0, stride, 3)])
        above = line
    return rows


def bright_squares(count, size=16, seed=1):
    """Pictures in which a square is bright, and where it is."""
    draw = random.Random(seed)
    for _ in range(count):
        y, x = draw.randrange(size - 6), draw.randrange(size - 6)
        inside = [[y <= i < y + 6 and x <= j < x + 6 for j in range(size)] for i in range(size)]
        yield [[230 if here else 20 for here in row] for row in inside], inside


def network(end=None, channels=1):
    """A convolution 3x3 of grey pictures, and perhaps an op behind it."""
    x = {**X, "op": {**X["op"], "type": {**X["op"]["type"], "shape": [1, 1, 16, 16]}}}
    weight = {"name": "conv.weight", "op": {"op": "Param", "dtype": "f32", "shape": [channels, 1, 3, 3]}}
    bias = {"name": "conv.bias", "op": {"op": "Param", "dtype": "f32", "shape": [channels]}}
    nodes = [x, weight, bias, {**CONV, "inputs": ["x", "conv.weight", "conv.bias"]}]
    if end:
        nodes.append({"name": "end", "op": end, "inputs": ["conv"]})
    content = graph(nodes, outputs=({"name": "y", "value": "end" if end else "conv"},))
    return rung_file(content, {"conv.weight": ("F32", [channels, 1, 3, 3], floats(9 * channels, 0.01)),
                               "conv.bias": ("F32", [channels], floats(channels, 0.0))})


RECIPE = """[models.net]
file = "net.rung"
[data]
task = "segmentation"
images = "images"
masks = "masks"
channels = 1
augment = { rotate = false }
[train]
epochs = 12
batch = 4
threads = 1
optimizer = { kind = "adam", lr = 0.3 }
"""

NUMBERS = """[models.net]
zoo = "skip_net"
settings = { depth = 4, width = 4, classes = 1, size = 8, in = 1 }
[data]
task = "regression"
table = "table.csv"
root = "images"
targets = ["price"]
channels = 1
[train]
epochs = 40
batch = 5
threads = 1
optimizer = { kind = "adam", lr = 0.01 }
"""


class Train(CommandTest):
    def squares(self, net, recipe=RECIPE, mark=lambda inside: 255 if inside else 0, count=24):
        for name in ("images", "masks"):
            (self.folder / name).mkdir()
        for i, (picture, inside) in enumerate(bright_squares(count)):
            (self.folder / f"images/{i}.png").write_bytes(png(picture))
            (self.folder / f"masks/{i}.png").write_bytes(png([[mark(here) for here in row] for row in inside]))
        (self.folder / "net.rung").write_bytes(net)
        (self.folder / "net.toml").write_text(recipe)

    def greys(self, recipe, count=40):
        """Pictures of one grey each, and a table of two numbers that follow from it."""
        (self.folder / "images").mkdir()
        draw, rows = random.Random(3), []
        for i in range(count):
            grey = draw.randrange(20, 236)
            (self.folder / f"images/{i}.png").write_bytes(png([[grey] * 8 for _ in range(8)]))
            rows.append((f"{i}.png", 1000 + 2 * grey, 5 - 0.01 * grey, ("train", "train", "val", "test")[i % 4]))
        (self.folder / "table.csv").write_text("file,price,depth,split\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))
        (self.folder / "net.toml").write_text(recipe)
        return rows

    def train(self, *options):
        return self.prints("train", self.folder / "net.toml", *options)

    def result_of(self, text):
        words = next(line for line in text.splitlines() if line.startswith("test:")).split()
        return {name: float(value) for name, value in zip(words[1::2], words[2::2])}

    def test_logits_and_sigmoids_learn_alike(self):
        self.squares(network())
        self.assertGreater(self.result_of(self.train())["iou"], 0.95)
        (self.folder / "net.rung").write_bytes(network({"op": "sigmoid"}))
        self.assertGreater(self.result_of(self.train())["iou"], 0.95)

    def test_a_mask_is_written_as_a_person_expects(self):
        self.squares(network())
        self.train()
        for name in ("best.rung", "best.onnx"):
            model = self.folder / "net_out" / name
            if name.endswith(".onnx"):
                done = rung("convert", self.folder / "net_out/best.rung", model)
                if done.returncode == 3:
                    continue  # without ONNX
                self.assertEqual(done.returncode, 0, done.stderr)
            out = self.folder / "mask.png"
            self.prints("run", model, "--input", self.folder / "images/3.png", "-o", out)
            want = pixels(self.folder / "masks/3.png")
            wrong = sum(a != b for got, row in zip(pixels(out), want) for a, b in zip(got, row))
            self.assertLess(wrong, 8)
            self.assertEqual({v for row in pixels(out) for v in row}, {0, 255})

    def test_values_beyond_a_picture_are_not_cut_off(self):
        self.squares(network())
        text = rung("run", self.folder / "net.rung", "--input", "randn", "-o", self.folder / "y.png").stderr
        self.assertIn("and a picture shows 0 to 1", text)
        self.prints("run", self.folder / "net.rung", "--input", "randn", "-o", self.folder / "y.png", "--as", "range")
        values = [v for row in pixels(self.folder / "y.png") for v in row]
        self.assertEqual((min(values), max(values)), (0, 255))

    def test_classes_have_their_colours(self):
        recipe = RECIPE.replace('masks = "masks"', 'masks = "masks"\nclasses = { back = 0, square = 7 }\n'
                                'ignore = 255').replace("lr = 0.3 }", "lr = 0.3 }\nmonitor = \"dice\"")
        self.squares(network(channels=2), recipe, mark=lambda inside: 7 if inside else 0)
        text = self.train()
        self.assertGreater(self.result_of(text)["iou"], 0.95)
        self.assertIn("\nsquare ", text)
        facts = json.loads((self.folder / "net_out/data.json").read_text())
        self.assertEqual(facts, {"classes": ["back", "square"], "task": "segmentation"})
        log = json.loads((self.folder / "net_out/log.json").read_text())
        self.assertEqual(len(log["test"]["details"]["confusion"]), 2)
        out = self.folder / "mask.png"
        self.prints("run", self.folder / "net_out/best.rung", "--input", self.folder / "images/0.png", "-o", out)
        colours = {v for row in pixels(out) for v in row}
        self.assertEqual(colours, {(0, 0, 0), (136, 204, 238)})

    def test_what_is_left_out_is_named(self):
        self.squares(network())
        (self.folder / "images/slide.tif").write_bytes(b"II*\x00")
        (self.folder / "masks/99.png").write_bytes(png([[0] * 16] * 16))
        text = self.train("--set", "train.epochs=1")
        self.assertIn("images is left out, being no image (.png, .jpg, .jpeg): slide.tif", text)
        self.assertIn("1 masks have no image: 99.png", text)

    def test_a_class_of_one_picture_is_said(self):
        for name, count in [("a", 6), ("b", 6), ("lonely", 1)]:
            (self.folder / "pictures" / name).mkdir(parents=True)
            for i in range(count):
                (self.folder / "pictures" / name / f"{i}.png").write_bytes(png([[40 * len(name)] * 8] * 8))
        (self.folder / "net.toml").write_text(
            '[models.net]\nzoo = "skip_net"\nsettings = { depth = 4, width = 2, classes = 3, size = 8 }\n'
            '[data]\ntask = "classification"\nfolder = "pictures"\nchannels = 1\n[train]\nepochs = 1\nbatch = 4\n')
        self.assertIn("class 'lonely' has one image", self.train())
        text = self.prints("predict", self.folder / "net_out/best.rung", self.folder / "pictures/a", "--top", 2)
        self.assertEqual(text.splitlines()[0], "file,class1,probability1,class2,probability2")
        self.assertEqual(len(text.splitlines()), 7)
        self.assertTrue(any(f",{name}," in text for name in ("a", "b", "lonely")))

    def test_a_run_goes_on_with_its_own_data(self):
        self.squares(network())
        self.train("--set", "train.epochs=1")
        text = self.train("--resume", "--set", "train.epochs=2", "--set", "train.threads=2")
        self.assertIn("began with 1 threads and goes on with 2", text)
        (self.folder / "images/3.png").write_bytes(png([[9] * 16] * 16))
        done = rung("train", self.folder / "net.toml", "--resume", "--set", "train.epochs=3")
        self.assertEqual(done.returncode, 2)
        self.assertIn("images/3.png has changed", done.stderr)

    def test_evaluation_is_that_of_the_training(self):
        self.squares(network())
        want = self.result_of(self.train())
        text = self.prints("evaluate", self.folder / "net.toml", "--json", self.folder / "result.json")
        result = json.loads((self.folder / "result.json").read_text())
        for name, value in result["metrics"].items():
            self.assertAlmostEqual(value, want[name], places=3)
        self.assertIn(f"loss {want['loss']:.4f}", text)
        self.assertGreater(result["samples"], 0)

    def test_predictions_are_the_masks(self):
        self.squares(network())
        self.train()
        best, out = self.folder / "net_out/best.rung", self.folder / "out"
        self.prints("predict", best, self.folder / "images", "-o", out, "--numbers")
        self.assertEqual(len(list(out.glob("*.png"))), 24)
        self.assertEqual(len(list(out.glob("*.npy"))), 24)
        self.prints("run", best, "--input", self.folder / "images/5.png", "-o", self.folder / "one.png")
        self.assertEqual((out / "5.png").read_bytes(), (self.folder / "one.png").read_bytes())
        if rung("compile", "zoo:mlp").returncode == 0:  # with oneDNN
            self.prints("predict", best, self.folder / "images/5.png", "-o", self.folder / "program", "--program", "--deterministic-plan")
            self.assertEqual((self.folder / "program/5.png").read_bytes(), (out / "5.png").read_bytes())
        large = [row * 12 for _ in range(12) for row in next(bright_squares(1))[0]]
        (self.folder / "large.png").write_bytes(png(large))
        for folder, more in [("whole", []), ("tiles", ["--tile", "96", "--overlap", "32"])]:
            self.prints("predict", best, self.folder / "large.png", "-o", self.folder / folder, *more)
        self.assertEqual((self.folder / "whole/large.png").read_bytes(),
                         (self.folder / "tiles/large.png").read_bytes())

    def test_one_truth_in_four_forms_trains_the_same_bits(self):
        names, colours = ["background", "square", "rim"], [(0, 0, 0), (0, 255, 0), (255, 0, 128)]
        self.squares(network(channels=3))
        coco = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "square"}, {"id": 2, "name": "rim"}]}
        for form in ("grey", "palette", "colour"):
            (self.folder / form).mkdir()
        for i, (_, inside) in enumerate(bright_squares(24)):
            def at(y, x):
                return 0 <= y < 16 and 0 <= x < 16 and inside[y][x]
            rows = [[0 if not here else 1 if at(y, x - 1) and at(y, x + 1) and at(y - 1, x) and at(y + 1, x) else 2
                     for x, here in enumerate(row)] for y, row in enumerate(inside)]
            (self.folder / f"grey/{i}.png").write_bytes(png(rows))
            (self.folder / f"palette/{i}.png").write_bytes(palette_png(rows, colours))
            (self.folder / f"colour/{i}.png").write_bytes(png([[v for c in row for v in colours[c]] for row in rows], 3))
            coco["images"].append({"id": i, "file_name": f"{i}.png", "height": 16, "width": 16})
            for k in (1, 2):
                coco["annotations"].append({"id": 2 * i + k, "image_id": i, "category_id": k, "iscrowd": 0,
                                            "segmentation": run_lengths([[c == k for c in row] for row in rows])})
        (self.folder / "coco.json").write_text(json.dumps(coco))
        numbers = "classes = { background = 0, square = 1, rim = 2 }"
        hexes = "classes = { %s }" % ", ".join(f'{n} = "#%02x%02x%02x"' % c for n, c in zip(names, colours))
        results = {}
        for form, keys in {"grey": 'masks = "grey"\n' + numbers, "palette": 'masks = "palette"\n' + numbers,
                           "colour": 'masks = "colour"\n' + hexes, "coco": 'annotations = "coco.json"'}.items():
            (self.folder / "net.toml").write_text(RECIPE.replace('masks = "masks"', keys))
            text = self.train("--set", "train.epochs=3", "--set", f"train.out={form}_out")
            self.assertIn("3 classes", text)
            weights = (self.folder / f"{form}_out/best.rung").read_bytes()
            results[form] = weights[weights.index(b"}", 8 + struct.unpack("<Q", weights[:8])[0] - 2):]
        self.assertEqual(len(set(results.values())), 1, "one truth in four forms gave different weights")

    def test_a_table_trains_several_outputs(self):
        self.squares(network(channels=1))
        rows = ["photo,mask,bright"]
        for i in range(24):
            rows.append(f"images/{i}.png,masks/{i}.png,{'yes' if i % 3 else 'no'}")
        (self.folder / "rows.csv").write_text("\n".join(rows) + "\n")
        (self.folder / "net.toml").write_text("""[models.net]
file = "net.rung"
[data]
task = "table"
csv = "rows.csv"
[data.inputs.x]
image = "photo"
channels = 1
[[output]]
name = "y"
mask = "mask"
[train]
epochs = 12
batch = 4
threads = 1
optimizer = { kind = "adam", lr = 0.3 }
""")
        text = self.train()
        self.assertGreater(self.result_of(text)["iou"], 0.95)
        self.assertIn("columns of", text)  # that are not read
        self.assertIn("bright", text)

    def test_the_parts_follow_the_seed(self):
        self.squares(network())
        losses = set()
        for seed in (1, 2):
            text = self.train("--set", f"train.seed={seed}", "--set", "train.epochs=1",
                              "--set", "train.optimizer.lr=0")
            losses.add(self.result_of(text)["loss"])
        self.assertEqual(len(losses), 2, "the test parts are not the same pictures")

    def test_regression_of_a_table_in_its_units(self):
        rows = self.greys(NUMBERS)
        text = self.train()
        self.assertIn("regression: price; 20 images to train, 10 to validate, 10 to test", text)
        result = self.result_of(text)
        trained = [price for _, price, _, part in rows if part == "train"]
        tested = [price for _, price, _, part in rows if part == "test"]
        mean = sum(trained) / len(trained)
        guess = sum(abs(price - mean) for price in tested) / len(tested)  # of always saying the mean
        self.assertLess(result["mae"], guess / 4)
        self.assertGreater(result["r2"], 0.9)
        facts = json.loads((self.folder / "net_out/data.json").read_text())
        deviation = (sum((price - mean) ** 2 for price in trained) / len(trained)) ** 0.5
        self.assertEqual(facts["task"], "regression")
        self.assertAlmostEqual(facts["targets"][0]["mean"], mean, places=6)
        self.assertAlmostEqual(facts["targets"][0]["deviation"], deviation, places=6)
        self.assertTrue((self.folder / "net_out/predictions.svg").exists())
        self.prints("evaluate", self.folder / "net.toml", "--json", self.folder / "result.json")
        measured = json.loads((self.folder / "result.json").read_text())
        self.assertAlmostEqual(measured["metrics"]["mae"], result["mae"], places=3)
        # Predictions are in the table's unit.
        tests = [name for name, _, _, part in rows if part == "test"]
        table = self.prints("predict", self.folder / "net_out/best.rung", *[self.folder / "images" / name for name in tests])
        head, *lines = table.splitlines()
        self.assertEqual(head, "file,price")
        wrong = sum(abs(float(line.rsplit(",", 1)[1]) - price) for line, price in zip(lines, tested)) / len(tested)
        self.assertAlmostEqual(wrong, result["mae"], delta=1e-3 * max(1, result["mae"]))
        # Another training part has another mean; the network's numbers keep their meaning.
        table = (self.folder / "table.csv").read_text().splitlines()
        low = [line if ",train" not in line or float(line.split(",")[1]) < mean else line.replace("train", "val") for line in table]
        (self.folder / "other.csv").write_text("\n".join(low) + "\n")
        self.prints("evaluate", self.folder / "net.toml", "--set", "data.table=other.csv", "--json", self.folder / "other.json")
        other = json.loads((self.folder / "other.json").read_text())
        self.assertAlmostEqual(other["metrics"]["mae"], measured["metrics"]["mae"], places=6)
        said = self.refuses(2, "evaluate", self.folder / "net.toml", "--set", 'data.targets=["depth"]')
        self.assertIn("the targets of the data are not those of the network", said)

    def test_regression_of_several_targets(self):
        self.greys(NUMBERS.replace('["price"]', '["price", "depth"]').replace("classes = 1", "classes = 2"))
        text = self.train()
        self.assertIn("note: mae and rmse are means over the targets, in standard deviations", text)
        log = json.loads((self.folder / "net_out/log.json").read_text())
        price, depth = log["test"]["details"]["targets"]
        self.assertEqual((price["name"], depth["name"]), ("price", "depth"))
        facts = json.loads((self.folder / "net_out/data.json").read_text())["targets"]
        scaled = sum(entry["mae"] / fact["deviation"] for entry, fact in zip((price, depth), facts)) / 2
        self.assertAlmostEqual(self.result_of(text)["mae"], scaled, places=3)
        self.assertLess(depth["mae"], 1)  # in its unit: it runs from 2.6 to 4.8
        self.assertRegex(text, r"target +mae +rmse +r2\n-+\nprice ")

    def test_regression_from_images_to_images(self):
        for name in ("images", "targets"):
            (self.folder / name).mkdir()
        for i, (picture, _) in enumerate(bright_squares(24)):
            (self.folder / f"images/{i}.png").write_bytes(png(picture))
            inverse = [[255 - value for value in row] for row in picture]
            (self.folder / f"targets/{i}.png").write_bytes(png(inverse))
        (self.folder / "net.rung").write_bytes(network())
        (self.folder / "net.toml").write_text(RECIPE.replace("segmentation", "regression").replace('masks = "masks"', 'targets = "targets"')
                                              .replace("rotate = false", "flip = true").replace("epochs = 12", "epochs = 30").replace("0.3", "0.1"))
        text = self.train()
        result = self.result_of(text)
        self.assertGreater(result["psnr"], 15)  # 1 - x; of the image itself it is about 2 dB
        self.assertLess(result["mae"], 0.2)
        self.assertTrue((self.folder / "net_out/predictions.png").exists())
        self.assertEqual(json.loads((self.folder / "net_out/data.json").read_text()), {"range": [0.0, 1.0], "task": "regression"})
        self.assertIn("psnr", self.prints("evaluate", self.folder / "net.toml"))
        self.prints("predict", self.folder / "net_out/best.rung", self.folder / "images", "-o", self.folder / "out", "--numbers")
        error = [abs(got - want) for i in range(24)
                 for line, truth in zip(pixels(self.folder / f"out/{i}.png"), pixels(self.folder / f"targets/{i}.png"))
                 for got, want in zip(line, truth)]
        self.assertLess(sum(error) / len(error) / 255, 0.2)
        # Sixteen bits of the same pictures are the same numbers.
        self.prints("evaluate", self.folder / "net.toml", "--json", self.folder / "bytes.json")
        (self.folder / "words").mkdir()
        for i, (picture, _) in enumerate(bright_squares(24)):
            wide = [[byte for value in row for byte in (255 - value, 255 - value)] for row in picture]
            (self.folder / f"words/{i}.png").write_bytes(png(wide, bits=16))
        self.prints("evaluate", self.folder / "net.toml", "--set", "data.targets=words", "--json", self.folder / "words.json")
        metrics = [json.loads((self.folder / name).read_text())["metrics"] for name in ("bytes.json", "words.json")]
        for name, value in metrics[0].items():
            self.assertAlmostEqual(value, metrics[1][name], places=5)
        (self.folder / "masks").mkdir()
        for i, (_, inside) in enumerate(bright_squares(24)):
            (self.folder / f"masks/{i}.png").write_bytes(png([[255 if here else 0 for here in row] for row in inside]))
        (self.folder / "mask.toml").write_text(RECIPE)
        said = self.refuses(2, "evaluate", self.folder / "mask.toml", "--network", self.folder / "net_out/best.rung")
        self.assertIn("was trained for regression, and the recipe's task is segmentation", said)


if __name__ == "__main__":
    main()
