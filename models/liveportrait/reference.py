"""Makes the fixtures of plugins/liveportrait: small networks, and what every stage should give with them.

    python reference.py [--out DIR] [--seed N]

The networks run in torch, everything else in numpy (geometry.py); then the exported files are run in ONNX Runtime and
must agree. What each tensor means stands in the README.md beside the fixtures.
"""

import argparse
import pathlib

import numpy
import onnx
import torch
from PIL import Image
from safetensors.numpy import save_file

import contract
import export
import geometry
import networks
import picture

FIXTURES = pathlib.Path(__file__).parents[2] / "plugins/liveportrait/fixtures"
# Largest difference allowed between torch and ONNX Runtime.
TOLERANCE = 1e-4
# Of a large tensor one element in this many is kept: a prime, so that all rows and columns are met.
STRIDE = 257


def lattice(image):
    """[h,w,c] -> [c,h/s,w/s]: the pixels (s i + s//2 - 1), where s = h/64; 64 of them each way."""
    step = image.shape[0] // 64
    start = step // 2 - 1
    return image[start::step, start::step].transpose(2, 0, 1)


def blocks(image):
    """[h,w,c] -> [c,32,32]: means of equal square blocks, so that no pixel is left out."""
    side = image.shape[0] // 32
    return image.reshape(32, side, 32, side, -1).mean((1, 3)).transpose(2, 0, 1)


def as_kept(values):
    """f64 numbers that are the same in f32, which is what the fixtures keep of them."""
    return numpy.asarray(values, numpy.float32).astype(numpy.float64)


class Reference:
    """The networks in torch, with numpy going in and out."""

    def __init__(self, made):
        self.made = made
        self.worst = {}

    @torch.no_grad()
    def run(self, name, *inputs):
        inputs = [numpy.ascontiguousarray(it, numpy.float32) for it in inputs]
        outputs = self.made[name](*(torch.from_numpy(it) for it in inputs))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [it.numpy() for it in outputs], inputs

    def compared(self, folder):
        """The same as a function that runs the exported file too and holds both together."""
        sessions = {name: contract.session(folder / f"{name}.onnx") for name in self.made}

        def run(name, *inputs):
            outputs, inputs = self.run(name, *inputs)
            names = [it.name for it in sessions[name].get_inputs()]
            for ours, theirs in zip(outputs, sessions[name].run(None, dict(zip(names, inputs)))):
                self.worst[name] = max(self.worst.get(name, 0.0), float(abs(ours - theirs).max()))
            return outputs

        return run


def invented_motion(noise, angles, scale):
    """Outputs of M for a face that nobody has: bins with a peak at the angles, everything else small noise."""
    bins = [-0.5 * ((numpy.arange(66) * 3 - 97.5 - angle) / 4) ** 2 + noise.normal(0, 0.1, 66) for angle in angles]
    t, exp = noise.normal(0, 0.04, 3), noise.normal(0, 0.03, 63)
    kp = export.face_layout().numpy().reshape(-1) + noise.normal(0, 0.02, 63)
    named = zip(("pitch", "yaw", "roll", "t", "exp", "scale", "kp"), (*bins, t, exp, [scale], kp))
    return {name: numpy.asarray(it, numpy.float32) for name, it in named}


def stages(run, seed):
    """All tensors by the names of their files."""
    noise = numpy.random.default_rng((seed, 1000))
    image = picture.draw().astype(numpy.float64) / 255
    points, eyes, mouth = (as_kept(it) for it in (picture.landmarks(), *picture.anchors()))

    # Crop.
    crop = geometry.face_crop(points, eyes, mouth)
    large = geometry.sample(image, crop.to_picture, (geometry.CROP, geometry.CROP))
    small = geometry.halve(large)
    upright = geometry.face_crop([[10, 10], [110, 10], [10, 90], [110, 90]], [60, 40], [60, 40])
    of_crop = {
        "points": points,
        "eyes": eyes,
        "mouth": mouth,
        "to_crop": crop.to_crop,
        "to_picture": crop.to_picture,
        "coinciding.to_crop": upright.to_crop,
        "crop_512.lattice": lattice(large),
        "crop_512.blocks": blocks(large),
        "crop_256.lattice": lattice(small),
        "crop_256.blocks": blocks(small),
    }

    # What the face looks like and how it stands.
    img = geometry.planes(small)
    (feature,) = run("appearance_feature_extractor", img)
    said = dict(zip(contract.CONTRACT["motion_extractor"][1], run("motion_extractor", img)))
    of_source = {
        "feature_3d.every_257": feature.reshape(-1)[::STRIDE],
        "feature_3d.means": feature[0].mean((2, 3), dtype=numpy.float64),
    }
    faces = {
        "source": said,
        "first": invented_motion(noise, (3, -4, 2), 1.25),
        "driving": invented_motion(noise, (-6, 9, -5), 1.32),
    }
    motions = {name: geometry.motion(**face) for name, face in faces.items()}
    of_motion = {}
    for name, face in faces.items():
        of_motion |= {f"{name}.{part}": it.reshape(-1) for part, it in face.items()}
        of_motion[f"{name}.angles"] = motions[name].angles
        of_motion[f"{name}.rotation"] = motions[name].rotation()
        of_motion[f"{name}.keypoints"] = geometry.keypoints(motions[name])

    # How it moves.
    source, first, driving = motions["source"], motions["first"], motions["driving"]
    at_rest = of_motion["source.keypoints"]
    added = {
        "angles": as_kept([4.0, -7.0, 3.0]),
        "t": as_kept([0.02, -0.03, 0.5]),
        "scale": as_kept([1.04]),
        "exp": as_kept(noise.normal(0, 0.02, (21, 3))),
    }
    moved = {
        "relative": geometry.relative(source, driving, first),
        "absolute": geometry.absolute(source, driving),
        "offset": geometry.offset(source, added["angles"], added["t"], added["scale"][0], added["exp"]),
    }
    of_motion |= {f"offset.{name}": it for name, it in added.items()} | moved

    # Stitching and retargeting.
    def stitched(keypoints):
        (delta,) = run("stitching", geometry.stitching_input(at_rest, keypoints))
        return delta, geometry.stitched(keypoints, delta)

    delta, relative = stitched(moved["relative"])
    eye_points = numpy.array([[20.0, 14.5], [20.5, 21.0], [10.0, 18.0], [31.0, 17.0]])
    eye_ratios = as_kept([geometry.opening(*eye_points), 0.31, 0.05])
    lip_ratios = as_kept([0.12, 0.0])
    (eye_delta,) = run("stitching_eye", geometry.retargeting_input(at_rest, *eye_ratios))
    (lip_delta,) = run("stitching_lip", geometry.retargeting_input(at_rest, *lip_ratios))
    eye_moves, lip_moves = (it.astype(numpy.float64).reshape(21, 3) for it in (eye_delta, lip_delta))
    of_retargeting = {
        "stitching.delta": delta.reshape(-1),
        "relative.stitched": relative,
        "absolute.stitched": stitched(moved["absolute"])[1],
        "offset.stitched": stitched(moved["offset"])[1],
        "eye.points": eye_points,
        "eye.ratios": eye_ratios,
        "eye.delta": eye_moves,
        "lip.ratios": lip_ratios,
        "lip.delta": lip_moves,
        "relative.stitched_lips_closed": relative + lip_moves,
        "source.retargeted": stitched(at_rest + eye_moves + lip_moves)[1],
        "absolute.retargeted": stitched(moved["absolute"] + eye_moves + lip_moves)[1],
        "offset.retargeted": stitched(moved["offset"] + eye_moves + lip_moves)[1],
    }

    # The picture of it, and that picture back in the portrait.
    of_drawing, of_paste, drawings = {}, {}, {}
    for name, keypoints in (("rest", at_rest), ("relative", relative), ("offset", of_retargeting["offset.retargeted"])):
        (out,) = run("warping_spade", feature, keypoints[None], at_rest[None])
        drawn = out[0].transpose(1, 2, 0).astype(numpy.float64)
        drawings[name] = geometry.paste(image, drawn, crop)
        of_drawing[f"{name}.kp_driving"] = keypoints
        of_drawing[f"{name}.lattice"] = lattice(drawn)
        of_drawing[f"{name}.blocks"] = blocks(drawn)
        of_paste[f"{name}.pasted"] = drawings[name][2::5, 2::5].transpose(2, 0, 1)
    of_drawing["kp_source"] = at_rest
    y, x = numpy.mgrid[0 : geometry.CROP, 0 : geometry.CROP].astype(numpy.float64)
    of_paste["mask.lattice"] = geometry.mask(x, y)[3::8, 3::8]
    of_paste["mask.edge"] = geometry.mask(x[255], y[255])

    files = {
        "crop": of_crop,
        "source": of_source,
        "motion": of_motion,
        "retargeting": of_retargeting,
        "drawing": of_drawing,
        "paste": of_paste,
    }
    return files, drawings


def open_lengths(path):
    """A stitching network whose file leaves lengths open, and that gives 64 numbers where 65 are expected."""
    value = onnx.helper.make_tensor_value_info
    bounds = {"zero": 0, "most": 64, "axis": 1}
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Slice", ["input", "zero", "most", "axis"], ["output"])],
        "stitching",
        [value("input", onnx.TensorProto.FLOAT, [1, "n"])],
        [value("output", onnx.TensorProto.FLOAT, [1, "m"])],
        [onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [1], [bound]) for name, bound in bounds.items()],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=pathlib.Path, default=FIXTURES)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--pictures", type=pathlib.Path, help="folder for whole pictures to look at")
    chosen = options.parse_args()

    folder = chosen.out / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    made = export.random_networks(networks.TINY, chosen.seed)
    for name, network in made.items():
        export.export(network, folder / f"{name}.onnx")

    open_lengths(chosen.out / "open-lengths" / "stitching.onnx")

    Image.fromarray(picture.draw()).save(chosen.out / "face.png", optimize=True)
    reference = Reference(made)
    files, drawings = stages(reference.compared(folder), chosen.seed)
    for name, tensors in files.items():
        kept = {it: numpy.ascontiguousarray(tensor, numpy.float32) for it, tensor in tensors.items()}
        save_file(kept, chosen.out / f"{name}.safetensors")

    for name, difference in reference.worst.items():
        print(f"{name}: torch and ONNX Runtime differ by {difference:.1e} at most")
    if max(reference.worst.values()) > TOLERANCE:
        raise SystemExit("that is too much")
    if chosen.pictures:
        chosen.pictures.mkdir(parents=True, exist_ok=True)
        for name, drawn in drawings.items():
            Image.fromarray((drawn.clip(0, 1) * 255 + 0.5).astype(numpy.uint8)).save(chosen.pictures / f"{name}.png")


if __name__ == "__main__":
    main()
