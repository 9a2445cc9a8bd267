"""tools/check_layers on trees that break each of its rules."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).parent.parent / "tools" / "check_layers"


def check(files):
    """Exit status and output of the check on a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = pathlib.Path(root, "src", "rung", path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        done = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class CheckLayers(unittest.TestCase):
    def refuses(self, files, *words):
        status, output = check(files)
        self.assertEqual(status, 1, output)
        for word in words:
            self.assertIn(word, output)

    def test_accepts_leftward_includes(self):
        status, output = check({
            "base/text.h": "#include <string>\n",
            "graph/graph.h": '#include "rung/base/text.h"\n',
            "ops/conv/conv_eager.cpp": "#include <torch/torch.h>\n",
        })
        self.assertEqual(status, 0, output)

    def test_refuses_rightward_include(self):
        self.refuses({"base/text.h": '#include "rung/graph/graph.h"\n', "graph/graph.h": ""},
                     "base/text.h", "rung/graph/graph.h", "to its right")

    def test_refuses_missing_header(self):
        self.refuses({"graph/graph.h": '#include "rung/base/gone.h"\n'}, "does not exist")

    def test_refuses_a_folder_that_is_no_layer(self):
        self.refuses({"util/misc.h": ""}, "'util' is no layer")

    def test_refuses_a_circle_among_peers(self):
        self.refuses({"join/a.h": '#include "rung/io/b.h"\n', "io/b.h": '#include "rung/join/a.h"\n'},
                     "include each other")

    def test_refuses_libtorch_through_another_header(self):
        self.refuses({"exec/eager/module.h": "#include <torch/torch.h>\n",
                      "inspect/svg.cpp": '#include "rung/exec/eager/module.h"\n'},
                     "inspect/svg.cpp", "torch/torch.h")

    def test_refuses_onednn_through_another_header(self):
        allowed = {"ops/onednn.h": "#include <oneapi/dnnl/dnnl.hpp>\n", "exec/onednn/program.h": "#include <string>\n",
                   "exec/onednn/frame.h": '#include "rung/ops/onednn.h"\n',
                   "cli/cmd_bench.cpp": '#include "rung/exec/onednn/program.h"\n'}
        status, output = check(allowed)
        self.assertEqual(status, 0, output)
        self.refuses(allowed | {"exec/onednn/program.h": '#include "rung/exec/onednn/frame.h"\n'},
                     "cli/cmd_bench.cpp", "reaches oneDNN", "oneapi/dnnl/dnnl.hpp")

    def test_keeps_the_umbrella_for_programs(self):
        files = {"rung.h": '#include <torch/torch.h>\n#include "rung/cli/main.h"\n', "cli/main.h": ""}
        status, output = check(files)
        self.assertEqual(status, 0, output)
        self.refuses(files | {"train/loss.h": '#include "rung/rung.h"\n'}, "train/loss.h",
                     "for programs")

    def test_refuses_an_empty_tree(self):
        self.refuses({}, "no sources")


if __name__ == "__main__":
    unittest.main()
