"""The C library as built: a C program that uses it, ctypes, and what it exports.

    c_test.py RUNG C_RUN_MODEL LIBRUNG_C
"""

import ctypes
import pathlib
import subprocess
import sys
import tempfile
import unittest

RUNG, PROGRAM, LIBRARY = "", "", ""
NET = ["zoo:skip_net", "--set", "depth=4", "--set", "width=4", "--set", "classes=3", "--set", "size=8"]


class CLibrary(unittest.TestCase):
    def network(self, folder):
        file = pathlib.Path(folder) / "net.rung"
        subprocess.run([RUNG, "convert", *NET, file], check=True, capture_output=True)
        return file

    def test_a_c_program(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([PROGRAM, self.network(folder)], capture_output=True, text=True, cwd=folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_nothing_else_is_exported(self):
        done = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True)
        names = [line.split()[-1] for line in done.stdout.splitlines()]
        self.assertIn("rung_run", names)
        self.assertEqual([name for name in names if not name.startswith("rung_")], [])

    def test_other_languages(self):
        """What docs/c.md shows, with Python's ctypes."""
        document = (pathlib.Path(__file__).parent.parent.parent / "docs" / "c.md").read_text()
        program = document.split("```python\n")[1].split("```")[0]
        with tempfile.TemporaryDirectory() as folder:
            self.network(folder)
            program = program.replace("librung_c.so", LIBRARY)
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("3 numbers", done.stdout)
        self.assertTrue(ctypes.CDLL(LIBRARY).rung_run)


if __name__ == "__main__":
    RUNG, PROGRAM, LIBRARY = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:4])
    unittest.main(argv=sys.argv[:1])
