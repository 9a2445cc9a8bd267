"""rung compile, bench, check, and run --program."""

from case import CONV, Case, WEIGHT, X, graph, rung_file

TITLE = "rung compile, bench, check, run --program"
NET = {"net.rung": rung_file()}
NO_BATCH = {"net.rung": rung_file(graph([{"name": "x", "op": {"op": "Input", "type": {"dtype": "f32", "shape": [4, 4],
                                                                  "roles": ["?", "?"]}}},
                                         {"name": "y", "op": {"op": "relu"}, "inputs": ["x"]}],
                                        outputs=[{"name": "y", "value": "y"}]), {})}


def compiled(mistake, options, message, files=NET, code=2, **other):
    return Case(mistake, f"rung compile net.rung --plan-cache none {options}".rstrip(), message, code=code, files=files, **other)


def bench(mistake, options, message, files=NET, code=2, **other):
    return Case(mistake, f"rung bench net.rung --plan-cache none {options}".rstrip(), message, code=code, files=files, **other)


def program(mistake, options, message, files=NET, code=2, **other):
    return Case(mistake, f"rung run net.rung --program --plan-cache none {options}".rstrip(), message, code=code, files=files, **other)


CASES = [
    compiled("a precision that is none", "--precision fp8", "--precision 'fp8': it is fp32 or bf16"),
    compiled("fast bf16 in fp32", "--fast-bf16", "--fast-bf16: the precision is fp32; give --precision bf16 too"),
    compiled("fast bf16 where nothing is measured", "--precision bf16 --fast-bf16 --deterministic-plan", "--fast-bf16: its kernels are taken where they were measured to be faster, and --deterministic-plan measures nothing; leave out one of them"),
    compiled("too many threads for a program", "--threads 5000", "--threads 5000: from 1 to 4096, or 0 for every core"),
    compiled("a negative time for measuring", "--plan-seconds -1", "--plan-seconds -1: a number of 0 or more"),
    compiled("a program at sizes that do not fit", "--shape 1x4x8x8", "node 'conv': Conv(padding=[1]) of (f32[N, 4, 8, 8], f32[4, 3, 3, 3]) does not work", more=("expects 3 channels per group",)),
    compiled("a network to compile that is not there", "", "cannot read net.rung: No such file or directory", files={}),
    compiled("a report of a program in a folder that is not there", "--deterministic-plan --json out/steps.json", "cannot write out/steps.json: No such file or directory"),
    bench("a peer that rung does not know", "--against tensorflow", "--against 'tensorflow': rung is compared with onnxruntime, openvino, torch, torch-compile, torch-trace, opencv"),
    bench("a bench without runs", "--runs 0", "--runs 0: from 1 to 100000"),
    bench("a batch of nothing", "--batch 0", "--batch 0: 1 or more"),
    bench("too many threads for a bench", "--threads 5000", "--threads 5000: from 1 to 4096, or 0 for every core"),
    bench("a batch of less than nothing", "--batch -1", "--batch -1: 1 or more"),
    bench("a batch for a network without one", "--batch 2", "--batch 2: input 'x' (f32[4, 4]) has no batch axis", files=NO_BATCH),
    bench("one precision of two that is none", "--precision fp32,int8", "--precision 'int8': it is fp32 or bf16"),
    bench("fast bf16 in a bench of fp32", "--fast-bf16", "--fast-bf16: the precision is fp32; give --precision bf16 too"),
    program("a program without its input", "", "input 'x' is missing: f32[N, 3, 8, 8]", more=("--input x=randn",)),
    program("a program on a graphics card", "--input randn --device cuda", "--device cuda: --program runs on the CPU"),
    program("a program that is compared without skips", "--input randn --compare-without-skips", "--compare-without-skips compares on LibTorch; leave out --program"),
    program("input of a program with a wrong rank", "--input randn:1,3,8", "input 'x' is f32[N, 3, 8, 8], and the sizes [1, 3, 8] are given"),
    Case("a precision of LibTorch's", "rung run net.rung --input randn --precision bf16", "--precision bf16: LibTorch runs the network in the types of its file; give --program", files=NET, verb="run"),
    Case("fast bf16 on LibTorch", "rung run net.rung --input randn --fast-bf16", "--fast-bf16: it is a choice of compiled programs; give --program, and --precision bf16", files=NET, verb="run"),
    Case("a bound that is negative", "rung check net.rung --plan-cache none --bound -1", "--bound -1: a number of 0 or more", files=NET, verb="check"),
    Case("a check with a precision that is none", "rung check net.rung --precision half", "--precision 'half': it is fp32 or bf16", files=NET, verb="check"),
]
