"""Networks as torch.export.export and torch.export.save write them, with free sizes.

A case is NAME.pt2 and NAME.run.safetensors: for the i-th size, i/in/INPUT and i/out/OUTPUT. Exits
with 77 where this PyTorch writes no such files (before 2.5).
"""

import sys

from reference import folder, torch
from torchscript_files import flat, images, save_run, settle

nn = torch.nn

if not hasattr(torch, "export") or not hasattr(getattr(torch.export, "Dim", None), "AUTO"):
    print(f"PyTorch {torch.__version__} has no torch.export with automatic sizes", file=sys.stderr)
    sys.exit(77)

FREE = torch.export.Dim.AUTO


def save(name, module, sizes, free, decompose=False):
    """`sizes`: arguments by name, the first is the example; `free`: axes by argument."""
    module = module.eval()
    shapes = {key: {axis: FREE for axis in axes} for key, axes in free.items()}
    with torch.no_grad():
        program = torch.export.export(module, (), kwargs=sizes[0], dynamic_shapes=shapes,
                                      strict=False)
        if decompose:
            program = program.run_decompositions()
        torch.export.save(program, str(folder() / f"{name}.pt2"))
        save_run(name, module, sizes)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.bn(self.conv(x)) + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        y = self.blocks(torch.relu(self.stem(x)))
        return self.fc(self.drop(y).mean([2, 3]).view(x.size(0), 8))


class Decoder(nn.Module):
    """A skip that is resized to its target, and a result of two maps."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2)
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x):
        low = torch.nn.functional.silu(self.down(x))
        up = self.norm(self.up(low))
        up = nn.functional.interpolate(up, size=x.shape[-2:], mode="bilinear")
        return {"mask": torch.cat([up, x], 1), "low": low}


class Constants(nn.Module):
    """A tensor made in forward (a lifted constant), and a part without gradients."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.register_buffer("scale", torch.rand(6) + 0.5, persistent=False)

    def forward(self, x):
        with torch.no_grad():
            weight = torch.softmax(x, -1) * 2
        y = self.fc(x) * torch.tensor([1.0, -1.0, 2.0, 0.5, 3.0, 0.25])
        return y * weight + self.scale


class Mask(nn.Module):
    """A mask that is written region by region, as Swin makes one for its windows."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(80, 80)

    def forward(self, x):
        bias = self.fc.bias.clone()
        bias[20:40].zero_()
        mask = x.new_zeros((80, 80))
        for count, rows in enumerate((slice(0, 30), slice(30, -7), slice(-7, None))):
            mask[rows, 5 : -count - 1] = count + 1
        mask = mask - mask[:1]
        y = nn.functional.linear(x, self.fc.weight, bias)
        return y + mask.masked_fill(mask != 0, -3.0)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu"), 2,
            enable_nested_tensor=False)

    def forward(self, words):
        return self.encoder(self.embed(words))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 7, num_layers=2, batch_first=True)
        self.gru = nn.GRU(7, 6, batch_first=True, bidirectional=True)

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.gru(y)[0]


if __name__ == "__main__":
    torch.manual_seed(0)
    pictures = images((2, 3, 16, 20), (5, 3, 23, 31), (1, 3, 40, 17))
    save("net", settle(Net()), pictures, {"x": [0, 2, 3]})
    save("core", settle(Net()), pictures, {"x": [0, 2, 3]}, decompose=True)
    save("decoder", Decoder(), pictures, {"x": [0, 2, 3]})
    vectors = [{"x": torch.randn(size)} for size in ((2, 6), (7, 6), (3, 6))]
    save("constants", Constants(), vectors, {"x": [0]})
    squares = [{"x": torch.randn(size)} for size in ((2, 80, 80), (3, 80, 80), (1, 80, 80))]
    save("mask", Mask(), squares, {"x": [0]})
    words = [{"words": torch.randint(0, 20, size)} for size in ((2, 9), (3, 7), (5, 11))]
    save("attention", Attention(), words, {"words": [0, 1]})
    save("attention_core", Attention(), words, {"words": [0, 1]}, decompose=True)
    sequences = [{"x": torch.randn(size)} for size in ((2, 9, 5), (3, 9, 5), (5, 9, 5))]
    save("recurrent", Recurrent(), sequences, {"x": [0]})
    (folder() / "version.txt").write_text(torch.__version__)
