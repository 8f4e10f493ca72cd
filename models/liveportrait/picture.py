"""A drawn face: the picture that everything is tried on. Nobody's portrait, and the same on every machine.

    python picture.py FILE.png
"""

import pathlib
import sys

import numpy
from PIL import Image

import geometry

WIDTH, HEIGHT = 320, 400
# The head: middle and radii in pixels, and how far it leans (degrees, clockwise as seen).
MIDDLE = (164.0, 190.0)
RADII = (72.0, 96.0)
LEAN = 7.0

# Points in head units (x right, y down, the head's radii are 1) that the crop is taken from.
EYES = ((-0.40, -0.12), (0.40, -0.12))
MOUTH = ((-0.28, 0.52), (0.28, 0.52))


def to_picture(points):
    """Head units [n,2] -> pixels [n,2]."""
    lean = numpy.radians(LEAN)
    turn = numpy.array([[numpy.cos(lean), -numpy.sin(lean)], [numpy.sin(lean), numpy.cos(lean)]])
    return (numpy.asarray(points, numpy.float64) * RADII) @ turn.T + MIDDLE


def landmarks():
    """Outline of the face from brow to brow around the chin, the brows, eyes and mouth: [n,2] pixels."""
    outline = [(numpy.cos(a), numpy.sin(a)) for a in numpy.linspace(-0.15, numpy.pi + 0.15, 17)]
    brows = [(side * x, -0.32 - 0.05 * (1 - abs(x - 0.4) / 0.2)) for side in (-1, 1) for x in (0.2, 0.3, 0.4, 0.5, 0.6)]
    return to_picture([*outline, *brows, *EYES, *MOUTH])


def anchors():
    """Middle of the eyes and middle of the mouth, [2] each."""
    return to_picture(EYES).mean(0), to_picture(MOUTH).mean(0)


def draw():
    """The picture, [HEIGHT,WIDTH,3] u8: soft-edged shapes, one formula per pixel."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(numpy.float64)
    lean = numpy.radians(LEAN)
    dx, dy = x - MIDDLE[0], y - MIDDLE[1]
    u = (dx * numpy.cos(lean) + dy * numpy.sin(lean)) / RADII[0]
    v = (-dx * numpy.sin(lean) + dy * numpy.cos(lean)) / RADII[1]

    image = numpy.stack([0.35 + 0.25 * y / HEIGHT, 0.45 + 0.2 * x / WIDTH, 0.55 - 0.2 * y / HEIGHT], axis=-1)

    def paint(cover, colour):
        nonlocal image
        cover = numpy.clip(cover, 0, 1)[..., None]
        image = image * (1 - cover) + numpy.asarray(colour) * cover

    def ellipse(cx, cy, rx, ry, soft=0.06):
        distance = numpy.sqrt(((u - cx) / rx) ** 2 + ((v - cy) / ry) ** 2)
        return (1 - distance) * min(rx, ry) / soft + 0.5

    paint(ellipse(0, -0.15, 1.25, 1.3), (0.20, 0.13, 0.10))
    paint(ellipse(0, 2.3, 2.4, 1.15), (0.25, 0.30, 0.55))
    paint(numpy.minimum(ellipse(0, 1.0, 0.45, 0.6), 1), (0.72, 0.53, 0.42))
    skin = numpy.stack([0.86 - 0.08 * u, 0.67 - 0.06 * u - 0.05 * v, 0.55 - 0.05 * v], axis=-1)
    cover = numpy.clip(ellipse(0, 0, 1, 1), 0, 1)[..., None]
    image = image * (1 - cover) + skin * cover
    paint(numpy.minimum(ellipse(0, -0.95, 1.1, 0.5, 0.2), 1), (0.22, 0.14, 0.11))
    for side, (ex, ey) in zip((-1, 1), EYES):
        paint(ellipse(ex, ey - 0.22, 0.24, 0.05), (0.25, 0.16, 0.12))
        paint(ellipse(ex, ey, 0.20, 0.09), (0.95, 0.94, 0.92))
        paint(ellipse(ex + 0.01, ey, 0.08, 0.08), (0.30, 0.42, 0.30))
        paint(ellipse(ex + 0.01, ey, 0.035, 0.035, 0.03), (0.05, 0.05, 0.05))
        paint(0.4 * ellipse(side * 0.5, 0.3, 0.25, 0.2, 0.2), (0.90, 0.50, 0.45))
    paint(0.5 * ellipse(0.02, 0.2, 0.12, 0.12, 0.1), (0.66, 0.45, 0.36))
    paint(ellipse(0, 0.52, 0.30, 0.09), (0.70, 0.30, 0.30))
    paint(ellipse(0, 0.52, 0.26, 0.02, 0.03), (0.35, 0.10, 0.12))
    return (numpy.clip(image, 0, 1) * 255 + 0.5).astype(numpy.uint8)


def crops():
    """The face of the picture as the networks take it, 0..1: [1,3,256,256] and [1,3,512,512] f32."""
    image = draw().astype(numpy.float64) / 255
    crop = geometry.face_crop(landmarks(), *anchors())
    large = geometry.sample(image, crop.to_picture, (512, 512))
    return tuple(geometry.planes(it) for it in (geometry.halve(large), large))


def main():
    Image.fromarray(draw()).save(pathlib.Path(sys.argv[1]), optimize=True)


if __name__ == "__main__":
    main()
