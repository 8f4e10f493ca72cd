"""What the exported files of XTTS v2 take and give, and whether those of a folder do.

    python contract.py DIR

`xtts.json` in the folder has the numbers that the shapes follow from. The same table is in plugins/xtts/src/contract.rs.
"""

import json
import pathlib
import sys

import numpy
import onnxruntime

TYPES = {"f32": "tensor(float)", "i64": "tensor(int64)"}


def contract(numbers):
    """File: ({input: (type, shape)}, {output: (type, shape)}), in order. A name in a shape is a length that may vary."""
    channels, heads = numbers["channels"], numbers["heads"]
    width = channels // heads
    condition, speaker = numbers["condition"], numbers["speaker_mel"]
    past, present = {}, {}
    for layer in range(numbers["layers"]):
        for kind in ("key", "value"):
            past[f"past_{kind}.{layer}"] = ("f32", (1, heads, "past", width))
            present[f"{kind}.{layer}"] = ("f32", (1, heads, "all", width))
    return {
        "conditioning": (
            {"mel": ("f32", (1, condition["mel"]["mels"], "time"))},
            {"latents": ("f32", (1, numbers["latents"], channels))},
        ),
        "speaker": (
            {"mel": ("f32", (1, speaker["mels"], "time"))},
            {"embedding": ("f32", (1, numbers["speaker"]))},
        ),
        "gpt": (
            {
                "latents": ("f32", (1, "voice", channels)),
                "text": ("i64", (1, "letters")),
                "codes": ("i64", (1, "new")),
                "place": ("i64", (1,)),
            }
            | past,
            {"scores": ("f32", (1, numbers["audio_tokens"])), "latent": ("f32", (1, channels))} | present,
        ),
        "decoder": (
            {"frames": ("f32", (1, channels, "time")), "speaker": ("f32", (1, numbers["speaker"], 1))},
            {"sound": ("f32", (1, 1, "samples"))},
        ),
    }


def session(path, threads=0):
    """An ONNX Runtime session; `threads` 0 leaves their number to the runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check(path, takes, gives):
    """Loads a file and compares names, types and shapes; gives the session."""
    network = session(path)
    for kind, found, wanted in (("input", network.get_inputs(), takes), ("output", network.get_outputs(), gives)):
        found = {it.name: (it.type, tuple(it.shape)) for it in found}
        if list(found) != list(wanted):
            raise SystemExit(f"{path.name}: {kind}s are {list(found)}, not {list(wanted)}")
        for name, (element, shape) in wanted.items():
            # A file may leave any length open.
            lengths = found[name][1]
            same = len(lengths) == len(shape) and all(isinstance(a, str) or a == b for a, b in zip(lengths, shape))
            if found[name][0] != TYPES[element] or not same:
                raise SystemExit(f"{path.name}: {kind} {name} is {found[name]}, not {(element, shape)}")
    return network


def noise(takes, lengths):
    """Seeded inputs: integers are 0, everything else is normal noise."""
    random = numpy.random.default_rng(0)
    made = {}
    for name, (element, shape) in takes.items():
        shape = tuple(lengths.get(n, 1) if isinstance(n, str) else n for n in shape)
        values = random.standard_normal(shape, numpy.float32)
        made[name] = abs(values) if element == "f32" else numpy.zeros(shape, numpy.int64)
    return made


def main():
    folder = pathlib.Path(sys.argv[1])
    numbers = json.loads((folder / "xtts.json").read_text())
    lengths = {"time": 100, "voice": numbers["latents"], "letters": 5, "new": 1, "past": 0}
    for name, (takes, gives) in contract(numbers).items():
        path = folder / f"{name}.onnx"
        outputs = check(path, takes, gives).run(None, noise(takes, lengths))
        if not all(numpy.isfinite(output).all() for output in outputs):
            raise SystemExit(f"{path.name}: an output is not finite")
        spread = ", ".join(f"{list(it.shape)} {it.mean():.4f} ± {it.std():.4f}" for it in outputs[:2])
        print(f"{path.name}: {path.stat().st_size:,} bytes, as agreed; {spread}")


if __name__ == "__main__":
    main()
