#!/usr/bin/env python3
"""Programs beside ONNX Runtime at several batches and numbers of threads, as the tables of
docs/performance.md: time as a share of ONNX Runtime's, and memory.

    bench/batches.py RUNG [--batches 1,4,16,32] [--threads 1,2] [--runs 9] [NETWORK ...]

NETWORK is what `rung bench` takes; zoo:resnet18, zoo:densenet121 and zoo:unet unless told
otherwise. Nothing else should run on the machine meanwhile.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

MIB = 1 << 20


def measure(rung, network, batch, threads, runs):
    """The rows of one session: name -> (median ms, bytes), and the program's report."""
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder) / "result.json"
        subprocess.run([rung, "bench", network, "--batch", str(batch), "--threads", str(threads), "--runs", str(runs),
                        "--precision", "fp32,bf16", "--against", "onnxruntime", "--json", str(result)],
                       check=True, stdout=subprocess.DEVNULL)
        return json.loads(result.read_text())


def line(rung, network, batch, threads, runs):
    found = measure(rung, network, batch, threads, runs)
    rows = {row["name"].split()[-1] if row["name"].startswith("rung") else "peer": row for row in found["rows"]}
    program = found["programs"][0]
    peer = rows["peer"]["median_ms"]
    return [network.removeprefix("zoo:"), batch, threads, f"{rows['fp32']['median_ms']:.2f}",
            f"{rows['fp32']['median_ms'] / peer:.3f}", f"{rows['bf16']['median_ms'] / peer:.3f}",
            f"{program['arena_bytes'] / MIB:.1f}", f"{program['arena_bytes'] / program['arena_lower_bound']:.3f}",
            f"{program['weight_bytes'] / MIB:.1f}", f"{rows['peer']['memory_bytes'] / MIB:.0f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rung")
    parser.add_argument("networks", nargs="*", default=["zoo:resnet18", "zoo:densenet121", "zoo:unet"])
    parser.add_argument("--batches", default="1,4,16,32")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_intermixed_args()
    print("| network | batch | threads | fp32 ms | fp32 / ONNX Runtime | bf16 / ONNX Runtime's fp32 | arena MiB | arena / bound "
          "| weights MiB | ONNX Runtime MiB |\n" + "|---" * 10 + "|")
    for network in arguments.networks:
        for threads in map(int, arguments.threads.split(",")):
            for batch in map(int, arguments.batches.split(",")):
                cells = line(arguments.rung, network, batch, threads, arguments.runs)
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
