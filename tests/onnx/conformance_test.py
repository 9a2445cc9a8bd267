#!/usr/bin/env python3
"""Runs the ONNX project's operator cases, $RUNG_DATA/onnx-backend/cases.tar.gz, and checks the table in
docs/onnx.md, which says what comes of each. Skips, and says so, where the data is absent.

    conformance_test.py PROGRAM DOCUMENT            checks
    conformance_test.py PROGRAM DOCUMENT --write    writes the table
"""

import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

SKIPPED = 77


def main():
    program, document = sys.argv[1:3]
    mode = "--write" if "--write" in sys.argv[3:] else "--check"
    archive = pathlib.Path(os.environ.get("RUNG_DATA", "/nowhere")) / "onnx-backend/cases.tar.gz"
    if not archive.exists():
        print("SKIPPED: RUNG_DATA/onnx-backend/cases.tar.gz is not there")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as cases:
            root = os.path.realpath(folder)
            for member in cases.getmembers():
                inside = os.path.realpath(os.path.join(root, member.name)).startswith(root + os.sep)
                if not inside or not (member.isfile() or member.isdir()):
                    sys.exit(f"{archive} holds {member.name}, which is no file of its own")
            cases.extractall(root)
        return subprocess.run([program, root, mode, document], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
