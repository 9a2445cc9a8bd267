"""What the tests of the command share: running it, and files to run it on."""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

RUNG = ""


def main():
    """The first argument is the command as built."""
    global RUNG
    RUNG = sys.argv.pop(1)
    unittest.main()


def rung(*arguments):
    return subprocess.run([RUNG, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def read_safetensors(path):
    """Name -> shape."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}


def read_npy(path):
    """Shape and values of a C-ordered f32 file."""
    data = path.read_bytes()
    assert data[:6] == b"\x93NUMPY" and data[6] == 1, data[:8]
    length = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10 : 10 + length], {}, {})  # a literal, as the format defines it
    assert header["descr"] == "<f4" and not header["fortran_order"], header
    body = data[10 + length :]
    return header["shape"], struct.unpack(f"<{len(body) // 4}f", body)


class CommandTest(unittest.TestCase):
    VERB = ""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)

    def prints(self, *arguments, code=0):
        """What a command that ends well prints; of a class with a VERB, that verb's arguments."""
        done = rung(*self.verb(), *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def refuses(self, code, *arguments):
        done = rung(*self.verb(), *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertTrue(done.stderr.startswith("error: "), done.stderr)
        return done.stderr

    def verb(self):
        return [self.VERB] if self.VERB else []
