"""docs/first_hour.md: its recipes and commands, as they stand there, on small data made here."""

import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

import command
from command import CommandTest, main, rung
from train_test import png

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "first_hour.md"
SIDE = 40


def blocks():
    """(language, the words behind it, content) of every fenced block, in order."""
    return [(language, words.strip(), body) for language, words, body in
            re.findall(r"^```(\w*)([^\n]*)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)]


def photo(draw, bright, size=SIDE):
    """Noise, bright or dark."""
    base = 170 if bright else 50
    return png([[base + draw.randrange(-40, 41) for _ in range(3 * size)] for _ in range(size)], 3)


def cell(draw):
    """A bright square with a rim, and its mask of three classes."""
    size = 32
    y, x, side = draw.randrange(4, 14), draw.randrange(4, 14), draw.randrange(8, 14)
    def kind(i, j):
        inside = y <= i < y + side and x <= j < x + side
        rim = inside and (i in (y, y + side - 1) or j in (x, x + side - 1))
        return 2 if rim else 1 if inside else 0
    mask = [[kind(i, j) for j in range(size)] for i in range(size)]
    grey = {0: 30, 1: 200, 2: 120}
    return png([[grey[c] + draw.randrange(-15, 16) for c in row] for row in mask]), png(mask)


def disc(draw, radius, size=SIDE):
    rows = [[(40, 180, 60) if math.hypot(i - size / 2, j - size / 2) < radius else (230, 230, 230)
             for j in range(size)] for i in range(size)]
    return png([[value for pixel in row for value in pixel] for row in rows], 3)


class FirstHour(CommandTest):
    def make_data(self):
        draw = random.Random(7)
        for name in ("photos/day", "photos/night", "new", "cells/images", "cells/masks", "fruit"):
            (self.folder / name).mkdir(parents=True)
        for i in range(40):
            (self.folder / f"photos/day/{i}.png").write_bytes(photo(draw, True))
            (self.folder / f"photos/night/{i}.png").write_bytes(photo(draw, False))
        for i in range(4):
            (self.folder / f"new/{i}.png").write_bytes(photo(draw, i % 2 == 0))
        rows = ["file,weight"]
        for i in range(60):
            image, mask = cell(draw)
            if i < 40:
                (self.folder / f"cells/images/{i}.png").write_bytes(image)
                (self.folder / f"cells/masks/{i}.png").write_bytes(mask)
            radius = draw.uniform(5, 18)
            (self.folder / f"fruit/{i}.png").write_bytes(disc(draw, radius))
            rows.append(f"fruit/{i}.png,{radius**2:.1f}")
        (self.folder / "fruit.csv").write_text("\n".join(rows) + "\n")
        hours = [f"{10 + 5 * math.sin(t * math.pi / 12) + draw.uniform(-0.3, 0.3):.3f},"
                 f"{20 - 8 * math.cos(t * math.pi / 12):.3f}" for t in range(900)]
        (self.folder / "power.csv").write_text("load,temperature\n" + "\n".join(hours) + "\n")

    def run_block(self, body):
        """The commands with `rung` as it was built, stopping at the first that fails."""
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        if not (tools / "rung").exists():
            (tools / "rung").symlink_to(pathlib.Path(command.RUNG).resolve())
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-e", "-c", body], cwd=self.folder, env=environment, capture_output=True,
                              text=True, timeout=600)
        self.assertEqual(done.returncode, 0, f"{body}\n{done.stdout[-2000:]}\n{done.stderr}")
        return done.stdout

    def has_onnx(self):
        done = rung("convert", "zoo:mlp", self.folder / "probe.onnx")
        return done.returncode == 0

    def test_every_command_of_the_page(self):
        self.make_data()
        ran = 0
        for language, words, body in blocks():
            if language == "toml":
                (self.folder / words).write_text(body)
            elif language == "sh" and (words != "onnx" or self.has_onnx()):
                self.run_block(body)
                ran += body.count("\n")
        self.assertGreaterEqual(ran, 11)
        result = {name: json.loads((self.folder / f"{name}.json").read_text())["metrics"]
                  for name in ("photos", "cells", "fruit", "power")}
        self.assertGreater(result["photos"]["accuracy"], 0.9)
        self.assertGreater(result["cells"]["iou"], 0.5)
        self.assertGreater(result["fruit"]["r2"], 0.5)
        self.assertLess(result["power"]["mse"], result["power"]["mse_repeat"])
        table = (self.folder / "photos.csv").read_text().splitlines()
        self.assertEqual([line.split(",")[1] for line in table[1:]], ["day", "night", "day", "night"])
        if (self.folder / "photos_onnx.csv").exists():
            onnx = (self.folder / "photos_onnx.csv").read_text().splitlines()
            self.assertEqual([line.split(",")[:2] for line in onnx], [line.split(",")[:2] for line in table])
        self.assertEqual(len(list((self.folder / "found").glob("*.png"))), 40)
        self.assertEqual((self.folder / "fruit_weights.csv").read_text().splitlines()[0], "file,weight")

    def test_every_file_that_the_page_shows_is_one_of_a_recipe(self):
        self.assertEqual([words for language, words, _ in blocks() if language == "toml"],
                         ["photos.toml", "cells.toml", "fruit.toml", "power.toml"])


if __name__ == "__main__":
    main()
