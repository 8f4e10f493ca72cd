"""Makes encoder.onnx, the network that hears who speaks, from the weights of the Python package `resemblyzer`.

    python export.py WHEEL --out encoder.onnx [--weights fp16|fp32]

WHEEL is the package as `pip download --no-deps resemblyzer==0.1.4` brings it (or the folder that it is unpacked to); the
weights in it are `resemblyzer/pretrained.pt`. The network is GE2E's (Wan et al. 2018, "Generalized end-to-end loss for
speaker verification"): three LSTM layers of 256, of the last one's last state a linear layer and ReLU, and of that the
direction. The graph is written node by node, so that it is the same with every version of torch:

    mels f32 [n, 160, 40]  ->  embeddings f32 [n, 256], of length 1

Matrices are kept as 16-bit floats and widened when the network is loaded, unless fp32 is asked for. README.md has what
that costs.
"""

import argparse
import io
import pathlib
import zipfile

import numpy
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

FRAMES, BANDS, SIZE, LAYERS = 160, 40, 256, 3
MEMBER = "resemblyzer/pretrained.pt"
OPSET = 17


def state(source):
    """The tensors of the package's checkpoint, as numpy arrays by name."""
    source = pathlib.Path(source)
    if source.is_dir():
        data = (source / MEMBER).read_bytes()
    else:
        with zipfile.ZipFile(source) as wheel:
            data = wheel.read(MEMBER)
    loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
    return {name: tensor.numpy().astype(numpy.float32) for name, tensor in loaded["model_state"].items()}


def gates(matrix):
    """Torch has the gates in the order input, forget, cell, output; ONNX wants input, output, forget, cell."""
    i, f, c, o = numpy.split(matrix, 4)
    return numpy.concatenate([i, o, f, c])


def build(weights, half):
    """The graph."""
    nodes, constants = [], []

    def constant(name, value):
        value = numpy.ascontiguousarray(value)
        if value.dtype == numpy.float32 and value.ndim > 1 and half:
            constants.append(numpy_helper.from_array(value.astype(numpy.float16), name + "_half"))
            nodes.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
        else:
            constants.append(numpy_helper.from_array(value, name))
        return name

    nodes.append(helper.make_node("Transpose", ["mels"], ["sequence_0"], perm=[1, 0, 2]))
    constant("directions", numpy.array([1], numpy.int64))
    constant("layers", numpy.array([0], numpy.int64))
    for layer in range(LAYERS):
        w = constant(f"w_{layer}", gates(weights[f"lstm.weight_ih_l{layer}"])[None])
        r = constant(f"r_{layer}", gates(weights[f"lstm.weight_hh_l{layer}"])[None])
        biases = [gates(weights[f"lstm.bias_{side}_l{layer}"]) for side in ("ih", "hh")]
        constants.append(numpy_helper.from_array(numpy.concatenate(biases)[None], f"b_{layer}"))
        inputs = [f"sequence_{layer}", w, r, f"b_{layer}"]
        if layer < LAYERS - 1:
            nodes.append(helper.make_node("LSTM", inputs, [f"states_{layer}"], hidden_size=SIZE))
            nodes.append(helper.make_node("Squeeze", [f"states_{layer}", "directions"], [f"sequence_{layer + 1}"]))
        else:
            # Of the last layer the last state of each sequence.
            nodes.append(helper.make_node("LSTM", inputs, ["", "end"], hidden_size=SIZE))
            nodes.append(helper.make_node("Squeeze", ["end", "layers"], ["last"]))
    linear = constant("linear", weights["linear.weight"].T)
    constants.append(numpy_helper.from_array(weights["linear.bias"], "linear_bias"))
    nodes += [
        helper.make_node("MatMul", ["last", linear], ["product"]),
        helper.make_node("Add", ["product", "linear_bias"], ["raw"]),
        helper.make_node("Relu", ["raw"], ["positive"]),
        helper.make_node("ReduceL2", ["positive"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["positive", "length"], ["embeddings"]),
    ]
    mels = helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["n", FRAMES, BANDS])
    embeddings = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", SIZE])
    graph = helper.make_graph(nodes, "speaker_encoder", [mels], [embeddings], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    model.producer_name = "visage"
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel")
    parser.add_argument("--out", required=True)
    parser.add_argument("--weights", choices=["fp16", "fp32"], default="fp16")
    asked = parser.parse_args()
    model = build(state(asked.wheel), asked.weights == "fp16")
    pathlib.Path(asked.out).write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
