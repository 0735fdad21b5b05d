"""A small ONNX model of pictures with a golden output, computed by numpy alone: writes tiny.onnx and tiny.json.

    pip install onnx numpy
    python tiny_onnx.py
"""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, CHANNELS = 8, 5


def picture(seed):
    """Pixels `[height, width, 3]` that the test makes in the same way."""
    at = np.arange(SIZE * SIZE * 3, dtype=np.int64)
    return ((at * at * 7 + at * 31 + seed * 101) % 256).astype(np.uint8).reshape(SIZE, SIZE, 3)


rng = np.random.default_rng(1)
weight = rng.normal(size=(CHANNELS, 3, 3, 3)).astype(np.float32)
bias = rng.normal(size=CHANNELS).astype(np.float32)
graph = helper.make_graph(
    [
        helper.make_node("Conv", ["pixels", "weight", "bias"], ["places"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Relu", ["places"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ],
    "tiny",
    [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["pictures", 3, SIZE, SIZE])],
    [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["pictures", CHANNELS]),
        helper.make_tensor_value_info("active", TensorProto.FLOAT, ["pictures", CHANNELS, 3, 3]),
    ],
    [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, "tiny.onnx")

mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
golden = []
for seed in range(3):
    pixels = ((picture(seed) / 255.0 - mean) / deviation).transpose(2, 0, 1)
    out = np.zeros((CHANNELS, 3, 3))
    for row in range(3):
        for column in range(3):
            patch = pixels[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            out[:, row, column] = np.maximum((weight * patch).sum((1, 2, 3)) + bias, 0)
    golden.append([round(float(x), 5) for x in out.mean((1, 2))])
print(json.dumps(golden), file=open("tiny.json", "w"))
