"""What the files of LivePortrait take and give, and whether those of a folder do.

    python contract.py DIR

Names and shapes are those of the files published with warmshao/FasterLivePortrait; its programs feed inputs and read
outputs by their order, which is the order here.
"""

import pathlib
import sys

import numpy
import onnxruntime

# File: ({input: shape}, {output: shape}), all f32, in order.
CONTRACT = {
    "appearance_feature_extractor": ({"img": (1, 3, 256, 256)}, {"output": (1, 32, 16, 64, 64)}),
    "motion_extractor": (
        {"img": (1, 3, 256, 256)},
        {
            "pitch": (1, 66),
            "yaw": (1, 66),
            "roll": (1, 66),
            "t": (1, 3),
            "exp": (1, 63),
            "scale": (1, 1),
            "kp": (1, 63),
        },
    ),
    "warping_spade": (
        {"feature_3d": (1, 32, 16, 64, 64), "kp_driving": (1, 21, 3), "kp_source": (1, 21, 3)},
        {"out": (1, 3, 512, 512)},
    ),
    "stitching": ({"input": (1, 126)}, {"output": (1, 65)}),
    "stitching_eye": ({"input": (1, 66)}, {"output": (1, 63)}),
    "stitching_lip": ({"input": (1, 65)}, {"output": (1, 63)}),
}


def session(path, providers=("CPUExecutionProvider",), threads=0):
    """An ONNX Runtime session; `threads` 0 leaves their number to the runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=list(providers))


def check(path):
    """Loads a file, compares its names and shapes, runs it on seeded noise; gives the outputs."""
    takes, gives = CONTRACT[path.stem]
    network = session(path)
    for kind, found, wanted in (("input", network.get_inputs(), takes), ("output", network.get_outputs(), gives)):
        found = [(it.name, tuple(it.shape), it.type) for it in found]
        wanted = [(name, shape, "tensor(float)") for name, shape in wanted.items()]
        if found != wanted:
            raise SystemExit(f"{path.name}: {kind}s are {found}, not {wanted}")
    noise = numpy.random.default_rng(0)
    outputs = network.run(None, {name: noise.random(shape, numpy.float32) for name, shape in takes.items()})
    for (name, shape), output in zip(gives.items(), outputs):
        if output.shape != shape or not numpy.isfinite(output).all():
            raise SystemExit(f"{path.name}: {name} is {output.shape}, or not finite")
    return outputs


def main():
    files = [path for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")) if path.stem in CONTRACT]
    for path in files:
        outputs = check(path)
        spread = ", ".join(f"{output.mean():.4f} ± {output.std():.4f}" for output in outputs)
        print(f"{path.name}: {path.stat().st_size:,} bytes, as agreed; outputs {spread}")
    missing = CONTRACT.keys() - {path.stem for path in files}
    if missing:
        print("not in the folder:", ", ".join(sorted(missing)))


if __name__ == "__main__":
    main()
