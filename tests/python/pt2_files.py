"""Exported programs as torch.export.save writes them, put together by hand from the published
format, for the PyTorch of the tests cannot export.

A case is NAME.pt2 and NAME.run.safetensors: for the i-th size, i/in/INPUT and i/out/OUTPUT.
"""

import collections
import io
import json
import zipfile

from reference import folder, save_safetensors, torch

nn = torch.nn
TYPES = {torch.float32: 7, torch.int64: 5}


def size(value):
    if isinstance(value, int):
        return {"as_int": value}
    name, hint = value
    return {"as_expr": {"expr_str": name, "hint": {"as_int": hint}}}


def meta(dtype, sizes, strides=None, offset=0):
    return {"dtype": TYPES[dtype], "sizes": [size(s) for s in sizes], "requires_grad": False,
            "device": {"type": "cpu", "index": None}, "layout": 7,
            "strides": [size(s) for s in strides or []], "storage_offset": size(offset)}


def tensor(name):
    return {"as_tensor": {"name": name}}


def argument(value):
    """Text names a tensor, a list of text several, ("sym", name) a size."""
    if value is None:
        return {"as_none": True}
    if isinstance(value, str):
        return tensor(value)
    if isinstance(value, bool):
        return {"as_bool": value}
    if isinstance(value, int):
        return {"as_int": value}
    if isinstance(value, float):
        return {"as_float": value}
    if isinstance(value, tuple):
        return {"as_sym_int": {"as_name": value[1]}}
    if any(isinstance(v, str) for v in value):
        return {"as_tensors": [{"name": v} for v in value]}
    if any(isinstance(v, tuple) for v in value):
        sizes = [{"as_name": v[1]} if isinstance(v, tuple) else {"as_int": v} for v in value]
        return {"as_sym_ints": sizes}
    return {"as_ints": value}


class Program:
    def __init__(self, module, inputs):
        self.module, self.inputs = module, inputs
        self.nodes, self.values, self.specs = [], {}, []
        self.modules = dict(module.named_modules())
        for name, weight in module.named_parameters():
            self.weight("parameter", "p_" + name.replace(".", "_"), name, weight)
        for name, buffer in module.named_buffers():
            self.weight("buffer", "b_" + name.replace(".", "_"), name, buffer)
        for name, (dtype, sizes) in inputs.items():
            self.values[name] = meta(dtype, sizes)
            self.specs.append({"user_input": {"arg": tensor(name)}})

    def weight(self, kind, argument_name, name, value):
        self.values[argument_name] = meta(value.dtype, value.shape)
        spec = {"arg": {"name": argument_name}, f"{kind}_name": name}
        if kind == "buffer":
            spec["persistent"] = True
        self.specs.append({kind: spec})

    def add(self, target, output, path="", /, **arguments):
        stack = []
        parts = path.split(".") if path else []
        for i in range(len(parts) + 1):
            name = ".".join(parts[:i])
            kind = type(self.modules[name])
            stack.append(f"L__self__{name},{name},{kind.__module__}.{kind.__qualname__}")
        symbol = "sym_" in target or target.startswith("_operator")
        outputs = [output] if isinstance(output, str) else output
        self.nodes.append({
            "target": target,
            "inputs": [{"name": key, "arg": argument(value), "kind": 1}
                       for key, value in arguments.items()],
            "outputs": [{"as_sym_int": {"as_name": o}} if symbol else tensor(o) for o in outputs],
            "metadata": {"nn_module_stack": ";".join(stack)},
        })
        return output

    def json(self, outputs, context=None):
        leaf = {"type": None, "context": None, "children_spec": []}
        tree = leaf
        if context:
            tree = {"type": "builtins.dict", "context": json.dumps(context),
                    "children_spec": [leaf] * len(context)}
        graph = {"inputs": [], "outputs": [tensor(o) for o in outputs], "nodes": self.nodes,
                 "tensor_values": self.values, "sym_int_values": {}, "sym_bool_values": {},
                 "is_single_tensor_return": False, "custom_obj_values": {}}
        signature = {"input_specs": self.specs,
                     "output_specs": [{"user_output": {"arg": tensor(o)}} for o in outputs]}
        calls = [{"fqn": "", "signature": {"inputs": [], "outputs": [], "in_spec": "",
                                           "out_spec": json.dumps([1, tree])}}]
        return {"graph_module": {"graph": graph, "signature": signature,
                                 "module_call_graph": calls},
                "opset_version": {"aten": 10}, "range_constraints": {},
                "schema_version": {"major": 8, "minor": 8}, "torch_version": "2.9.0"}


def pickled(tensors):
    out = io.BytesIO()
    torch.save(collections.OrderedDict(tensors), out)
    return out.getvalue()


def write_flat(name, program, weights):
    with zipfile.ZipFile(folder() / f"{name}.pt2", "w") as file:
        file.writestr("serialized_exported_program.json", json.dumps(program))
        file.writestr("serialized_state_dict.pt", pickled(weights))
        file.writestr("serialized_constants.pt", pickled({}))
        file.writestr("version", "8.8")


def write_archive(name, program, weights, raw):
    with zipfile.ZipFile(folder() / f"{name}.pt2", "w") as file:
        file.writestr(f"{name}/archive_format", "pt2")
        file.writestr(f"{name}/archive_version", "0")
        file.writestr(f"{name}/models/model.json", json.dumps(program))
        data = f"{name}/data/"
        if not raw:
            file.writestr(data + "weights/model.pt", pickled(weights))
            file.writestr(data + "constants/model.pt", pickled({}))
            return
        config = {}
        for i, (key, value) in enumerate(weights.items()):
            memory = value
            if value.dim() == 2:  # a matrix that is stored the other way round, behind a number
                memory = torch.cat([torch.zeros(1), value.t().flatten()])
            strides, offset = value.stride(), 0
            if memory is not value:
                strides, offset = [1, value.shape[0]], 1
            file.writestr(data + f"weights/weight_{i}", memory.contiguous().numpy().tobytes())
            config[key] = {"path_name": f"weight_{i}", "is_param": True, "use_pickle": False,
                           "tensor_meta": meta(value.dtype, value.shape, strides, offset)}
        file.writestr(data + "weights/model_weights_config.json", json.dumps({"config": config}))
        file.writestr(data + "constants/model_constants_config.json", '{"config": {}}')


def write_broken(program, weights):
    """Files with one thing wrong in each."""

    def broken(name, change=lambda program: None, **others):
        copy = json.loads(json.dumps(program))
        change(copy["graph_module"]["graph"]["nodes"])
        write_flat(name, copy, weights | others)

    def node(nodes, name):
        return next(n for n in nodes if n["outputs"][0].get("as_tensor", {}).get("name") == name)

    def replace(name, place, key, value):
        return lambda nodes: node(nodes, name)["inputs"][place].update({key: value})

    broken("unknown_operator",
           lambda nodes: node(nodes, "relu").update(target="torch.ops.aten.reluu.default"))
    broken("wrong_type", replace("stem", 1, "arg", {"as_int": 3}))
    broken("unknown_argument", replace("stem", 1, "name", "wait"))
    broken("missing_argument", lambda nodes: node(nodes, "stem")["inputs"].pop(1))
    broken("unknown_name", replace("relu", 0, "arg", tensor("nobody")))
    broken("wrong_shape", **{"fc.bias": torch.zeros(4)})
    write_flat("missing_weight", program, {k: v for k, v in weights.items() if k != "fc.bias"})
    cond = {"target": "torch.ops.higher_order.cond", "outputs": [tensor("y")], "metadata": {},
            "inputs": [{"name": "", "arg": tensor("x")}]}
    broken("branch", lambda nodes: nodes.insert(0, cond))
    write_flat("no_graph", {"graph_module": {}}, weights)
    with zipfile.ZipFile(folder() / "no_json.pt2", "w") as file:
        file.writestr("serialized_exported_program.json", '{"graph_module": ')
    with zipfile.ZipFile(folder() / "no_program.pt2", "w") as file:
        file.writestr("package/data/aotinductor/model/model.so", "")
    with zipfile.ZipFile(folder() / "raw.pt2") as whole:
        with zipfile.ZipFile(folder() / "short_weight.pt2", "w") as file:
            config = json.loads(whole.read("raw/data/weights/model_weights_config.json"))
            cut = "raw/data/weights/" + config["config"]["fc.bias"]["path_name"]
            for name in whole.namelist():
                content = whole.read(name)
                file.writestr(name, content[:8] if name == cut else content)


def run_cases(name, module, arguments, names=("output",)):
    run = {}
    for i, given in enumerate(arguments):
        out = module(*given.values())
        run |= {f"{i}/in/{key}": value for key, value in given.items()}
        out = list(out.values()) if isinstance(out, dict) else [out]
        run |= {f"{i}/out/{key}": value for key, value in zip(names, out)}
    save_safetensors(folder() / f"{name}.run.safetensors", run)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.bn(self.conv(x)) + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(Block(), Block())
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        y = self.blocks(torch.relu(self.stem(x)))
        y = self.drop(y).mean([2, 3]).view(x.size(0), 8)
        return {"logits": self.fc(y), "features": y}


def net_program(net, core):
    """As torch.export has it, or with the decompositions of the core operators."""
    p = Program(net, {"x": (torch.float32, [("s0", 2), 3, 16, 16])})
    aten = "torch.ops.aten."
    p.add(aten + "sym_size.int", "batch", self="x", dim=0)
    if core:
        conv = dict(transposed=False, output_padding=[0, 0], groups=1, dilation=[1, 1])
    else:
        conv = {}
    op = aten + ("convolution.default" if core else "conv2d.default")
    p.add(op, "stem", "stem", input="x", weight="p_stem_weight", bias="p_stem_bias",
          stride=[2, 2], padding=[1, 1], **conv)
    y = p.add(aten + "relu.default", "relu", "", self="stem")
    for i in range(2):
        path, key = f"blocks.{i}", f"blocks_{i}"
        p.add(op, f"conv{i}", path + ".conv", input=y, weight=f"p_{key}_conv_weight", bias=None,
              stride=[1, 1], padding=[1, 1], **conv)
        norm = dict(input=f"conv{i}", weight=f"p_{key}_bn_weight", bias=f"p_{key}_bn_bias",
                    running_mean=f"b_{key}_bn_running_mean", running_var=f"b_{key}_bn_running_var")
        if core:
            p.add(aten + "_native_batch_norm_legit_no_training.default",
                  [f"bn{i}", f"bn{i}_mean", f"bn{i}_rstd"], path + ".bn", **norm, momentum=0.1,
                  eps=1e-05)
        else:
            p.add(aten + "batch_norm.default", f"bn{i}", path + ".bn", **norm, training=False,
                  momentum=0.1, eps=1e-05, cudnn_enabled=True)
        p.add(aten + "add.Tensor", f"add{i}", path, self=f"bn{i}", other=y)
        y = p.add(aten + "relu.default", f"relu{i}", path + ".relu", self=f"add{i}")
    if not core:
        y = p.add(aten + "dropout.default", "drop", "drop", input=y, p=0.2, train=False)
    p.add(aten + "mean.dim", "mean", "", self=y, dim=[2, 3])
    y = p.add(aten + "view.default", "view", "", self="mean", size=[("sym", "batch"), 8])
    if core:
        p.add(aten + "permute.default", "permute", "fc", self="p_fc_weight", dims=[1, 0])
        p.add(aten + "addmm.default", "linear", "fc", self="p_fc_bias", mat1=y, mat2="permute")
    else:
        p.add(aten + "linear.default", "linear", "fc", input=y, weight="p_fc_weight",
              bias="p_fc_bias")
    return p.json(["linear", y], ["logits", "features"])


if __name__ == "__main__":
    torch.manual_seed(0)
    with torch.no_grad():
        net = Net().eval()
        for key, buffer in net.named_buffers():
            if key.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif key.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        weights = {key: value.detach().clone() for key, value in net.state_dict().items()}
        programs = {core: net_program(net, core) for core in (False, True)}
        write_flat("flat", programs[False], weights)
        write_flat("core", programs[True], weights)
        write_archive("pickled", programs[False], weights, raw=False)
        write_archive("raw", programs[True], weights, raw=True)
        run_cases("net", net, [{"x": torch.randn(n, 3, 16, 16)} for n in (2, 5, 1)],
                  ["logits", "features"])
        write_broken(programs[False], weights)
