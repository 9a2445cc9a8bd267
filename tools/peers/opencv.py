"""OpenCV's side of `rung bench`: runs a network when it is asked to (src/rung/cli/peer.h says how).

    python3 opencv.py MODEL.onnx THREADS INPUT.npy …
"""

import json
import sys
import time


def say(answer):
    print(json.dumps(answer), flush=True)


class Network:
    def __init__(self, cv2, numpy, file, threads, inputs):
        cv2.setNumThreads(threads)
        start = time.perf_counter()
        self.net = cv2.dnn.readNetFromONNX(file)
        self.net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self.net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
        self.ms = 1000 * (time.perf_counter() - start)
        self.numpy = numpy
        self.inputs = [numpy.load(path) for path in inputs]
        self.names = [[]] if len(inputs) == 1 else [[name] for name in self.net.getLayer(0).outputNames]
        self.ends = self.net.getUnconnectedOutLayersNames()

    def run(self, count):
        ms = []
        for _ in range(count):
            start = time.perf_counter()
            for name, value in zip(self.names, self.inputs):
                self.net.setInput(value, *name)
            self.outputs = self.net.forward(self.ends)
            ms.append(1000 * (time.perf_counter() - start))
        return ms

    def write(self, prefix):
        for i, value in enumerate(self.outputs):
            self.numpy.save(f"{prefix}_{i}.npy", self.numpy.ascontiguousarray(value))
        return len(self.outputs)


def main():
    file, threads, *inputs = sys.argv[1:]
    try:
        import cv2
        import numpy
    except ImportError as error:
        return say({"error": f"{error} (Debian: python3-opencv)"})
    say({"name": f"OpenCV {cv2.__version__}"})
    network = None
    for line in sys.stdin:
        verb, _, argument = line.strip().partition(" ")
        try:
            if verb == "load":
                network = Network(cv2, numpy, file, int(threads), inputs)
                say({"ms": network.ms})
            elif verb == "run":
                say({"ms": network.run(int(argument))})
            elif verb == "output":
                say({"outputs": network.write(argument)})
            else:
                raise ValueError(f"what is {line.strip()!r}?")
        except Exception as error:  # OpenCV's own are many
            say({"error": " ".join(str(error).split())})


if __name__ == "__main__":
    main()
