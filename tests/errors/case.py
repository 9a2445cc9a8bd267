"""A mistake, and what rung has to say to it."""

import dataclasses
import io
import json
import struct
import zipfile
import zlib


@dataclasses.dataclass
class Case:
    mistake: str  # what the user did wrong, in words; the documentation's first column
    command: str  # run in a folder that holds `files` alone
    message: str  # first line, without "error: "; … stands for anything
    code: int = 2
    more: tuple = ()  # parts of the message's other lines
    files: dict = dataclasses.field(default_factory=dict)  # name -> bytes, text or f(path)
    first: tuple = ()  # commands that run before, and succeed; rung's or the system's
    verb: str = ""  # one that the build may lack
    file_bytes: int = None  # no file may grow beyond, as on a full disk
    stdout: str = ""  # where standard output goes
    leaves: str = ""  # a folder of results that may stay: what was whole before the mistake


def folder(path):
    path.mkdir()


def link_to(target):
    return lambda path: path.symlink_to(target)


# --- files of rung's formats, whole or broken


def safetensors(tensors=None, metadata=None, header=None, body=None):
    """tensors: name -> (dtype, shape, bytes). A header or body of one's own replaces what is made."""
    made, data = {}, b""
    for name, (dtype, shape, content) in (tensors or {}).items():
        made[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    if metadata is not None:
        made["__metadata__"] = metadata
    text = json.dumps(made if header is None else header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(text)) + text + (data if body is None else body)


def floats(count, value=0.5):
    return struct.pack(f"<{count}f", *[value] * count)


X = {"name": "x", "op": {"op": "Input", "type": {"dtype": "f32", "shape": [1, 3, 8, 8],
                                                 "roles": ["batch", "channel", "space", "space"]}}}
WEIGHT = {"name": "conv.weight", "op": {"op": "Param", "dtype": "f32", "shape": [4, 3, 3, 3]}}
CONV = {"name": "conv", "op": {"op": "Conv", "padding": [1]}, "inputs": ["x", "conv.weight"]}


def graph(nodes, outputs=({"name": "y", "value": "conv"},), skips=(), **more):
    return {"model": "", "nodes": list(nodes), "outputs": list(outputs), "skips": list(skips), **more}


def rung_file(content=None, tensors=None, version="1", text=None):
    """A .rung file; by default a small network that works."""
    content = graph([X, WEIGHT, CONV]) if content is None else content
    tensors = {"conv.weight": ("F32", [4, 3, 3, 3], floats(108))} if tensors is None else tensors
    metadata = {"rung.graph": json.dumps(content) if text is None else text, "rung.version": version}
    return safetensors(tensors, metadata)


def pickled(value):
    """The operations of one value as a whole pickle of protocol 2."""
    return b"\x80\x02" + value + b"."


def archive(entries):
    """A zip archive as torch.save lays one out."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in entries.items():
            file.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def npy(shape, descr="<f4", body=None, order=False, header=None, version=b"\x01\x00"):
    text = header or repr({"descr": descr, "fortran_order": order, "shape": tuple(shape)})
    text += " " * (-(len(text) + 11) % 64) + "\n"
    count = 1
    for size in shape:
        count *= size
    body = bytes(int(descr[2:]) * count) if body is None else body
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text.encode() + body


def png(width, height, channels=3, value=128, rows=None, bits=8):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + bytes([value]) * width * channels * (bits // 8) for _ in range(height)) if rows is None else rows
    head = struct.pack(">IIBBBBB", width, height, bits, 2 if channels == 3 else 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# --- ONNX: protobuf by hand


def proto(*fields):
    """(number, value) pairs: whole numbers, and text, bytes or messages."""
    def varint(value):
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])

    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def onnx_value(name, sizes):
    """An input or output; a size that is a text is free."""
    dims = [(1, proto((2 if isinstance(size, str) else 1, size))) for size in sizes]
    return proto((1, name), (2, proto((1, proto((1, 1), (2, proto(*dims)))))))


def onnx_file(sizes=(1, 3, 8, 8), node="Relu", opset=17):
    """x -> layer -> y, with one operator."""
    layer = proto((1, "x"), (2, "y"), (3, "/layer/" + node), (4, node))
    content = proto((1, layer), (2, "net"), (11, onnx_value("x", sizes)), (12, onnx_value("y", sizes)))
    return proto((1, 8), (7, content), (8, proto((1, ""), (2, opset))))


def torch_zip(*names):
    """An archive as PyTorch makes them, of empty files."""
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo("net/" + name), b"")
    return out.getvalue()
