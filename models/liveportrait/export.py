"""Makes ONNX files of LivePortrait's published contract with random weights.

    python export.py --width tiny|full --out DIR [--seed N] [--opset 16|20] [--keep-spectral-norm]

The weights mean nothing, yet every stage does something that can be seen and compared: activations keep their size
through all layers, the keypoints are spread over the face, the bins of the head's angles have a peak, and the last
layer is fitted (least squares) to give back a blurred version of the picture that went in. The same seed gives the same
weights. README.md says what the files are for.
"""

import argparse
import pathlib
import warnings

import numpy
import torch
import torch.nn.functional as F
from torch import nn
from torch.onnx import register_custom_op_symbolic
from torch.onnx.symbolic_helper import parse_args

import contract
import networks
import picture

# The published files are opset 16, and GridSample in them takes 5-D tensors although the standard of that opset speaks
# of 4-D ones. ONNX Runtime's CPU provider runs that. Opset 20 has 5-D by its own standard.
PUBLISHED_OPSET = 16
# Ridge of the last layer's fit, relative to the size of its inputs.
RIDGE = 1e-3
POWER_ITERATIONS = 20
# By how much modulation and residuals of G are made smaller.
CALM = 0.2
# And by how much the feature volume.
QUIET = 0.2


def seed_weights(network, seed):
    """Fills a network with seeded noise that keeps the size of activations; parameters in the order of their names."""
    noise = numpy.random.default_rng(seed)

    def normal(shape, scale):
        return torch.from_numpy(noise.standard_normal(tuple(shape), numpy.float32) * numpy.float32(scale))

    for name, parameter in sorted(network.named_parameters()):
        kind = name.rsplit(".", 1)[-1]
        if parameter.dim() > 1 and kind in ("weight", "weight_orig"):
            inputs = parameter[0].numel()
            parameter.data = normal(parameter.shape, (2 / inputs) ** 0.5)
        elif kind == "weight":
            parameter.data = 1 + normal(parameter.shape, 0.1)
        elif kind in ("gamma", "beta"):
            parameter.data = normal(parameter.shape, 0.3)
        else:
            parameter.data = normal(parameter.shape, 0.1)
    for module in network.modules():
        if hasattr(module, "weight_orig"):
            measure_norm(module, normal)


def measure_norm(module, normal):
    """Finds the directions in which torch's spectral normalisation measures a weight, by power iteration."""
    weight = module.weight_orig.flatten(1)
    u = normal(weight.shape[:1], 1)
    for _ in range(POWER_ITERATIONS):
        v = F.normalize(weight.T @ u, dim=0)
        u = F.normalize(weight @ v, dim=0)
    module.weight_u.copy_(u)
    module.weight_v.copy_(v)


def face_layout():
    """[21,3] keypoints of a face seen from the front: two rings around its middle, nearer to the viewer inside."""
    points = [(0.0, 0.0, -0.2)]
    for count, radius, depth, phase in ((8, 0.22, -0.1, 0.0), (12, 0.45, 0.1, 0.1)):
        for i in range(count):
            angle = 2 * numpy.pi * i / count + phase
            points.append((radius * numpy.cos(angle), 1.2 * radius * numpy.sin(angle), depth))
    return torch.tensor(points, dtype=torch.float32)


def shape_heads(motion):
    """Scales the heads of M so that what they say is in the range that a face has."""
    heads = motion.detector
    inputs = heads.fc_t.in_features
    # Noise of this size comes out of a head; torch's normalised features have a mean square of 1.
    for head, size in (
        (heads.fc_kp, 0.02),
        (heads.fc_exp, 0.02),
        (heads.fc_t, 0.05),
        (heads.fc_scale, 0.05),
        (heads.fc_pitch, 0.7),
        (heads.fc_yaw, 0.7),
        (heads.fc_roll, 0.7),
    ):
        head.weight.data *= size / (2 / inputs) ** 0.5 / inputs**0.5
        head.bias.data *= 0
    heads.fc_kp.bias.data = face_layout().flatten()
    heads.fc_scale.bias.data += 1.3
    # A peak in the middle of the bins, 15 degrees wide: the head looks about straight ahead.
    middle = -0.5 * ((torch.arange(networks.BINS) * 3 - 97.5) / 15) ** 2
    for head in (heads.fc_pitch, heads.fc_yaw, heads.fc_roll):
        head.bias.data = middle.clone()


def quiet(appearance):
    """Makes the feature volume small, so that 1e-4 is far above what the order of sums changes on another machine."""
    for layer in (appearance.second, *(block.conv2 for block in appearance.resblocks_3d)):
        layer.weight.data *= QUIET
        layer.bias.data *= QUIET


def calm(generator):
    """Makes what G's blocks do to its picture small beside what is there, so that colours survive all of them."""
    for name, module in generator.named_modules():
        if name.endswith(("mlp_gamma", "conv_1")):
            module.weight.data *= CALM


def settle(network, *inputs):
    """Sets the statistics of the batch normalisations to those of one run."""
    norms = [it for it in network.modules() if isinstance(it, (nn.BatchNorm2d, nn.BatchNorm3d))]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    output = network(*inputs)
    for norm in norms:
        norm.momentum = 0.1
        norm.eval()
    return output


def fit_last_layer(generator, label, target):
    """Solves the last convolution of G (least squares with a ridge) so that a picture [1,3,512,512] comes out."""
    conv = generator.conv_img[0]
    seen = F.unfold(generator.features(label), 3, padding=1)[0].T.double()
    seen = torch.cat([seen, torch.ones(len(seen), 1, dtype=torch.float64)], dim=1)
    wanted = torch.logit(F.pixel_unshuffle(target, 2).clamp(0.05, 0.95))[0].flatten(1).T.double()
    square = seen.T @ seen
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=torch.float64)
    solved = torch.linalg.solve(square, seen.T @ wanted)
    conv.weight.data = solved[:-1].T.reshape(conv.weight.shape).float()
    conv.bias.data = solved[-1].float()


@torch.no_grad()
def random_networks(width, seed, keep_spectral_norm=False):
    """All networks of a width with seeded weights, ready to be run and exported."""
    made = networks.build(width)
    for i, name in enumerate(sorted(made)):
        seed_weights(made[name], (seed, i))
    warping_spade = made["warping_spade"]
    if not keep_spectral_norm:
        warping_spade.fold_spectral_norm()

    img, target = (torch.from_numpy(it) for it in picture.crops())
    shape_heads(made["motion_extractor"])
    quiet(made["appearance_feature_extractor"])
    calm(warping_spade.spade_generator)
    feature_3d = settle(made["appearance_feature_extractor"], img)
    at_rest = (1.3 * face_layout())[None]
    label = settle(Warp(warping_spade), feature_3d, at_rest, at_rest)
    fit_last_layer(warping_spade.spade_generator, label, target)

    # What stitching and retargeting add to keypoints is small.
    for name in ("stitching", "stitching_eye", "stitching_lip"):
        made[name].mlp[-1].weight.data *= 0.02
        made[name].mlp[-1].bias.data *= 0.02
    return made


class Warp(nn.Module):
    """W alone."""

    def __init__(self, warping_spade):
        super().__init__()
        self.warping_spade = warping_spade

    def forward(self, *inputs):
        return self.warping_spade.warp(*inputs)


@parse_args("v", "v", "i", "i", "b")
def grid_sample(graph, x, grid, mode, padding_mode, align_corners):
    """torch's grid_sampler as GridSample of opset 16, for 5-D too, which torch refuses to export."""
    assert (mode, padding_mode, align_corners) == (0, 0, 0), "the networks sample linearly, with zeros around"
    return graph.op("GridSample", x, grid, mode_s="bilinear", padding_mode_s="zeros", align_corners_i=0)


def export(network, path, opset=PUBLISHED_OPSET):
    """Writes one network; names, shapes and order as in the contract."""
    takes, gives = contract.CONTRACT[path.stem]
    if opset < 20:
        register_custom_op_symbolic("aten::grid_sampler", grid_sample, opset)
    with warnings.catch_warnings():
        # The older of torch's two exporters is deprecated, but it is the one that made the published files.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            tuple(torch.zeros(shape) for shape in takes.values()),
            path,
            input_names=list(takes),
            output_names=list(gives),
            opset_version=opset,
            dynamo=False,
        )


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--width", choices=networks.WIDTHS, required=True)
    options.add_argument("--out", type=pathlib.Path, required=True, help="folder that the files are written to")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--opset", type=int, choices=(16, 20), default=PUBLISHED_OPSET)
    options.add_argument(
        "--keep-spectral-norm",
        action="store_true",
        help="leave the norm of the weights to be computed at run time, which keeps some weights twice",
    )
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    made = random_networks(networks.WIDTHS[chosen.width], chosen.seed, chosen.keep_spectral_norm)
    for name, network in made.items():
        path = chosen.out / f"{name}.onnx"
        export(network, path, chosen.opset)
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
