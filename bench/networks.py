#!/usr/bin/env python3
"""The networks of docs/performance.md in `rung bench`, and their table against the goals.

    bench/networks.py RUNG [--out out/bench] [--only TEXT] [--again] [--threads 2] [--runs 21]
                      [--sessions 5] [--against onnxruntime,openvino,torch,torch-compile,torch-trace]

In a session, fp32 and bf16 of a network and all peers take turns. All networks have one after the
other, then the next one each, since a machine that is shared is slow for minutes at a time; the
session whose fp32 ratio is the middle one is shown, with the range of all. Results are files in the
folder, and one that is there is not measured again without --again. The last of it all is
OUT/networks.md. Nothing else should run on the machine meanwhile.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys

PYTHON = "/usr/bin/python3"  # for which Debian's PyTorch is
MOBILENET = """
import sys, torch, torchvision
torch.manual_seed(0)
net = torchvision.models.mobilenet_v2(weights=None).eval()
torch.onnx.export(net, torch.randn(1, 3, 224, 224), sys.argv[1], opset_version=13)
"""


@dataclasses.dataclass
class Network:
    name: str
    title: str
    model: list  # of `rung bench`; {folder} stands for where `first` has put its files
    fp32: float  # the goals: time as a share of ONNX Runtime's fp32 time
    bf16: float = None
    first: list = ()  # commands that make the file, RUNG's arguments
    options: list = ()
    torch: float = None  # the goal against the fastest of LibTorch


def zoo(name, **settings):
    return [f"zoo:{name}"] + [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


JOIN = ["join", "enc=zoo:resnet18_encoder", "dec=zoo:decoder", "--set", "enc.size=256", "--set", "dec.size=8",
        "--wire", "enc/layer4 -> dec/input", "--skip", "enc/layer3 -> dec/up1 : concat",
        "--skip", "enc/layer2 -> dec/up2 : concat", "--skip", "enc/layer1 -> dec/up3 : concat",
        "--skip", "enc/relu -> dec/up4 : concat", "-o", "{folder}/joined.rung"]
TOKENS = ["tap", *zoo("token_transformer", size="128x256", width=256, heads=4), "--from", "tokens",
          "-o", "{folder}/transformer.rung"]
NETWORKS = [
    Network("resnet18", "ResNet-18, 224²", zoo("resnet18"), 0.65, 0.45),
    Network("resnet50", "ResNet-50, 224²", zoo("resnet50"), 0.80, 0.45),
    Network("densenet121", "DenseNet-121, 224²", zoo("densenet121"), 0.75, 0.48),
    Network("unet", "U-Net (base 32, 4 levels, 256²)", zoo("unet", size=256), 0.52, 0.40),
    Network("joined", "ResNet-18 encoder, decoder, 4 concat skips, 256²", ["{folder}/joined.rung"], 0.60, 0.42, [JOIN]),
    Network("system1_32", "system 1, 64→128, 32²", zoo("skip_connection_block"), 0.60, 0.45),
    Network("system1_128", "system 1, 64→128, 128²", zoo("skip_connection_block", size=128), 0.60, 0.45),
    Network("system2_32", "system 2, 64→128, 32²", zoo("skip_connection_block_concat"), 0.60, 0.45),
    Network("system2_128", "system 2, 64→128, 128²", zoo("skip_connection_block_concat", size=128), 0.60, 0.45),
    Network("system3_small", "system 3, N1 T100 10→20", zoo("skip_connection_rnn"), 0.80, torch=0.10),
    Network("system3_large", "system 3, N32 T96 7→128", zoo("skip_connection_rnn", input=7, hidden=128, time=96), 0.80,
            options=["--batch", "32"], torch=0.10),
    Network("mobilenet_v2", "MobileNetV2, 224²", ["{folder}/mobilenet_v2.onnx"], 0.90, 0.70, ["mobilenet"]),
    Network("transformer", "transformer encoder, 4 layers, 128 tokens of 256", ["{folder}/transformer.rung"], 0.90, 0.70,
            [TOKENS]),
]


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def placed(arguments, folder):
    return [str(part).replace("{folder}", str(folder)) for part in arguments]


def prepare(network, options):
    for first in network.first:
        if first == "mobilenet":
            file = options.out / "mobilenet_v2.onnx"
            if not file.exists():
                run([PYTHON, "-c", MOBILENET, file])
        else:
            run([options.rung, *placed(first, options.out)])


def measure(network, session, options):
    result = options.out / f"{network.name}.{session}.json"
    if result.exists() and not options.again:
        return json.loads(result.read_text())
    print(f"session {session}: {network.title} …", flush=True)
    prepare(network, options)
    precisions = "fp32,bf16" if network.bf16 else "fp32"
    text = run([options.rung, "bench", *placed(network.model, options.out), *network.options, "--precision", precisions,
                "--against", options.against, "--threads", options.threads, "--runs", options.runs, "--json", result])
    result.with_suffix(".txt").write_text(text)
    told = json.loads(result.read_text())
    told["commit"] = commit()
    result.write_text(json.dumps(told, indent=1) + "\n")
    return told


def ratio_of(told, start):
    ours, yardstick = row_of(told, start), row_of(told, "ONNX Runtime")
    return ours["median_ms"] / yardstick["median_ms"] if ours and yardstick else None


def middle(sessions):
    """The session whose fp32 ratio is the middle one, with all ratios."""
    ordered = sorted(sessions, key=lambda told: ratio_of(told, "rung fp32") or 0)
    chosen = ordered[len(ordered) // 2]
    chosen["commits"] = sorted({told.get("commit", "unknown") for told in sessions})
    chosen["sessions"] = len(sessions)
    chosen["ratios"] = {start: sorted(filter(None, (ratio_of(told, start) for told in sessions)))
                        for start in ("rung fp32", "rung bf16")}
    return chosen


def commit():
    here = pathlib.Path(__file__).parent
    done = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def row_of(told, start):
    return next((row for row in told["rows"] if row["name"].startswith(start) and "median_ms" in row), None)


def milliseconds(row):
    return f"{row['median_ms']:.3g}" if row else "–"


def against_goal(ratio, goal, ratios=()):
    """"0.71, of 0.70 to 0.74 (≤ 0.65: misses by 9 %)" """
    if goal is None:
        return "–"
    if ratio is None:
        return f"not measured (≤ {goal:.2f})"
    verdict = "met" if ratio <= goal else f"misses by {100 * (ratio / goal - 1):.1f} %"
    spread = f", of {ratios[0]:.3f} to {ratios[-1]:.3f}" if len(ratios) > 1 else ""
    return f"{ratio:.3f}{spread} (≤ {goal:.2f}: {verdict})"


def to_fastest(ours, peers, precision):
    """"0.71 of OpenVINO's 12.3": the peers of the same precision."""
    row = min((row for row in peers if f" {precision}" in row["name"]), key=lambda row: row["median_ms"], default=None)
    if not ours or not row:
        return "–"
    name = row["name"].split(f" {precision}")[0]
    return f"{ours['median_ms'] / row['median_ms']:.3f} of {name}'s {milliseconds(row)}"


def line(network, told):
    ours, half = row_of(told, "rung fp32"), row_of(told, "rung bf16")
    runtime = row_of(told, "ONNX Runtime")
    peers = [row for row in told["rows"] if "median_ms" in row and not row["name"].startswith("rung")]
    torch = {way: next((row for row in peers if row["name"].startswith("PyTorch") and f" {way} fp32" in row["name"]), None)
             for way in ("eager", "trace", "compile")}
    fastest = min(filter(None, torch.values()), key=lambda row: row["median_ms"], default=None)
    goal = against_goal(ratio_of(told, "rung fp32"), network.fp32, told["ratios"]["rung fp32"])
    if network.torch:
        to_torch = ours["median_ms"] / fastest["median_ms"] if ours and fastest else None
        goal += f"; PyTorch {against_goal(to_torch, network.torch)}"
    program = told["programs"][0]
    bf16 = against_goal(ratio_of(told, "rung bf16"), network.bf16, told["ratios"]["rung bf16"])
    cells = [network.title, goal, bf16, to_fastest(ours, peers, "fp32"), to_fastest(half, peers, "bf16"),
             milliseconds(ours), milliseconds(half), milliseconds(runtime), milliseconds(row_of(told, "OpenVINO")),
             " / ".join(milliseconds(row) for row in torch.values()),
             f"{program['whole_ms'] / program['sum_ms']:.3f}",
             f"{program['arena_bytes'] / max(program['arena_lower_bound'], 1):.3f}"]
    return "| " + " | ".join(cells) + " |\n"


def versions(results):
    """Of the peers that ran."""
    names = {row["name"].split(" fp32")[0].split(" bf16")[0] for _, told in results for row in told["rows"]
             if "median_ms" in row and not row["name"].startswith("rung")}
    return ", ".join(sorted(names))


def table(results):
    told = results[0][1]
    commits = sorted({commit for _, result in results for commit in result["commits"]})
    text = (f"{told['threads']} threads of {told['machine']}; commit {', '.join(commits)}; {versions(results)}. Ratios are to ONNX Runtime's "
            "fp32 median of the same session; "
            f"of {told['sessions']} sessions the middle one; times are medians in ms.\n\n"
            "| network | fp32 | bf16 | fp32 / fastest peer | bf16 / fastest peer in bf16 | rung fp32 | rung bf16 "
            "| ONNX Runtime | OpenVINO fp32 | PyTorch eager / trace / compile fp32 | whole / sum of steps | arena / bound |\n"
            + "|---" * 12 + "|\n")
    return text + "".join(line(network, result) for network, result in results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rung", help="the command, as built or installed")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/bench"))
    parser.add_argument("--only", default="", help="networks whose name holds this")
    parser.add_argument("--again", action="store_true", help="measure what is there already")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--runs", default="21")
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--against", default="onnxruntime,openvino,torch,torch-compile,torch-trace")
    options = parser.parse_args()
    if options.sessions < 1:
        sys.exit("--sessions: at least 1")
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = [network for network in NETWORKS if options.only in network.name]
    if not chosen:
        sys.exit(f"--only {options.only}: the networks are {', '.join(network.name for network in NETWORKS)}")
    told = {network.name: [] for network in chosen}
    for session in range(options.sessions):
        for network in chosen:
            told[network.name].append(measure(network, session, options))
    text = table([(network, middle(told[network.name])) for network in chosen])
    (options.out / "networks.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
