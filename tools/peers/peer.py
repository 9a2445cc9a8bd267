"""A side of `rung bench`: runs a network when it is asked to (src/rung/cli/peer.h says how), on the
CPU, each runtime at the settings that its documentation gives for one request at a time.

    peer.py PEER MODEL THREADS fp32|bf16 [RUNG-TORCH] INPUT.npy …

MODEL is an .onnx file; of PyTorch's peers a .rung file, of which RUNG-TORCH makes one that PyTorch reads.
"""

import json
import os
import sys
import time

SYSTEM = "/usr/bin/python3"  # for which Debian's packages are


def say(answer):
    print(json.dumps(answer), flush=True)


class Peer:
    """Made with the file; names are of inputs and outputs."""

    def title(self):
        """Of what runs, with its version; after loading also how."""

    def load(self, inputs):
        """Opens the network, and runs it as often as it still changes itself."""

    def run(self):
        """One run."""

    def outputs(self):
        """Of the last run, as NumPy arrays."""


class OnnxRuntime(Peer):
    def __init__(self, file, threads, precision):
        import onnxruntime

        self.ort, self.file, self.threads = onnxruntime, file, threads

    def title(self):
        return f"ONNX Runtime {self.ort.__version__} fp32"

    def load(self, inputs):
        options = self.ort.SessionOptions()
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.execution_mode = self.ort.ExecutionMode.ORT_SEQUENTIAL
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.log_severity_level = 3
        self.session = self.ort.InferenceSession(self.file, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.keep = check_count(self.session.get_inputs(), inputs)
        for value, array in zip(self.session.get_inputs(), inputs):
            self.binding.bind_cpu_input(value.name, array)
        names = [value.name for value in self.session.get_outputs()]
        for name, array in zip(names, self.session.run(None, dict(zip(
                [value.name for value in self.session.get_inputs()], inputs)))):
            self.binding.bind_ortvalue_output(name, self.ort.OrtValue.ortvalue_from_numpy(array))

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()


class OpenVino(Peer):
    def __init__(self, file, threads, precision):
        import openvino

        self.openvino, self.file, self.threads, self.precision = openvino, file, threads, precision

    def title(self):
        return f"OpenVINO {self.openvino.__version__.split('-')[0]} {self.precision}"

    def load(self, inputs):
        core = self.openvino.Core()
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": self.threads, "NUM_STREAMS": 1,
                    "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32"}
        model = core.compile_model(self.file, "CPU", settings)
        used = model.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if used != settings["INFERENCE_PRECISION_HINT"]:
            raise RuntimeError(f"OpenVINO runs {used} on this CPU, not {self.precision}")
        self.request = model.create_infer_request()
        self.keep = check_count(model.inputs, inputs)
        for i, array in enumerate(inputs):
            self.request.set_input_tensor(i, self.openvino.Tensor(array, shared_memory=True))
        self.count = len(model.outputs)

    def run(self):
        self.request.infer(share_outputs=True)

    def outputs(self):
        return [self.request.get_output_tensor(i).data.copy() for i in range(self.count)]


class OpenCv(Peer):
    def __init__(self, file, threads, precision):
        import cv2

        self.cv2, self.file = cv2, file
        cv2.setNumThreads(threads)

    def title(self):
        return f"OpenCV {self.cv2.__version__} fp32"

    def load(self, inputs):
        self.net = self.cv2.dnn.readNetFromONNX(self.file)
        self.net.setPreferableBackend(self.cv2.dnn.DNN_BACKEND_OPENCV)
        self.net.setPreferableTarget(self.cv2.dnn.DNN_TARGET_CPU)
        self.inputs = inputs
        self.names = [[]] if len(inputs) == 1 else [[name] for name in self.net.getLayer(0).outputNames]
        self.ends = self.net.getUnconnectedOutLayersNames()

    def run(self):
        for name, value in zip(self.names, self.inputs):
            self.net.setInput(value, *name)
        self.results = self.net.forward(self.ends)

    def outputs(self):
        return self.results


def check_count(expected, given):
    if len(expected) != len(given):
        raise ValueError(f"the file has {len(expected)} inputs, and {len(given)} are given")
    return given


def pytorch(way):
    def make(file, threads, precision, tool):
        import pytorch_peer  # needs PyTorch

        return pytorch_peer.PyTorch(way, file, threads, precision, tool)

    return make


PEERS = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "opencv": OpenCv, "torch": pytorch("eager"),
         "torch-compile": pytorch("compile"), "torch-trace": pytorch("trace")}
HOW = {"opencv": "Debian's python3-opencv"}


def set_environment(threads):
    """Before any library is loaded that reads it."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # Debian's PyTorch: its own threads beside OpenBLAS's step on each other
    os.environ.pop("OPENBLAS_CORETYPE", None)  # set for a build under emulation, it would choose slow kernels


def start(name, arguments):
    file, threads, precision, *inputs = arguments
    set_environment(int(threads))
    tool = [inputs.pop(0)] if name.startswith("torch") else []
    try:
        return PEERS[name](file, int(threads), precision, *tool), inputs
    except ImportError as error:
        if os.path.realpath(sys.executable) != os.path.realpath(SYSTEM) or sys.prefix != sys.base_prefix:
            if os.path.exists(SYSTEM):  # Debian's packages
                os.execv(SYSTEM, [SYSTEM, *sys.argv])
        install = os.path.join(os.path.dirname(os.path.abspath(__file__)), "install")
        raise RuntimeError(f"{error}. {HOW.get(name) or f'script/peers ({install})'} installs it") from error


def answer(peer, inputs, line):
    import numpy

    verb, _, argument = line.strip().partition(" ")
    if verb == "load":
        arrays = [numpy.ascontiguousarray(numpy.load(path)) for path in inputs]
        begin = time.perf_counter()
        peer.load(arrays)
        return {"ms": 1000 * (time.perf_counter() - begin), "name": peer.title()}
    if verb == "run":
        ms = []
        for _ in range(int(argument)):
            begin = time.perf_counter()
            peer.run()
            ms.append(1000 * (time.perf_counter() - begin))
        return {"ms": ms}
    if verb == "output":
        outputs = peer.outputs()
        for i, value in enumerate(outputs):
            numpy.save(f"{argument}_{i}.npy", numpy.ascontiguousarray(value))
        return {"outputs": len(outputs)}
    raise ValueError(f"what is {line.strip()!r}?")


def main():
    try:
        peer, inputs = start(sys.argv[1], sys.argv[2:])
    except Exception as error:
        return say({"error": " ".join(str(error).split())})
    say({"name": peer.title()})
    for line in sys.stdin:
        try:
            say(answer(peer, inputs, line))
        except Exception as error:  # the runtimes' own are many
            say({"error": " ".join(str(error).split())[:2000]})


if __name__ == "__main__":
    main()
