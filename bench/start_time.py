#!/usr/bin/env python3
"""How long does the command take, from its start to its end?

    bench/start_time.py RUNG [--runs 21]

Prints the median and the fastest of some runs, verb by verb, after one to warm the file cache.
"""

import argparse
import shlex
import statistics
import subprocess
import time

COMMANDS = [
    ["--version"],
    ["models"],
    ["show", "zoo:resnet50"],
    ["join", "zoo:resnet50", "--skip", "layer1 -> layer3 : concat", "--explain"],
    ["run", "--help"],
    ["run", "zoo:skip_connection_block", "--input", "randn"],
]


def seconds(command):
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rung", help="the command, as built or installed")
    parser.add_argument("--runs", type=int, default=21)
    options = parser.parse_args()
    print(f"{'median ms':>10} {'least ms':>9}  command")
    for arguments in COMMANDS:
        command = [options.rung, *arguments]
        seconds(command)
        times = [1000 * seconds(command) for _ in range(options.runs)]
        text = shlex.join(["rung", *arguments])
        print(f"{statistics.median(times):>10.1f} {min(times):>9.1f}  {text}")


if __name__ == "__main__":
    main()
