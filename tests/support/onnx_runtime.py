"""ONNX files in ONNX Runtime, on one thread of a CPU, so that the same inputs give the same bits."""


def missing():
    """What of onnx and ONNX Runtime is not installed, or None."""
    for module in ("numpy", "onnx", "onnxruntime"):
        try:
            __import__(module)
        except ImportError:
            return f"Python's {module} (script/peers --tests)"
    return None


def version():
    import onnxruntime

    return onnxruntime.__version__


class Session:
    def __init__(self, file):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.outputs = [value.name for value in self.session.get_outputs()]

    def run(self, inputs):
        """Outputs, as arrays in the order of the file, of inputs in the order of the file."""
        if len(inputs) != len(self.inputs):
            raise ValueError(f"the file has the inputs {self.inputs}, and {len(inputs)} are given")
        return self.session.run(None, dict(zip(self.inputs, inputs)))

    def run_files(self, inputs, prefix):
        """The same with .npy files: outputs are PREFIX_0.npy and so on."""
        import numpy

        for i, value in enumerate(self.run([numpy.load(path) for path in inputs])):
            numpy.save(f"{prefix}_{i}.npy", value)
