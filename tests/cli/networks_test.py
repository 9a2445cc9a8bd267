"""`rung tap`, `convert`, `diff`, and networks of every kind wherever a verb takes MODEL, as built.

    networks_test.py RUNG        RUNG: the command. Comparisons with PyTorch say so where it is missing.
"""

import json
import struct
import subprocess
import sys

import command
from command import CommandTest, read_safetensors, rung

NET = ["zoo:skip_net", "--set", "depth=4", "--set", "width=4", "--set", "classes=3", "--set", "size=8"]
TORCH = """
import sys, torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(4, 5, 3, padding=1)
    def forward(self, x):
        return torch.relu(self.conv2(torch.relu(self.conv1(x))))
torch.manual_seed(3)
net, x = Net().eval(), torch.randn(1, 3, 8, 8)
torch.onnx.export(net, x, sys.argv[1], input_names=["x"], output_names=["y"],
                  dynamic_axes={"x": {0: "batch", 2: "height", 3: "width"}})
torch.save(net.state_dict(), sys.argv[2])
torch.jit.trace(net, x).save(sys.argv[3])
"""


class Networks(CommandTest):
    def made(self, name, *network):
        """A file of a built-in network, with weights."""
        self.prints("convert", *(network or NET), self.folder / name)
        return self.folder / name

    def values(self, model, *arguments):
        """The bytes of what a network gives."""
        result = self.folder / "result.npy"
        self.prints("run", model, *arguments, "-o", result)
        return result.read_bytes()

    def from_pytorch(self):
        """net.onnx, net.pth and net.pt, written by Python."""
        files = [self.folder / name for name in ["net.onnx", "net.pth", "net.pt"]]
        done = subprocess.run([sys.executable, "-c", TORCH, *map(str, files)], capture_output=True, text=True)
        if "No module named 'torch'" in done.stderr:
            self.skipTest("nothing compared: no PyTorch for Python")
        self.assertEqual(done.returncode, 0, done.stderr)
        return files

    # --- tap

    def test_a_network_is_cut_at_its_taps(self):
        whole = self.made("net.rung")
        text = self.prints("tap", whole, "--at", "block1", "--at", "block1.conv1", "-o", self.folder / "cut.rung")
        self.assertIn("output  block1  f32[N, 4, 8, 8]", text)
        self.assertNotIn("fc", self.prints("show", self.folder / "cut.rung"))
        for tap in ["block1", "block1.conv1"]:
            part = self.folder / "part.rung"
            self.prints("tap", whole, "--at", tap, "-o", part)
            self.assertEqual(self.values(part, "--input", "randn"),
                             self.values(whole, "--input", "randn", "--tap", tap))

    def test_front_and_back_are_the_whole(self):
        whole = self.made("net.rung")
        front, back, middle = (self.folder / name for name in ["front.rung", "back.rung", "middle.npy"])
        self.prints("tap", whole, "--at", "norm1", "-o", front)
        self.assertIn("input   norm1", self.prints("tap", whole, "--from", "norm1", "-o", back))
        self.prints("run", front, "--input", "randn", "-o", middle)
        self.assertEqual(self.values(back, "--input", middle), self.values(whole, "--input", "randn"))

    def test_taps_are_added_to_the_outputs(self):
        part = self.folder / "cut.onnx"
        self.prints("tap", self.made("net.onnx"), "--at", "block1", "--add", "-o", part)
        text = self.prints("run", part, "--input", "randn")
        self.assertEqual([line.split()[1] for line in text.splitlines() if line.startswith("output")],
                         ["output", "block1"])

    # --- convert

    def test_forms_are_the_same_network(self):
        first, second, third = (self.made(name) for name in ["net.onnx", "net.rung", "again.onnx"])
        self.assertIn("same: ", self.prints("diff", first, second))
        self.assertEqual(first.read_bytes(), third.read_bytes())
        self.assertEqual(self.values(first, "--input", "randn"), self.values(second, "--input", "randn"))
        self.assertIn("restored from the graph", self.prints("convert", first, self.folder / "x.rung", "--report"))

    def test_a_file_is_known_by_its_content(self):
        odd = self.made("net.onnx").rename(self.folder / "net.bin")
        self.assertIn("fc", self.prints("show", odd))

    def test_weights_alone(self):
        net, weights, again = self.made("net.rung"), self.folder / "w.safetensors", self.folder / "again.rung"
        self.assertIn("tensors", self.prints("convert", net, weights))
        self.assertEqual(read_safetensors(weights)["fc.weight"][0], 3)
        text = self.prints("convert", *NET, again, "--weights", weights, "--seed", "9")
        self.assertIn("0 missing, 0 unexpected", text)
        self.assertIn("same: ", self.prints("diff", net, again))
        self.assertIn("same: ", self.prints("diff", weights, weights))
        self.refuses(2, "diff", net, weights)

    def test_opsets(self):
        file = self.folder / "net.onnx"
        self.prints("convert", *NET, file, "--opset", "13")
        self.assertIn("fc", self.prints("show", file))
        self.refuses(2, "convert", *NET, self.folder / "a.onnx", "--opset", "3")

    # --- diff

    def test_what_differs_is_told(self):
        first = self.made("net.rung")
        self.prints("convert", *NET, self.folder / "other.rung", "--seed", "1")
        text = self.prints("diff", first, self.folder / "other.rung", code=4)
        self.assertIn("different: ", text)
        self.assertIn("fc.weight", text)
        self.assertIn("same: ", self.prints("diff", first, self.folder / "other.rung", "--relative", "10"))
        self.prints("join", first, "--skip", "relu -> norm1 : add", "-o", self.folder / "joined.rung")
        told = json.loads(self.prints("diff", first, self.folder / "joined.rung", "--json", code=4))
        self.assertFalse(told["same"])
        self.assertIn("reads", [entry["what"] for entry in told["graph"]])
        self.assertEqual(told["weights"], [])

    # --- shapes

    def test_sizes_of_inputs(self):
        for model in [NET, [self.made("net.rung")], [self.made("net.onnx")]]:
            text = self.prints("show", *model, "--shape", "2x1x16x24")
            self.assertIn("f32[N, 1, 16, 24]", text)
            self.assertIn("is f32[N, 1, 8, 8], and the sizes [1, 8] are given",
                          self.refuses(2, "show", *model, "--shape", "1,8"))

    def test_sizes_of_one_of_several_networks(self):
        pair = ["join", *NET[:1], "zoo:mlp", "--explain"]
        self.prints(*pair, "--shape", "a.1x1x16x16", "--shape", "b.input=2x784")
        self.assertIn("write --shape a.1x1x16x16 for network 'a'", self.refuses(2, *pair, "--shape", "1x1x16x16"))

    # --- other programs' files

    def test_networks_of_pytorch(self):
        onnx, weights, script = self.from_pytorch()
        self.assertIn("conv2", self.prints("show", onnx))
        self.assertIn("conv2", self.prints("show", script, "--shape", "x=1x3x8x8"))
        self.prints("tap", script, "--shape", "x=1x3x8x8", "--at", "conv1", "-o", self.folder / "conv1.onnx")
        again = self.folder / "again.pth"
        self.prints("convert", onnx, again)
        self.assertIn("4 bit for bit", self.prints("diff", weights, again))
        report = self.prints("convert", onnx, self.folder / "net.rung", "--report")
        self.assertRegex(report, r"Conv +2\n")
        for sizes in ["1x3x8x8", "2x3x9x13"]:
            self.prints("run", onnx, "--input", f"randn:{sizes}")
        joined = self.folder / "joined.onnx"
        self.prints("join", onnx, "--skip", "conv1 -> conv2 : concat", "-o", joined)
        self.assertIn("skip1", self.prints("show", joined))

    # --- training

    def test_a_network_from_a_file_is_trained_and_written(self):
        self.made("lstm.onnx", "zoo:lstm", "--set", "in=2", "--set", "hidden=4", "--set", "out=2", "--set", "time=4")
        (self.folder / "rows.csv").write_text("t,a,b\n" + "".join(f"{i},{i % 7},{i % 5}\n" for i in range(60)))
        (self.folder / "net.toml").write_text(
            '[models.net]\nfile = "lstm.onnx"\nshape = [1, 6, 2]\n'
            '[data]\ntask = "forecasting"\nfile = "rows.csv"\ninputs = ["a", "b"]\nwindow = 4\nhorizon = 1\n'
            '[train]\nepochs = 1\nbatch = 8\nexport = "trained.onnx"\n')
        text = self.prints("train", self.folder / "net.toml")
        self.assertIn("trained.onnx", text)
        best, exported = self.folder / "net_out" / "best.rung", self.folder / "trained.onnx"
        self.assertIn("same: ", self.prints("diff", best, exported))
        self.prints("diff", self.folder / "lstm.onnx", exported, code=4)
        other = self.folder / "other.rung"
        self.prints("train", self.folder / "net.toml", "-o", other)
        self.assertIn("same: ", self.prints("diff", other, exported))


if __name__ == "__main__":
    command.main()
