"""The networks of LivePortrait (Guo et al. 2024, arXiv:2407.03168) at any width.

Facts of the architecture come from the paper and from KwaiVGI/LivePortrait (src/modules, src/config/models.yaml): which
layers there are, in which order, and what they are called, so that at full width every parameter has the name and the
shape that it has in the published checkpoints. The definition is our own.

Whatever the width, the networks take and give tensors of the published shapes: only what is inside shrinks.

    F  appearance_feature_extractor   img [1,3,256,256]                            -> [1,32,16,64,64]
    M  motion_extractor               img [1,3,256,256]                            -> pitch, yaw, roll, t, exp, scale, kp
    WG warping_spade                  feature_3d, kp_driving, kp_source [1,21,3]   -> [1,3,512,512]
    S  stitching                      [1,126]                                      -> [1,65]
    Re stitching_eye                  [1,66]                                       -> [1,63]
    Rl stitching_lip                  [1,65]                                       -> [1,63]
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import remove_spectral_norm, spectral_norm

KEYPOINTS = 21
BINS = 66
# The feature volume: channels, depth; height and width are a quarter of the picture's.
VOLUME_CHANNELS = 32
VOLUME_DEPTH = 16
# Variance of the Gaussian around a keypoint in the heat maps (src/modules/dense_motion.py).
HEAT_VARIANCE = 0.01


@dataclasses.dataclass(frozen=True)
class Width:
    """How wide and deep the networks are inside."""

    name: str
    # F: channels after the first convolution (they double twice), channels and number of its 3-D residual blocks.
    appearance: int
    appearance_hidden: int
    appearance_blocks: int
    # M: channels and blocks of the four stages of ConvNeXt V2.
    backbone: tuple
    depths: tuple
    # W: hourglass (channels, most channels, levels), channels of the features that it sees, wide kernels.
    hourglass: int
    hourglass_most: int
    hourglass_levels: int
    compress: int
    wide_kernel: int
    # G: channels of what W gives to it, channels of its last block, hidden channels of a SPADE normalisation.
    generator: int
    generator_last: int
    spade_hidden: int
    # Hidden layers of stitching and retargeting.
    stitching: tuple
    eye: tuple
    lip: tuple


# What is published.
FULL = Width(
    name="full",
    appearance=64,
    appearance_hidden=32,
    appearance_blocks=6,
    backbone=(96, 192, 384, 768),
    depths=(3, 3, 9, 3),
    hourglass=32,
    hourglass_most=1024,
    hourglass_levels=5,
    compress=4,
    wide_kernel=7,
    generator=256,
    generator_last=64,
    spade_hidden=128,
    stitching=(128, 128, 64),
    eye=(256, 256, 128, 128, 64),
    lip=(128, 128, 64),
)

# Small enough to be committed and to run in a test.
TINY = Width(
    name="tiny",
    appearance=4,
    appearance_hidden=2,
    appearance_blocks=1,
    backbone=(8, 8, 16, 16),
    depths=(1, 1, 1, 1),
    hourglass=4,
    hourglass_most=8,
    hourglass_levels=2,
    compress=1,
    wide_kernel=3,
    generator=8,
    generator_last=8,
    spade_hidden=8,
    stitching=(16, 16, 8),
    eye=(16, 16, 8, 8, 8),
    lip=(16, 16, 8),
)

WIDTHS = {width.name: width for width in (FULL, TINY)}


# F: appearance


class Convolved(nn.Module):
    """Convolution, batch normalisation, rectifier; then half the height and width if asked for."""

    def __init__(self, channels_in, channels_out, dims=2, halve=False, slope=0.0):
        super().__init__()
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
        self.conv = conv(channels_in, channels_out, 3, padding=1)
        self.norm = norm(channels_out)
        self.slope = slope
        if halve:
            self.pool = nn.AvgPool2d(2) if dims == 2 else nn.AvgPool3d((1, 2, 2))
        self.halve = halve

    def forward(self, x):
        x = self.norm(self.conv(x))
        x = F.leaky_relu(x, self.slope) if self.slope else F.relu(x)
        return self.pool(x) if self.halve else x


class Residual3d(nn.Module):
    """x + two rounds of normalisation, rectifier, convolution."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.norm1 = nn.BatchNorm3d(channels)
        self.conv1 = nn.Conv3d(channels, hidden, 3, padding=1)
        self.norm2 = nn.BatchNorm3d(hidden)
        self.conv2 = nn.Conv3d(hidden, channels, 3, padding=1)

    def forward(self, x):
        hidden = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(hidden)))


class AppearanceFeatureExtractor(nn.Module):
    """F: picture 0..1 [1,3,256,256] -> feature volume [1,32,16,64,64]."""

    def __init__(self, width):
        super().__init__()
        c = width.appearance
        self.first = Convolved(3, c)
        self.down_blocks = nn.ModuleList([Convolved(c, 2 * c, halve=True), Convolved(2 * c, 4 * c, halve=True)])
        self.second = nn.Conv2d(4 * c, VOLUME_CHANNELS * VOLUME_DEPTH, 1)
        self.resblocks_3d = nn.Sequential()
        for i in range(width.appearance_blocks):
            self.resblocks_3d.add_module(f"3dr{i}", Residual3d(VOLUME_CHANNELS, width.appearance_hidden))

    def forward(self, img):
        x = self.first(img)
        for block in self.down_blocks:
            x = block(x)
        x = self.second(x)
        # Sizes as plain numbers, so that the exported graph has no shape arithmetic.
        size = [int(s) for s in x.shape]
        x = x.view(size[0], VOLUME_CHANNELS, VOLUME_DEPTH, size[2], size[3])
        return self.resblocks_3d(x)


# M: motion


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of [n,c,h,w]."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class ResponseNorm(nn.Module):
    """Global response normalisation of [n,h,w,c] (ConvNeXt V2, Woo et al. 2023, arXiv:2301.00808)."""

    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x):
        response = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        relative = response / (response.mean(dim=-1, keepdim=True) + 1e-6)
        return x + self.gamma * (x * relative) + self.beta


class ConvNextBlock(nn.Module):
    """Depthwise 7x7, layer normalisation, two pointwise layers around GELU and response normalisation; residual."""

    def __init__(self, channels):
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = ResponseNorm(4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x):
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(self.grn(F.gelu(self.pwconv1(y))))
        return x + y.permute(0, 3, 1, 2)


class MotionBackbone(nn.Module):
    """ConvNeXt V2 with a head for each part of the motion."""

    def __init__(self, width):
        super().__init__()
        dims = width.backbone
        stem = nn.Sequential(nn.Conv2d(3, dims[0], 4, stride=4), ChannelNorm(dims[0]))
        self.downsample_layers = nn.ModuleList([stem])
        for before, after in zip(dims, dims[1:]):
            self.downsample_layers.append(nn.Sequential(ChannelNorm(before), nn.Conv2d(before, after, 2, stride=2)))
        self.stages = nn.ModuleList(
            nn.Sequential(*[ConvNextBlock(dim) for _ in range(depth)]) for dim, depth in zip(dims, width.depths)
        )
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        self.fc_kp = nn.Linear(dims[-1], 3 * KEYPOINTS)
        self.fc_scale = nn.Linear(dims[-1], 1)
        self.fc_pitch = nn.Linear(dims[-1], BINS)
        self.fc_yaw = nn.Linear(dims[-1], BINS)
        self.fc_roll = nn.Linear(dims[-1], BINS)
        self.fc_t = nn.Linear(dims[-1], 3)
        self.fc_exp = nn.Linear(dims[-1], 3 * KEYPOINTS)

    def forward(self, img):
        x = img
        for down, stage in zip(self.downsample_layers, self.stages):
            x = stage(down(x))
        x = self.norm(x.mean((-2, -1)))
        heads = (self.fc_pitch, self.fc_yaw, self.fc_roll, self.fc_t, self.fc_exp, self.fc_scale, self.fc_kp)
        return tuple(head(x) for head in heads)


class MotionExtractor(nn.Module):
    """M: picture 0..1 [1,3,256,256] -> pitch, yaw, roll [1,66] each, t [1,3], exp [1,63], scale [1,1], kp [1,63]."""

    def __init__(self, width):
        super().__init__()
        self.detector = MotionBackbone(width)

    def forward(self, img):
        return self.detector(img)


# W: warping


class Upsampled3d(nn.Module):
    """Twice the height and width (nearest), convolution, normalisation, rectifier."""

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv = nn.Conv3d(channels_in, channels_out, 3, padding=1)
        self.norm = nn.BatchNorm3d(channels_out)

    def forward(self, x):
        x = F.interpolate(x, scale_factor=(1, 2, 2))
        return F.relu(self.norm(self.conv(x)))


class HourglassEncoder(nn.Module):
    def __init__(self, channels_in, channels):
        super().__init__()
        steps = zip([channels_in, *channels[1:-1]], channels[1:])
        self.down_blocks = nn.ModuleList(Convolved(a, b, dims=3, halve=True) for a, b in steps)

    def forward(self, x):
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class HourglassDecoder(nn.Module):
    def __init__(self, channels_in, channels):
        super().__init__()
        last = len(channels) - 1
        # Every level but the deepest gets what comes from below beside what the encoder had there.
        self.up_blocks = nn.ModuleList(
            Upsampled3d(channels[i] * (1 if i == last else 2), channels[i - 1]) for i in range(last, 0, -1)
        )
        self.out_filters = channels[0] + channels_in
        self.conv = nn.Conv3d(self.out_filters, self.out_filters, 3, padding=1)
        self.norm = nn.BatchNorm3d(self.out_filters)

    def forward(self, levels):
        x = levels[-1]
        for block, beside in zip(self.up_blocks, reversed(levels[:-1])):
            x = torch.cat([block(x), beside], dim=1)
        return F.relu(self.norm(self.conv(x)))


class Hourglass(nn.Module):
    """[1,c,16,64,64] -> [1,out_filters,16,64,64]; height and width shrink and grow, depth stays."""

    def __init__(self, channels_in, width):
        super().__init__()
        channels = [min(width.hourglass_most, width.hourglass << i) for i in range(width.hourglass_levels + 1)]
        self.encoder = HourglassEncoder(channels_in, channels)
        self.decoder = HourglassDecoder(channels_in, channels)
        self.out_filters = self.decoder.out_filters

    def forward(self, x):
        return self.decoder(self.encoder(x))


def axes(depth, height, width, like):
    """x, y and z of the voxels of a volume, -1..1 from the first to the last, shaped to be broadcast over [n,d,h,w]."""
    x, y, z = (torch.linspace(-1, 1, n, dtype=like.dtype, device=like.device) for n in (width, height, depth))
    return x, y[:, None], z[:, None, None]


class DenseMotion(nn.Module):
    """From two sets of keypoints to where each voxel comes from [1,16,64,64,3] and what is occluded [1,1,64,64]."""

    def __init__(self, width):
        super().__init__()
        wide = width.wide_kernel
        self.hourglass = Hourglass((KEYPOINTS + 1) * (width.compress + 1), width)
        out = self.hourglass.out_filters
        self.mask = nn.Conv3d(out, KEYPOINTS + 1, wide, padding=wide // 2)
        self.compress = nn.Conv3d(VOLUME_CHANNELS, width.compress, 1)
        self.norm = nn.BatchNorm3d(width.compress)
        self.occlusion = nn.Conv2d(out * VOLUME_DEPTH, 1, wide, padding=wide // 2)

    def forward(self, feature, kp_driving, kp_source):
        feature = F.relu(self.norm(self.compress(feature)))
        channels, depth, height, width = (int(n) for n in feature.shape[1:])
        # The background is a keypoint that never moves.
        still = torch.zeros_like(kp_source[0, :1])
        driving, source = (torch.cat([still, kp[0]]) for kp in (kp_driving, kp_source))
        grid = axes(depth, height, width, feature)

        # Near a keypoint the picture moves as it does: [22,16,64,64,3], where each voxel would come from.
        shift = (source - driving)[:, :, None, None, None]
        size = (KEYPOINTS + 1, depth, height, width)
        motions = torch.stack([(axis + shift[:, i]).expand(size) for i, axis in enumerate(grid)], dim=-1)
        copies = feature.repeat(KEYPOINTS + 1, 1, 1, 1, 1)
        deformed = F.grid_sample(copies, motions, align_corners=False)

        def heat(keypoints):
            at = keypoints[:, :, None, None, None]
            squares = sum((axis - at[:, i]) ** 2 for i, axis in enumerate(grid))
            return torch.exp(-0.5 * squares / HEAT_VARIANCE)

        heatmap = heat(driving) - heat(source)

        seen = torch.cat([heatmap[:, None], deformed], dim=1)
        seen = seen.view(1, (KEYPOINTS + 1) * (channels + 1), depth, height, width)
        prediction = self.hourglass(seen)

        mask = F.softmax(self.mask(prediction), dim=1)
        deformation = (motions * mask[0, ..., None]).sum(0, keepdim=True)
        occlusion = torch.sigmoid(self.occlusion(prediction.view(1, -1, height, width)))
        return deformation, occlusion


# G: generator


class Spade(nn.Module):
    """Spatially adaptive normalisation (Park et al. 2019, arXiv:1903.07291) by the warped features."""

    def __init__(self, channels, label_channels, hidden):
        super().__init__()
        self.param_free_norm = nn.InstanceNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(label_channels, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x, label):
        label = F.interpolate(label, size=[int(n) for n in x.shape[2:]], mode="nearest")
        shared = self.mlp_shared(label)
        return self.param_free_norm(x) * (1 + self.mlp_gamma(shared)) + self.mlp_beta(shared)


class SpadeBlock(nn.Module):
    """Residual block of two SPADE normalisations and spectrally normalised convolutions."""

    def __init__(self, channels_in, channels_out, label_channels, hidden):
        super().__init__()
        middle = min(channels_in, channels_out)
        self.conv_0 = spectral_norm(nn.Conv2d(channels_in, middle, 3, padding=1))
        self.conv_1 = spectral_norm(nn.Conv2d(middle, channels_out, 3, padding=1))
        self.norm_0 = Spade(channels_in, label_channels, hidden)
        self.norm_1 = Spade(middle, label_channels, hidden)
        self.shortcut = channels_in != channels_out
        if self.shortcut:
            self.conv_s = spectral_norm(nn.Conv2d(channels_in, channels_out, 1, bias=False))
            self.norm_s = Spade(channels_in, label_channels, hidden)

    def forward(self, x, label):
        beside = self.conv_s(self.norm_s(x, label)) if self.shortcut else x
        x = self.conv_0(F.leaky_relu(self.norm_0(x, label), 0.2))
        return beside + self.conv_1(F.leaky_relu(self.norm_1(x, label), 0.2))


class SpadeGenerator(nn.Module):
    """G: warped features [1,c,64,64] -> picture 0..1 [1,3,512,512]."""

    MIDDLE = 6

    def __init__(self, width):
        super().__init__()
        c, hidden = width.generator, width.spade_hidden
        self.fc = nn.Conv2d(c, 2 * c, 3, padding=1)
        for i in range(self.MIDDLE):
            self.add_module(f"G_middle_{i}", SpadeBlock(2 * c, 2 * c, c, hidden))
        self.up_0 = SpadeBlock(2 * c, c, c, hidden)
        self.up_1 = SpadeBlock(c, width.generator_last, c, hidden)
        self.conv_img = nn.Sequential(nn.Conv2d(width.generator_last, 12, 3, padding=1), nn.PixelShuffle(2))

    def features(self, label):
        """What the last convolution sees [1,c,256,256]."""
        x = self.fc(label)
        for i in range(self.MIDDLE):
            x = getattr(self, f"G_middle_{i}")(x, label)
        x = self.up_0(F.interpolate(x, scale_factor=2), label)
        x = self.up_1(F.interpolate(x, scale_factor=2), label)
        return F.leaky_relu(x, 0.2)

    def forward(self, label):
        return torch.sigmoid(self.conv_img(self.features(label)))


class WarpingSpade(nn.Module):
    """W and G as one graph: feature volume and two sets of keypoints -> picture 0..1 [1,3,512,512]."""

    def __init__(self, width):
        super().__init__()
        c = width.generator
        self.dense_motion_network = DenseMotion(width)
        self.third = Convolved(VOLUME_CHANNELS * VOLUME_DEPTH, c, slope=0.01)
        self.fourth = nn.Conv2d(c, c, 1)
        self.spade_generator = SpadeGenerator(width)

    def warp(self, feature_3d, kp_driving, kp_source):
        deformation, occlusion = self.dense_motion_network(feature_3d, kp_driving, kp_source)
        x = F.grid_sample(feature_3d, deformation, align_corners=False)
        height, width = (int(n) for n in x.shape[3:])
        x = x.view(1, VOLUME_CHANNELS * VOLUME_DEPTH, height, width)
        return self.fourth(self.third(x)) * occlusion

    def forward(self, feature_3d, kp_driving, kp_source):
        return self.spade_generator(self.warp(feature_3d, kp_driving, kp_source))

    def fold_spectral_norm(self):
        """Divides the weights by their norm once and for all; what is computed stays the same."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and hasattr(module, "weight_orig"):
                remove_spectral_norm(module)


# S and R: stitching and retargeting


class Retargeting(nn.Module):
    """Fully connected layers with rectifiers between them."""

    def __init__(self, channels_in, hidden, channels_out):
        super().__init__()
        layers = []
        for before, after in zip([channels_in, *hidden], hidden):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(hidden[-1], channels_out))

    def forward(self, input):
        return self.mlp(input)


def build(width):
    """All networks of a width by the names of their published files, in evaluation mode, with torch's own weights."""
    networks = {
        "appearance_feature_extractor": AppearanceFeatureExtractor(width),
        "motion_extractor": MotionExtractor(width),
        "warping_spade": WarpingSpade(width),
        "stitching": Retargeting(6 * KEYPOINTS, width.stitching, 3 * KEYPOINTS + 2),
        "stitching_eye": Retargeting(3 * KEYPOINTS + 3, width.eye, 3 * KEYPOINTS),
        "stitching_lip": Retargeting(3 * KEYPOINTS + 2, width.lip, 3 * KEYPOINTS),
    }
    for network in networks.values():
        network.eval().requires_grad_(False)
    return networks
