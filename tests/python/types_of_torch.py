"""rung's names of the types that this PyTorch has."""

from reference import torch

NAMES = {"bf16": "bfloat16", "bool": "bool", "f16": "float16", "f32": "float32", "f64": "float64",
         "f8_e4m3": "float8_e4m3fn", "f8_e4m3fnuz": "float8_e4m3fnuz", "f8_e5m2": "float8_e5m2",
         "f8_e5m2fnuz": "float8_e5m2fnuz", "i16": "int16", "i32": "int32", "i64": "int64", "i8": "int8",
         "u16": "uint16", "u32": "uint32", "u64": "uint64", "u8": "uint8"}

NEW = hasattr(torch, "uint16")  # of 2.3, which has all of them
TYPES = {name: getattr(torch, theirs) for name, theirs in NAMES.items()
         if NEW or not (name.startswith("f8") or name in ("u16", "u32", "u64"))}
