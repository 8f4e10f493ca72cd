"""Everything of LivePortrait that is not a network, in numpy and f64: crop, head angles, keypoints, motion, paste-back.

The facts are those of KwaiVGI/LivePortrait: src/utils/crop.py, camera.py, retargeting_utils.py, src/live_portrait_wrapper.py
and src/live_portrait_pipeline.py. Where that project leaves a choice to OpenCV (fixed-point sampling, rounding to bytes)
or to a picture (the paste-back mask), the rule here is exact and written down.

Coordinates of pictures: pixels, and the middle of the pixel in column i and row j is (i, j).
"""

import dataclasses

import numpy

# Side of the crop that is pasted back, in pixels; the networks see half of it.
CROP = 512
# Side of the crop over the larger side of the landmarks' box, and how far it moves (over its own side) down the face's axis.
CROP_SCALE = 2.3
CROP_DOWN = -0.125
# Paste-back mask: distance of its edge from the crop's border, radius of its corners, width of the feather; pixels.
MASK_MARGIN = 8.0
MASK_RADIUS = 96.0
MASK_FEATHER = 64.0


# Crop


@dataclasses.dataclass
class Crop:
    """Where the crop is: 3x3 matrices between picture and crop of CROP pixels."""

    to_crop: numpy.ndarray
    to_picture: numpy.ndarray


def face_crop(points, eyes, mouth, side=CROP):
    """The square around landmarks [n,2], turned so that the line from the eyes' to the mouth's middle is upright."""
    points, eyes, mouth = (numpy.asarray(it, numpy.float64) for it in (points, eyes, mouth))
    down = mouth - eyes
    length = numpy.linalg.norm(down)
    down = down / length if length > 1e-3 else numpy.array([0.0, 1.0])
    right = numpy.array([down[1], -down[0]])

    middle = points.mean(0)
    turned = numpy.stack([(points - middle) @ right, (points - middle) @ down], axis=1)
    least, most = turned.min(0), turned.max(0)
    box = (least + most) / 2
    size = (most - least).max() * CROP_SCALE
    middle = middle + right * box[0] + down * (box[1] + CROP_DOWN * size)

    zoom = side / size
    turn = zoom * numpy.stack([right, down])
    to_crop = numpy.eye(3)
    to_crop[:2, :2] = turn
    to_crop[:2, 2] = side / 2 - turn @ middle
    return Crop(to_crop, numpy.linalg.inv(to_crop))


def sample(image, to_image, size):
    """Bilinear samples of image [h,w,c] at `to_image` (3x3) of each pixel of a picture of size (width, height).

    Each of the four neighbours that lies outside the image counts as 0.
    """
    width, height = size
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float64)
    at_x = to_image[0, 0] * x + to_image[0, 1] * y + to_image[0, 2]
    at_y = to_image[1, 0] * x + to_image[1, 1] * y + to_image[1, 2]
    left, top = numpy.floor(at_x).astype(int), numpy.floor(at_y).astype(int)
    part_x, part_y = (at_x - left)[..., None], (at_y - top)[..., None]

    def texel(column, row):
        inside = (column >= 0) & (column < image.shape[1]) & (row >= 0) & (row < image.shape[0])
        found = image[row.clip(0, image.shape[0] - 1), column.clip(0, image.shape[1] - 1)]
        return found * inside[..., None]

    above = texel(left, top) * (1 - part_x) + texel(left + 1, top) * part_x
    below = texel(left, top + 1) * (1 - part_x) + texel(left + 1, top + 1) * part_x
    return above * (1 - part_y) + below * part_y


def halve(image):
    """Means of 2x2 pixels."""
    height, width, channels = image.shape
    return image.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3))


def planes(image):
    """[h,w,c] -> [1,c,h,w] f32."""
    return numpy.ascontiguousarray(image.transpose(2, 0, 1)[None], numpy.float32)


# Head and keypoints


def degrees(bins):
    """66 logits -> angle in degrees: the mean of the bins, which are 3 degrees wide and begin at -97.5."""
    bins = numpy.asarray(bins, numpy.float64).reshape(-1)
    share = numpy.exp(bins - bins.max())
    return float((share / share.sum()) @ numpy.arange(66) * 3 - 97.5)


def rotation(pitch, yaw, roll):
    """Degrees -> [3,3]; keypoints are rows and stand to the left of it."""
    x, y, z = numpy.radians([pitch, yaw, roll])
    about_x = numpy.array([[1, 0, 0], [0, numpy.cos(x), -numpy.sin(x)], [0, numpy.sin(x), numpy.cos(x)]])
    about_y = numpy.array([[numpy.cos(y), 0, numpy.sin(y)], [0, 1, 0], [-numpy.sin(y), 0, numpy.cos(y)]])
    about_z = numpy.array([[numpy.cos(z), -numpy.sin(z), 0], [numpy.sin(z), numpy.cos(z), 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).T


@dataclasses.dataclass
class Motion:
    """What M says about a face: angles in degrees [3], t [3], exp [21,3], scale, kp [21,3]."""

    angles: numpy.ndarray
    t: numpy.ndarray
    exp: numpy.ndarray
    scale: float
    kp: numpy.ndarray

    def rotation(self):
        return rotation(*self.angles)


def motion(pitch, yaw, roll, t, exp, scale, kp):
    """The outputs of M, in its order -> Motion."""
    flat = [numpy.asarray(it, numpy.float64).reshape(-1) for it in (t, exp, scale, kp)]
    angles = numpy.array([degrees(it) for it in (pitch, yaw, roll)])
    return Motion(angles, flat[0], flat[1].reshape(21, 3), float(flat[2][0]), flat[3].reshape(21, 3))


def place(kp, turn, exp, scale, t):
    """scale * (kp R + exp) + t, where t moves x and y alone."""
    return scale * (kp @ turn + exp) + numpy.array([t[0], t[1], 0.0])


def keypoints(face):
    """Where the keypoints of a face are."""
    return place(face.kp, face.rotation(), face.exp, face.scale, face.t)


def relative(source, driving, first):
    """The source moved as much as the driving face has moved since its first picture."""
    turn = driving.rotation() @ first.rotation().T @ source.rotation()
    return place(
        source.kp,
        turn,
        source.exp + driving.exp - first.exp,
        source.scale * driving.scale / first.scale,
        source.t + driving.t - first.t,
    )


def absolute(source, driving):
    """The source moved to where the driving face is: its head, and those parts of its expression that are not identity."""
    exp = source.exp.copy()
    for i in (1, 2, 6, *range(11, 21)):
        exp[i] = driving.exp[i]
    exp[3:5, 1] = driving.exp[3:5, 1]
    exp[5, 2] = driving.exp[5, 2]
    exp[8, 2] = driving.exp[8, 2]
    exp[9, 1:] = driving.exp[9, 1:]
    return place(source.kp, driving.rotation(), exp, source.scale, driving.t)


def offset(source, angles, t, scale, exp):
    """The source with something added to its angles (degrees), t and expression, and its scale multiplied."""
    return place(source.kp, rotation(*(source.angles + angles)), source.exp + exp, source.scale * scale, source.t + t)


# Stitching and retargeting: what their networks take, and what is done with what they give


def stitching_input(source, driving):
    """[1,126]"""
    return numpy.concatenate([source.reshape(-1), driving.reshape(-1)])[None].astype(numpy.float32)


def stitched(driving, delta):
    """Keypoints [21,3] and the output of stitching [1,65] -> keypoints: the last two of it move all points in x and y."""
    delta = numpy.asarray(delta, numpy.float64).reshape(-1)
    moved = driving + delta[:63].reshape(21, 3)
    moved[:, :2] += delta[63:65]
    return moved


def retargeting_input(source, *ratios):
    """[1,66] for the eyes (the left and right one in the source, then what is wanted), [1,65] for the lips (source, wanted)."""
    return numpy.concatenate([source.reshape(-1), ratios])[None].astype(numpy.float32)


def opening(upper, lower, corner, other_corner):
    """How far an eye or a mouth is open: distance of its lids or lips over that of its corners."""
    upper, lower, corner, other_corner = (numpy.asarray(it, numpy.float64) for it in (upper, lower, corner, other_corner))
    return numpy.linalg.norm(upper - lower) / (numpy.linalg.norm(corner - other_corner) + 1e-6)


# Paste-back


def mask(x, y):
    """How much of a pixel at (x, y) of the crop is the crop's: a rectangle with round corners and a feathered edge."""
    half = CROP / 2 - MASK_MARGIN - MASK_RADIUS
    middle = (CROP - 1) / 2
    out_x, out_y = abs(x - middle) - half, abs(y - middle) - half
    corner = numpy.hypot(numpy.maximum(out_x, 0), numpy.maximum(out_y, 0))
    inside = numpy.minimum(numpy.maximum(out_x, out_y), 0)
    # Distance to the edge, positive inside.
    depth = MASK_RADIUS - corner - inside
    part = numpy.clip(depth / MASK_FEATHER, 0, 1)
    return part * part * (3 - 2 * part)


def paste(image, drawn, crop):
    """The picture [h,w,3] 0..1 with the drawn crop [512,512,3] 0..1 in it."""
    height, width = image.shape[:2]
    back = sample(drawn, crop.to_crop, (width, height))
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float64)
    m = crop.to_crop
    share = mask(m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2])[..., None]
    return share * back + (1 - share) * image
