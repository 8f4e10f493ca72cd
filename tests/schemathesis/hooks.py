"""Bodies that no schema describes: pictures with a face, recordings, archives, and bytes that are none of them."""

import io
import math
import pathlib
import struct
import wave

import schemathesis
from hypothesis import strategies as st

CHARACTERS = pathlib.Path(__file__).resolve().parents[2] / "characters"
FACE = (CHARACTERS / "mira" / "portrait.png").read_bytes()


def recording(seconds, loudness):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        samples = (int(loudness * 32_767 * math.sin(n * 0.05)) for n in range(int(seconds * 16_000)))
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


VOICES = [recording(4, 0.5), recording(1, 0.5), recording(4, 0)]


def also_damaged(files):
    """The files themselves, the files cut off, and bytes of any kind."""
    whole = st.sampled_from(files)
    cut = st.tuples(whole, st.integers(0, 4_000)).map(lambda both: both[0][: both[1]])
    return st.one_of(whole, whole, cut, st.binary(max_size=500))


PICTURES = also_damaged([FACE])
for kind in ("image/png", "image/jpeg", "image/webp"):
    schemathesis.openapi.media_type(kind, PICTURES)
for kind in ("audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"):
    schemathesis.openapi.media_type(kind, also_damaged(VOICES))
schemathesis.openapi.media_type("application/zip", st.binary(max_size=500))
schemathesis.openapi.media_type("application/octet-stream", also_damaged([FACE, *VOICES]))
# The files in forms.
schemathesis.openapi.format("binary", also_damaged([FACE, *VOICES]))
