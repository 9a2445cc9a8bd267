"""`rung compile`, `bench`, `check` and `run --program`, as built.

    program_test.py RUNG        RUNG: the command. Parts that need rung-torch or ONNX Runtime say so where
                                it is missing. No time is compared with anything.
"""

import json
import os
import subprocess
import xml.etree.ElementTree

import command
from command import CommandTest, rung

NET = ["zoo:skip_net", "--set", "depth=4", "--set", "width=4", "--set", "classes=3", "--set", "size=8"]
# With layers wide enough for oneDNN to have several ways on every CPU, which are measured.
WIDE = [word.replace("width=4", "width=16") for word in NET]
PLAIN = ["--deterministic-plan", "--plan-cache", "none"]


class Programs(CommandTest):
    def needs_torch(self):
        if rung("check", "--help").returncode != 0:
            self.skipTest("not compared: rung-torch is not installed")

    # --- compile

    def test_what_became_of_a_network_is_told(self):
        text = self.prints("compile", *NET, *PLAIN, "--explain", "--json", self.folder / "steps.json")
        self.assertRegex(text, r"\d+ steps, \S+ [kMG]? ?MACs")
        self.assertIn("conv 3x3", text)
        told = json.loads((self.folder / "steps.json").read_text())
        self.assertGreater(sum(step["macs"] for step in told["steps"]), 0)
        self.assertGreaterEqual(told["arena_bytes"], told["arena_lower_bound"])
        self.assertGreater(told["weight_bytes"], 0)

    def test_a_deterministic_plan_is_the_same_again(self):
        ways = []
        for name in ["a.json", "b.json"]:
            self.prints("compile", *NET, *PLAIN, "--json", self.folder / name)
            ways.append([step["way"] for step in json.loads((self.folder / name).read_text())["steps"]])
        self.assertEqual(ways[0], ways[1])

    def test_what_was_measured_is_remembered(self):
        cache = self.folder / "plans.json"
        self.prints("compile", *WIDE, "--plan-cache", cache, "--plan-seconds", "1")
        self.assertGreater(cache.stat().st_size, 0)
        again = self.folder / "again.json"
        self.prints("compile", *WIDE, "--plan-cache", cache, "--json", again)
        self.assertLess(json.loads(again.read_text())["measure_s"], 0.2)

    def test_what_is_remembered_may_lie_in_the_current_folder(self):
        done = subprocess.run([command.RUNG, "compile", *WIDE, "--plan-cache", "plans.json", "--plan-seconds", "1"],
                              cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater((self.folder / "plans.json").stat().st_size, 0)

    def test_bf16_is_refused_where_it_has_no_kernels(self):
        done = subprocess.run([command.RUNG, "compile", *NET, *PLAIN, "--precision", "bf16"], capture_output=True,
                              text=True, env={**os.environ, "DNNL_MAX_CPU_ISA": "AVX2"})
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("bf16 needs a CPU with AVX-512", done.stderr)

    # --- run --program

    def test_a_program_gives_what_the_network_gives(self):
        self.needs_torch()
        files = [self.folder / name for name in ["eager.npy", "program.npy"]]
        self.prints("run", *NET, "--input", "randn", "-o", files[0])
        text = self.prints("run", *NET, "--input", "randn", "-o", files[1], "--program", *PLAIN)
        self.assertIn("drawn with seed 0", text)
        values = [command.read_npy(file) for file in files]
        scale = max(map(abs, values[0][1]))
        self.assertEqual(values[0][0], values[1][0])
        self.assertLess(max(abs(a - b) for a, b in zip(values[0][1], values[1][1])), 1e-4 * scale)

    def test_taps_and_other_sizes(self):
        text = self.prints("run", *NET, "--input", "randn:2,1,9,13", "--tap", "block1", "--program", *PLAIN)
        self.assertIn("f32[2, 4, 9, 13]", text)
        self.assertIn("block1", text)

    def test_wrong_options(self):
        given = ["run", *NET, "--input", "randn"]
        self.assertIn("runs on the CPU", self.refuses(2, *given, "--program", "--device", "cuda"))
        self.assertIn("it is fp32 or bf16", self.refuses(2, *given, "--program", "--precision", "fp8"))
        self.assertIn("leave out --program",
                      self.refuses(2, *given, "--program", "--compare-without-skips"))
        self.assertIn("'input' is missing", self.refuses(2, "run", *NET, "--program"))

    # --- check

    def test_a_program_is_checked_at_several_sizes(self):
        self.needs_torch()
        text = self.prints("check", *NET, *PLAIN, "--threads", "1")
        for sizes in ["1x1x8x8", "2x1x8x8", "3x1x8x8", "1x1x13x11"]:
            self.assertIn(sizes, text)
        self.assertIn("same: at", text)

    def test_the_first_difference_is_named(self):
        self.needs_torch()
        # No two ways to add up give the same bits everywhere.
        text = self.prints("check", *NET, *PLAIN, "--bound", "0", code=4)
        self.assertIn("DIFFERS", text)
        self.assertRegex(text, r"different: at .* the first to differ is '\S+'")

    # --- bench

    def test_a_bench_alone(self):
        text = self.prints("bench", *NET, *PLAIN, "--runs", "3", "--batch", "2", "--json", self.folder / "b.json",
                           "--svg", self.folder / "b.svg")
        self.assertIn("where the time goes", text)
        self.assertIn("[N, 1, 8, 8]", text)
        told = json.loads((self.folder / "b.json").read_text())
        self.assertGreaterEqual(len(told["rows"][0]["ms"]), 3)
        self.assertIsNone(told["rows"][0]["ratio"])
        self.assertGreater(told["programs"][0]["peak_gflops"], 0)
        xml.etree.ElementTree.parse(self.folder / "b.svg")

    def test_peers_run_the_same_network(self):
        peers = "onnxruntime,openvino,torch,torch-trace,torch-compile,opencv"
        done = subprocess.run([command.RUNG, "bench", *NET, *PLAIN, "--runs", "3", "--precision", "fp32", "--against",
                               peers, "--json", self.folder / "b.json"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads((self.folder / "b.json").read_text())["rows"]
        self.assertEqual(len(rows), 7)
        for row in rows[1:]:
            if "error" in row:
                print(f"not compared: {row['name']}: {row['error']}")
            else:
                self.assertLess(row["difference"], 1e-4, row["name"])
                self.assertGreater(row["median_ms"], 0)

    def test_a_peer_that_is_missing_is_a_line(self):
        without = ["bench", *NET, *PLAIN, "--runs", "1", "--against"]
        done = subprocess.run([command.RUNG, *without, "onnxruntime"], capture_output=True, text=True,
                              env={"RUNG_PEERS": str(self.folder)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("not measured: onnxruntime: peer.py is not installed", done.stdout)
        done = subprocess.run([command.RUNG, *without, "openvino"], capture_output=True, text=True,
                              env={"XDG_CACHE_HOME": str(self.folder)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("not measured: openvino: No module named 'openvino'. script/peers", done.stdout)


if __name__ == "__main__":
    command.main()
