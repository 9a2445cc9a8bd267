"""The three systems that rung begins with, as they are usually written in PyTorch."""

from reference import run_case, torch

nn = torch.nn


class SkipConnectionBlock(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip_projection = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        y = self.conv2(torch.relu(self.conv1(x)))
        return torch.relu(y + self.skip_projection(x))


class SkipConnectionBlockConcat(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        half = out_channels // 2
        self.conv1 = nn.Conv2d(in_channels, half, 3, padding=1)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1)
        self.concat_projection = nn.Conv2d(out_channels, out_channels, 1)

    def forward(self, x):
        y = self.conv2(torch.relu(self.conv1(x)))
        return torch.relu(self.concat_projection(torch.cat([y, x], dim=1)))


class SkipConnectionRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, input_size)

    def forward(self, x):
        sequence, _ = self.lstm(x)
        step = self.linear(sequence[:, -1]).unsqueeze(1)
        return torch.cat([sequence, step], dim=1)


torch.manual_seed(0)
for i, o in [(64, 128), (3, 16), (16, 16), (5, 7)]:
    run_case(f"add_{i}_{o}", SkipConnectionBlock(i, o), torch.randn(1, i, 32, 32))
# The original runs where in = out - out // 2 …
for i, o in [(64, 128), (4, 8), (4, 7), (1, 2)]:
    run_case(f"concat_{i}_{o}", SkipConnectionBlockConcat(i, o), torch.randn(1, i, 32, 32))
# … and raises for every other pair.
for i, o in [(3, 16), (64, 64), (8, 5)]:
    run_case(f"concat_{i}_{o}", SkipConnectionBlockConcat(i, o), torch.randn(1, i, 32, 32))
# The original runs where hidden = input …
for i, h in [(10, 10), (1, 1), (16, 16)]:
    run_case(f"rnn_{i}_{h}", SkipConnectionRNN(i, h), torch.randn(1, 100, i))
# … and raises for every other pair.
for i, h in [(10, 20), (20, 10), (1, 8)]:
    run_case(f"rnn_{i}_{h}", SkipConnectionRNN(i, h), torch.randn(1, 100, i))
