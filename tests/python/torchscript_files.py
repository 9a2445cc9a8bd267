"""Networks as torch.jit.trace and torch.jit.script save them.

A case is NAME.pt and NAME.run.safetensors: for the i-th size, i/in/INPUT and i/out/OUTPUT.
"""

from typing import Dict, List, NamedTuple, Optional, Tuple

from reference import folder, save_safetensors, torch

nn = torch.nn


def flat(prefix, value):
    """The tensors of a result, named as rung names them."""
    if value is None:
        return {}
    if isinstance(value, torch.Tensor):
        return {prefix: value}
    if isinstance(value, dict):
        parts = value.items()
    elif hasattr(value, "_asdict"):
        parts = value._asdict().items()
    else:
        parts = ((str(i), part) for i, part in enumerate(value))
    out = {}
    for key, part in parts:
        out |= flat(f"{prefix}.{key}" if prefix else key, part)
    return out


def save_run(name, module, sizes):
    """NAME.run.safetensors: what the module gives for each of the arguments."""
    run = {}
    for i, arguments in enumerate(sizes):
        out = flat("", module(**arguments))
        run |= {f"{i}/in/{key}": value for key, value in flat("", arguments).items()}
        for key, value in out.items():
            places = key.replace(".", "").isdigit() or not key
            key = ("output" + key if len(out) > 1 else "output") if places else key
            run[f"{i}/out/{key}"] = value
    save_safetensors(folder() / f"{name}.run.safetensors", run)


def save(name, module, sizes, trace=False):
    """`sizes`: arguments by name, tensors, the first of them what is traced."""
    module = module.eval()
    with torch.no_grad():
        if trace:
            scripted = torch.jit.trace(module, tuple(sizes[0].values()), strict=False)
        else:
            scripted = torch.jit.script(module)
        scripted.save(str(folder() / f"{name}.pt"))
        save_run(name, module, sizes)


def settle(module):
    """Statistics as after training."""
    for key, buffer in module.named_buffers():
        if key.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return module


def images(*sizes, name="x"):
    return [{name: torch.randn(size)} for size in sizes]


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        return self.relu(self.bn1(self.conv1(self.drop(x))) + x)


class Net(nn.Module):
    """Small, and everything that one is made of."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.flat(self.pool(self.blocks(torch.relu(self.stem(x))))))


class Parts(NamedTuple):
    mean: torch.Tensor
    pair: Tuple[torch.Tensor, torch.Tensor]


class ManyResults(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, scale: Optional[torch.Tensor] = None):
        y = self.fc(x)
        return Parts(y.mean(-1), (torch.sigmoid(y), y if scale is None else y * scale))


class Sizes(nn.Module):
    """Branches and loops on sizes and settings."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in range(3)])
        self.register_buffer("shift", torch.arange(6.0))

    def forward(self, x):
        if x.dim() == 2:
            x = x.unsqueeze(1)
        for i, layer in enumerate(self.layers):
            x = torch.tanh(layer(x)) + (self.shift if i % 2 == 0 else -self.shift)
        out: List[torch.Tensor] = []
        for i in range(2):
            out.append(x * float(i + 1))
        return torch.cat(out, -1)


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 7, num_layers=2, batch_first=True)
        self.out = nn.Linear(7, 2)

    def forward(self, x: torch.Tensor, hx: Tuple[torch.Tensor, torch.Tensor]):
        y, state = self.lstm(x, hx)
        return {"y": self.out(y), "h": state[0], "c": state[1]}


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, 11)

    def forward(self, tokens):
        return self.head(self.encoder(self.embed(tokens)))


class Number(nn.Module):
    def forward(self, x: torch.Tensor, rate: int, soft: bool = True):
        if rate == 16000:
            x = x * 2
        return torch.sigmoid(x) if soft else x


class OnValues(nn.Module):
    def forward(self, x):
        if x.max() > 1:
            x = x / 255
        return x * 2


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.state = torch.zeros(3)

    def forward(self, x):
        self.state = self.state + x
        return self.state * 2


def lstm_case(batch, time):
    hx = (torch.randn(2, batch, 7), torch.randn(2, batch, 7))
    return {"x": torch.randn(batch, time, 5), "hx": hx}


if __name__ == "__main__":
    torch.manual_seed(0)
    for way in (False, True):
        prefix = "traced" if way else "scripted"
        save(f"{prefix}_net", settle(Net()), images((2, 3, 32, 32), (1, 3, 17, 40), (3, 3, 33, 9)),
             trace=way)
        save(f"{prefix}_lstm", Cell(), [lstm_case(2, 6), lstm_case(3, 4), lstm_case(1, 9)], trace=way)
        save(f"{prefix}_sizes", Sizes(), images((4, 6), (7, 6), (1, 6)), trace=way)
        tokens = [{"tokens": torch.randint(0, 11, size)} for size in [(2, 7), (3, 4), (1, 12)]]
        save(f"{prefix}_words", Words(), tokens, trace=way)
    save("results", ManyResults(), images((2, 4), (5, 4), (1, 4)))
    for name, module in [("number", Number()), ("on_values", OnValues()), ("counter", Counter())]:
        torch.jit.script(module).save(str(folder() / f"{name}.pt"))
    torch.save(Net().state_dict(), folder() / "weights.pth")
    torch.save(Net().state_dict(), folder() / "old.pth", _use_new_zipfile_serialization=False)
