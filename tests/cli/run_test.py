"""`rung run`, as built: what it prints, what it writes, and how it refuses.

    run_test.py RUNG        RUNG: the command. Comparisons with PyTorch say so where it is missing.
"""

import pathlib
import struct
import sys

import command
from command import CommandTest, read_npy, read_safetensors, rung

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))

BLOCK = ["zoo:skip_connection_block", "--set", "in=64", "--set", "out=128"]
SMALL = ["zoo:skip_connection_block", "--set", "in=3", "--set", "out=5", "--set", "size=8"]


def write_npy(path, shape, values):
    header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    body = struct.pack(f"<{len(values)}f", *values)
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body)


class Run(CommandTest):
    VERB = "run"

    def row(self, text, name):
        """The line of the report about a value, in cells."""
        line = next(line for line in text.splitlines() if f"  {name} " in line)
        return [cell.strip() for cell in line.split("  ") if cell.strip()]

    def test_the_three_systems_have_the_promised_shapes(self):
        for network in ["skip_connection_block", "skip_connection_block_concat"]:
            text = self.prints(f"zoo:{network}", "--set", "in=64", "--set", "out=128", "--input",
                               "x=randn:1,64,32,32")
            self.assertIn("f32[1, 64, 32, 32]", self.row(text, "x"))
            self.assertIn("f32[1, 128, 32, 32]", self.row(text, "output"))
        text = self.prints("zoo:skip_connection_rnn", "--set", "input=10", "--set", "hidden=20",
                           "--input", "x=randn:1,100,10")
        self.assertIn("f32[1, 100, 10]", self.row(text, "x"))
        self.assertIn("f32[1, 101, 10]", self.row(text, "output"))

    def test_show_prints_the_plan_that_makes_them_fit(self):
        plans = {
            "skip_connection_block": ["skip: x -> conv2 by add", "skip_projection  Conv",
                                      "64 -> 128 channels"],
            "skip_connection_block_concat": ["skip: x -> conv2 by concat", "concat_projection  Conv",
                                             "128 -> 128 channels after the concat"],
            "skip_connection_rnn": ["by prepend", "sequence_projection  Linear",
                                    "20 -> 10 features"],
        }
        for network, lines in plans.items():
            text = rung("show", f"zoo:{network}").stdout
            for line in lines:
                self.assertIn(line, text)
            self.assertNotIn("ResizeLike", text)

    def test_agrees_with_pytorch_through_files(self):
        try:
            import torch
            from reference import save_safetensors
        except SystemExit:
            self.skipTest("nothing compared: no PyTorch for Python")
        torch.manual_seed(7)
        conv = torch.nn.Conv2d
        conv1, conv2, skip = conv(3, 5, 3, padding=1), conv(5, 5, 3, padding=1), conv(3, 5, 1)
        x = torch.randn(2, 3, 9, 11)
        y = torch.relu(conv2(torch.relu(conv1(x))) + skip(x))
        layers = {"conv1": conv1, "conv2": conv2, "skip_projection": skip}
        state = {f"{name}.{key}": value for name, layer in layers.items()
                 for key, value in layer.state_dict().items()}
        weights, given, result = (self.folder / name for name in
                                  ["weights.safetensors", "x.npy", "y.npy"])
        save_safetensors(weights, state)
        write_npy(given, x.shape, x.flatten().tolist())
        text = self.prints(*SMALL, "--weights", weights, "--input", f"x={given}", "-o", result)
        self.assertIn(f"6 from {weights}", text)
        shape, values = read_npy(result)
        self.assertEqual(list(shape), list(y.shape))
        wanted = y.flatten().tolist()
        scale = max(map(abs, wanted))
        self.assertLess(max(abs(a - b) for a, b in zip(values, wanted)), 1e-5 * scale)

    def test_weights_must_fit(self):
        file = self.folder / "w.safetensors"
        self.prints(*SMALL, "--input", "randn", "--tap", "conv1", "-o", file)
        text = self.refuses(2, *SMALL, "--input", "randn", "--weights", file)
        self.assertIn("0 matched, 6 missing, 1 unexpected", text)
        self.assertIn("conv1.weight", text)

    def test_taps_run_only_what_they_need(self):
        file = self.folder / "taps.safetensors"
        # A channel too many for skip_projection and its sum, not read by conv1@in.
        text = self.prints(*SMALL, "--input", "x=randn:2,4,8,8", "--tap", "conv1@in")
        self.assertIn("f32[2, 4, 8, 8]", text)
        self.prints(*SMALL, "--input", "x=randn", "--tap", "conv1", "--tap", "conv2", "-o", file)
        self.assertEqual(read_safetensors(file), {"conv1": [1, 5, 8, 8], "conv2": [1, 5, 8, 8]})
        self.assertIn("the nearest names are 'conv1'",
                      self.refuses(2, *SMALL, "--input", "x=randn", "--tap", "conv9"))

    def test_files_go_round(self):
        first, again, tensors = (self.folder / name for name in ["a.npy", "b.npy", "c.safetensors"])
        self.prints(*SMALL, "--input", "x=randn", "--tap", "x", "-o", first)
        self.prints(*SMALL, "--input", "x=randn", "--tap", "x", "-o", tensors)
        self.assertEqual(read_safetensors(tensors), {"x": [1, 3, 8, 8]})
        for source in [f"x={first}", f"{first}", f"x={tensors}", f"x={tensors}:x"]:
            self.prints(*SMALL, "--input", source, "--tap", "x", "-o", again)
            self.assertEqual(first.read_bytes(), again.read_bytes(), source)

    def test_a_seed_fixes_everything(self):
        files = [self.folder / f"{i}.npy" for i in range(3)]
        for file, seed in zip(files, [5, 5, 6]):
            self.prints(*SMALL, "--input", "x=randn", "--seed", seed, "-o", file)
        self.assertEqual(files[0].read_bytes(), files[1].read_bytes())
        self.assertNotEqual(files[0].read_bytes(), files[2].read_bytes())

    def test_numbers_that_are_none_are_told(self):
        file = self.folder / "nan.npy"
        write_npy(file, [1, 3, 2, 2], [float("nan")] + [1.0] * 10 + [float("inf")])
        row = self.row(self.prints(*SMALL, "--input", f"x={file}", "--tap", "x"), "x")
        self.assertIn("1 NaN, 1 infinite", row)

    def test_pictures(self):
        picture = self.folder / "white.png"
        picture.write_bytes(white_png(6, 4))
        text = self.prints(*SMALL, "--input", f"x={picture}", "--tap", "x")
        self.assertEqual(self.row(text, "x")[2:6], ["f32[1, 3, 4, 6]", "1", "1", "1"])
        text = self.refuses(2, *BLOCK, "--input", f"x={picture}")
        self.assertIn("f32[N, 64, 32, 32]", text)

    def test_a_map_is_written_as_a_picture(self):
        photo, picture = self.folder / "in.png", self.folder / "out.png"
        photo.write_bytes(white_png(5, 3))
        network = ["zoo:decoder", "--set", "in=3", "--set", "levels=1", "--set", "width=2", "--set", "size=4"]
        self.prints(*network, "--input", photo, "-o", picture, "--as", "range")
        data = picture.read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", data[16:24]), (10, 6))

    def test_skips_are_compared_with_none(self):
        joined = self.folder / "joined.rung"
        for start, said in [("identity", "the same bits"), ("random", "differs by up to ")]:
            done = rung("join", "zoo:encoder", "--skip", f"stage1 -> stage2.conv1 : concat, start={start}", "-o", joined)
            self.assertEqual(done.returncode, 0, done.stderr)
            text = self.prints(joined, "--input", "randn", "--compare-without-skips")
            self.assertIn(f"without skips  output: {said}", text)

    def test_inputs_are_named(self):
        pair = self.folder / "pair.rung"
        done = rung("join", "a=zoo:mlp", "b=zoo:mlp", "c=zoo:skip_connection_rnn", "-o", pair)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = self.prints(pair, "--input", "a/input=randn", "--input", "b/input=ones", "--input",
                           "x=zeros")  # c/x, which no other input is called
        self.assertEqual(text.count("\noutput "), 3)
        self.assertIn("more than one input 'input'; it takes 'a/input', 'b/input', 'c/x'",
                      self.refuses(2, pair, "--input", "input=randn"))
        self.assertIn("takes 3 inputs", self.refuses(2, pair, "--input", "randn"))
        self.assertIn("'b/input' is missing", self.refuses(2, pair, "--input", "a/input=randn"))
        self.assertIn("3; write .safetensors", self.refuses(2, pair, "-o", self.folder / "y.npy"))
        # A tap of one network needs that network's input alone.
        self.prints(pair, "--input", "a/input=randn", "--tap", "a/output")

    def test_wrong_input(self):
        cases = {
            "nope=randn:1,3,8,8": "has no input 'nope'; it takes 'x'",
            "x=randn:1,3,8": "wrong rank",
            "x=randn:1,4,8,8": "conv1",
            "x=randn:1,3,,8": "a shape is written",
            "x=randn:1,3,0,8": "a shape is written",
            "x=randn:1,3,8,eight": "randn:1,3,8,8",
            "x=randn:1,3,8,99999999999999999999": "a shape is written",
            "x=randn:9999999999,9999999999,8,8": "",
            "x=absent.npy": "absent.npy",
            "x=absent.csv": ".npy, .safetensors, .png, .jpg",
            "x=": "not an input that rung knows",
        }
        for given, text in cases.items():
            with self.subTest(given=given):
                self.assertIn(text, self.refuses(2, *SMALL, "--input", given))
        self.assertIn("twice", self.refuses(2, *SMALL, "--input", "x=ones", "--input", "x=zeros"))
        self.assertIn("'x' is missing", self.refuses(2, *SMALL))

    def test_wrong_options(self):
        given = ["--input", "x=randn"]
        self.assertIn(".npy", self.refuses(2, *SMALL, *given, "-o", "y.txt"))
        self.assertIn("devices are cpu, cuda", self.refuses(2, *SMALL, *given, "--device", "tpu"))
        self.assertIn("--threads", self.refuses(2, *SMALL, *given, "--threads", "-1"))
        self.assertIn("unknown option", self.refuses(2, *SMALL, *given, "--tapp", "conv1"))
        self.assertIn("no such", self.refuses(2, "absent.rung", *given).lower())
        self.assertIn("nearest", self.refuses(2, "zoo:skip_connection", *given))
        self.assertIn("MODEL", self.refuses(2))

    def test_a_result_that_cannot_be_written_leaves_nothing(self):
        file = self.folder / "absent" / "y.npy"
        self.assertIn("absent", self.refuses(2, *SMALL, "--input", "x=randn", "-o", file))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_help_has_examples(self):
        text = self.prints("--help")
        self.assertIn("Examples:", text)
        for option in ["--input", "--weights", "--set", "--tap", "--output", "--seed"]:
            self.assertIn(option, text)


def white_png(width, height):
    import zlib

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\x00" + b"\xff" * (3 * width)) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


if __name__ == "__main__":
    command.main()
