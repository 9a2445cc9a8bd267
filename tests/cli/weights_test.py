"""Weights as people have them: a folder in timm's form for torchvision's ResNet-18, another number of classes, grey
pictures, and a photo that goes through rung, a program and ONNX Runtime as through PyTorch with its transforms."""

import json
import math
import random
import struct
import unittest

from command import CommandTest, main, read_npy
from train_test import png

try:
    import numpy
    import torch
    from PIL import Image
except ImportError as missing:
    print(f"SKIPPED, nothing compared: {missing}")
    torch = None

MEAN, STD, SIDE = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 64


def resnet18(classes, channels=3):
    """torchvision's network, with its names."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, a, b, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
            self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
            if stride != 1 or a != b:
                self.downsample = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

        def forward(self, x):
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
            before = 64
            for i, width in enumerate((64, 128, 256, 512), 1):
                stride = 1 if i == 1 else 2
                self.add_module(f"layer{i}", nn.Sequential(Block(before, width, stride), Block(width, width, 1)))
                before = width
            self.fc = nn.Linear(512, classes)

        def features(self, x):
            x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
            return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))

        def forward(self, x):
            return self.fc(self.features(x))

    torch.manual_seed(5)
    net = ResNet()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return net.eval()


RECIPE = """[models.net]
zoo = "resnet18"
settings = { in = %d, classes = 1000, size = 64 }
weights = "backbone"
head = 10
freeze = ["conv1", "bn1", "layer*"]
[data]
task = "classification"
folder = "pictures"
channels = %d
size = [64, 64]
validation = 0.2
test = 0.2
[train]
epochs = 1
batch = 10
optimizer = { kind = "sgd", lr = 0.01 }
"""


@unittest.skipIf(torch is None, "SKIPPED: no PyTorch, numpy or Pillow")
class Weights(CommandTest):
    def make(self, channels):
        """The folder of weights for 1,000 classes, pictures of ten, the recipe; the network is returned."""
        net = resnet18(1000)
        (self.folder / "backbone").mkdir()
        torch.save(net.state_dict(), self.folder / "backbone/pytorch_model.bin")
        config = {"architecture": "resnet18", "num_classes": 1000,
                  "pretrained_cfg": {"input_size": [3, SIDE, SIDE], "mean": MEAN, "std": STD}}
        (self.folder / "backbone/config.json").write_text(json.dumps(config))
        draw = random.Random(1)
        for c in range(10):
            (self.folder / f"pictures/{c}").mkdir(parents=True)
            for i in range(5):
                rows = [[(25 * c + draw.randrange(30)) % 256 for _ in range(SIDE * channels)] for _ in range(SIDE)]
                (self.folder / f"pictures/{c}/{i}.png").write_bytes(png(rows, channels))
        (self.folder / "net.toml").write_text(RECIPE % (channels, channels))
        return net

    def photo(self, mode):
        """A JPEG in colours, as a camera writes it."""
        rows = [[(int(128 + 100 * math.sin(x / 7)), int(128 + 90 * math.cos(y / 9)), (3 * x + 2 * y) % 256)
                 for x in range(SIDE)] for y in range(SIDE)]
        image = Image.new("RGB", (SIDE, SIDE))
        image.putdata([pixel for row in rows for pixel in row])
        image.convert(mode).save(self.folder / "photo.jpg", quality=92)
        pixels = numpy.asarray(Image.open(self.folder / "photo.jpg"), dtype=numpy.float32) / 255
        return torch.tensor(pixels).reshape(SIDE, SIDE, -1).permute(2, 0, 1).unsqueeze(0)

    def weights_of(self, file, name, shape):
        data = file.read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        begin, end = json.loads(data[8 : 8 + length])[name]["data_offsets"]
        return torch.tensor(struct.unpack(f"<{(end - begin) // 4}f", data[8 + length :][begin:end])).reshape(shape)

    def expect_near(self, file, wanted):
        shape, values = read_npy(file)
        self.assertEqual(tuple(shape), tuple(wanted.shape))
        self.assertLess(float((torch.tensor(values).reshape(shape) - wanted).abs().max()), 1e-4, file.name)

    def test_a_photo_gives_what_pytorch_and_its_transforms_give(self):
        net = self.make(3)
        text = self.prints("train", self.folder / "net.toml")
        self.assertIn("normalises its input by the config.json", text)
        x = self.photo("RGB")
        shaped = (x - torch.tensor(MEAN).reshape(1, 3, 1, 1)) / torch.tensor(STD).reshape(1, 3, 1, 1)
        best, jpg = self.folder / "net_out/best.rung", self.folder / "photo.jpg"
        with torch.no_grad():
            seen = net.features(shaped)
        # In front of the head it is PyTorch's network still; behind it, the new head's.
        self.prints("run", best, "--input", jpg, "--tap", "flatten", "-o", self.folder / "seen.npy")
        self.expect_near(self.folder / "seen.npy", seen)
        self.prints("run", best, "--input", jpg, "-o", self.folder / "said.npy")
        shape, values = read_npy(self.folder / "said.npy")
        self.assertEqual(tuple(shape), (1, 10))
        said = torch.tensor(values).reshape(1, 10)
        head = self.weights_of(best, "fc.weight", (10, 512)), self.weights_of(best, "fc.bias", (10,))
        self.assertLess(float((torch.nn.functional.linear(seen, *head) - said).abs().max()), 1e-4)
        self.prints("run", best, "--input", jpg, "--program", "--deterministic-plan", "-o", self.folder / "program.npy")
        self.expect_near(self.folder / "program.npy", said)
        try:
            import onnxruntime
        except ImportError:
            print("SKIPPED, not compared with it: no ONNX Runtime")
            return
        self.prints("convert", best, self.folder / "best.onnx")
        session = onnxruntime.InferenceSession(str(self.folder / "best.onnx"), providers=["CPUExecutionProvider"])
        y = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
        self.assertLess(float((torch.tensor(y) - said).abs().max()), 1e-4)

    def test_grey_photos_go_through_weights_for_colours(self):
        net = self.make(1)
        text = self.prints("train", self.folder / "net.toml")
        self.assertIn("averaged for grey pictures", text)
        x = self.photo("L")
        mean, std = sum(MEAN) / 3, sum(STD) / 3
        with torch.no_grad():
            seen = net.features(((x - mean) / std).expand(-1, 3, -1, -1))
        best = self.folder / "net_out/best.rung"
        self.prints("run", best, "--input", self.folder / "photo.jpg", "--tap", "flatten", "-o", self.folder / "seen.npy")
        self.expect_near(self.folder / "seen.npy", seen)


if __name__ == "__main__":
    main()
