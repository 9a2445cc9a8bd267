"""PyTorch's sides of `rung bench`: eager, torch.compile with inductor, and the optimized trace.

What it runs is TorchScript that LibTorch traced of the network (`rung-torch torch-trace`): the calls of ATen
that PyTorch makes of the same layers. Eager and compiled, they are an fx.GraphModule of those very
calls; traced, the file as it is. Each way is taken in every variant below and layout, which are
measured while it is loaded; the fastest runs, and stands in the name. bf16 is weights and values
in bfloat16, from f32 inputs to f32 outputs.
"""

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time

import numpy


def preload_sleef():
    """Debian's inductor writes calls of sleef, which nothing links: without it, it falls back to scalar code."""
    library = f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}/libsleef.so.3"
    if "libsleef" not in os.environ.get("LD_PRELOAD", "") and os.path.exists(library):
        os.environ["LD_PRELOAD"] = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), library]))
        os.execv(sys.executable, [sys.executable, *sys.argv])


import torch  # noqa: E402

DEBIAN = "debian" in torch.__version__
if DEBIAN and "torch-compile" in sys.argv:
    preload_sleef()


def constant(node):
    kind = node.output().type().kind()
    if kind == "NoneType" or not node.hasAttribute("value"):
        return None
    return getattr(node, node.kindOf("value"))("value") if kind != "DeviceObjType" else torch.device(node.s("value"))


def graph_module(script):
    """The straight calls of a traced module as an fx.GraphModule."""
    graph, root, made = script.inlined_graph, torch.nn.Module(), torch.fx.Graph()
    inputs = list(graph.inputs())
    values = {inputs[0].debugName(): None}  # the module itself
    for value in inputs[1:]:
        values[value.debugName()] = made.placeholder("x" + str(len(values)))
    for node in graph.nodes():
        kind, given = node.kind(), [values.get(value.debugName()) for value in node.inputs()]
        if kind == "prim::Constant":
            result = constant(node)
            if isinstance(result, torch.Tensor):
                root.register_buffer(f"constant{len(values)}", result)
                result = made.get_attr(f"constant{len(values)}")
        elif kind == "prim::GetAttr":
            name = node.s("name")
            root.register_buffer(name, getattr(script, name).detach())
            result = made.get_attr(name)
        elif kind in ("prim::ListConstruct", "prim::TupleConstruct"):
            result = given if kind == "prim::ListConstruct" else tuple(given)
        elif kind in ("prim::ListUnpack", "prim::TupleUnpack"):
            for i, output in enumerate(node.outputs()):
                values[output.debugName()] = given[0][i]
            continue
        elif kind in ("prim::NumToTensor", "aten::Int"):
            result = given[0]
        elif kind == "aten::_convolution":  # what compilers know
            result = made.call_function(torch.ops.aten.convolution.default, tuple(given[:9]))
        elif kind.startswith("aten::"):
            schema = torch._C.parse_schema(node.schema())
            call = getattr(getattr(torch.ops.aten, kind[6:]), schema.overload_name or "default")
            named = {slot.name: value for slot, value in zip(schema.arguments, given) if slot.kwarg_only}
            result = made.call_function(call, tuple(given[:len(given) - len(named)]), named)
        else:
            raise NotImplementedError(f"{kind} in the trace")
        outputs = list(node.outputs())
        for i, output in enumerate(outputs):
            values[output.debugName()] = result if len(outputs) == 1 else result[i]
    made.output(values[next(graph.outputs()).debugName()])
    return torch.fx.GraphModule(root, made).eval()


class Formed(torch.nn.Module):
    """A network in a layout and a type, from f32 inputs to f32 outputs in any layout."""

    def __init__(self, network, layout, dtype):
        super().__init__()
        self.network, self.layout, self.dtype = network, layout, dtype

    def form(self, x):
        if not x.is_floating_point():
            return x
        x = x.to(self.dtype)
        return x.contiguous(memory_format=self.layout) if x.dim() == 4 else x

    def forward(self, *inputs):
        results = self.network(*map(self.form, inputs))
        results = results if isinstance(results, (tuple, list)) else (results,)
        return tuple(y.to(torch.float32) if y.dtype == torch.bfloat16 else y for y in results)


LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
SECONDS = 0.5  # that a variant is measured, at least three runs


class PyTorch:
    def __init__(self, way, model, threads, precision, tool):
        self.way, self.model, self.precision, self.how, self.tool = way, model, precision, None, tool
        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        torch.set_num_threads(threads)
        if way == "compile":
            self.check_inductor()

    def check_inductor(self):
        if not shutil.which(os.environ.get("CXX", "g++")):
            raise RuntimeError("inductor needs a C++ compiler (Debian: g++)")
        if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
            raise RuntimeError("inductor needs Python.h (Debian: python3-dev)")
        from torch._inductor.cpu_vec_isa import pick_vec_isa

        if not pick_vec_isa():
            raise RuntimeError("inductor would write scalar code: its test of vectors does not compile "
                               "(Debian: python3-dev, libsleef-dev)")

    def title(self):
        how = f" ({self.how})" if self.how else ""
        return f"PyTorch {torch.__version__} {self.way} {self.precision}{how}"

    def variants(self, layout):
        """Names of ways to run it, and what makes each."""
        if self.way == "eager":
            return {"": lambda: Formed(self.network(layout), layout, self.dtype)}
        if self.way == "trace":
            return {"": lambda: self.traced(layout, False), "oneDNN Graph": lambda: self.traced(layout, True)}
        return {"frozen": lambda: self.compiled(layout, False), "frozen, max-autotune": lambda: self.compiled(layout, True)}

    def network(self, layout):
        network = graph_module(torch.jit.load(self.file)).to(self.dtype)
        for name, value in network.named_buffers():
            if value.dim() == 4:
                setattr(network, name, value.contiguous(memory_format=layout))
        return network

    def traced(self, layout, fusion):
        torch.jit.enable_onednn_fusion(fusion)
        formed = Formed(torch.jit.load(self.file).to(self.dtype), layout, self.dtype).eval()
        with torch.no_grad():
            frozen = torch.jit.freeze(torch.jit.trace(formed, tuple(self.inputs), check_trace=False))
        return frozen if fusion else torch.jit.optimize_for_inference(frozen)

    def compiled(self, layout, autotune):
        import torch._inductor.config as config

        config.freezing = True
        torch._dynamo.reset()
        return torch.compile(Formed(self.network(layout), layout, self.dtype), dynamic=False,
                             mode="max-autotune" if autotune else None)

    def trace(self, arrays):
        """Asks rung-torch for the file, once for all peers of PyTorch."""
        self.file = self.model + ".pt"
        if os.path.exists(self.file):
            return
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, f"{i}.npy") for i in range(len(arrays))]
            for path, array in zip(paths, arrays):
                numpy.save(path, array)
            done = subprocess.run([self.tool, "torch-trace", self.model, self.file, *paths], text=True,
                                  capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())

    def load(self, arrays):
        self.trace(arrays)
        self.inputs = [torch.from_numpy(array) for array in arrays]
        layouts = LAYOUTS if any(x.dim() == 4 for x in self.inputs) else {"": torch.contiguous_format}
        best, errors = None, []
        for name, layout in layouts.items():
            for variant, make in self.variants(layout).items():
                try:
                    network = make()
                    ms = self.measure(network)
                except Exception as error:
                    errors.append(error)
                    continue
                if best is None or ms < best:
                    best, self.chosen = ms, network
                    self.how = ", ".join(filter(None, [name, variant]))
        if best is None:
            raise errors[0]

    def measure(self, network):
        with quiet(), torch.inference_mode():
            for _ in range(4):  # the first compile
                network(*self.inputs)
            times, begin = [], time.perf_counter()
            while len(times) < 3 or time.perf_counter() - begin < SECONDS:
                start = time.perf_counter()
                network(*self.inputs)
                times.append(time.perf_counter() - start)
        return statistics.median(times)

    def run(self):
        with torch.inference_mode():
            self.results = self.chosen(*self.inputs)

    def outputs(self):
        return [y.contiguous().numpy() for y in self.results]


@contextlib.contextmanager
def quiet():
    """What autotuning prints goes to standard error: standard output is for answers."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
