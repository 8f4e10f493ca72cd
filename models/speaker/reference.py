"""Makes what the tests of `plugins/cloning` compare with, by Resemblyzer's own code.

    python reference.py --fixtures ../../plugins/cloning/fixtures --encoder encoder.onnx

For each FLAC clip there: `NAME.embedding.bin`, what Resemblyzer says of it as it is (256 numbers, little-endian
f32); of the first also `NAME.mels.bin`, its spectrogram, 40 numbers a frame. Prints how far the
ONNX file is from the original. Needs resemblyzer 0.1.4, librosa, soundfile.
"""

import argparse
import pathlib

import numpy
import onnxruntime
import soundfile
from resemblyzer import VoiceEncoder, audio, hparams


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fixtures", required=True, type=pathlib.Path)
    parser.add_argument("--encoder", required=True)
    asked = parser.parse_args()
    original = VoiceEncoder("cpu")
    exported = onnxruntime.InferenceSession(asked.encoder)
    for number, path in enumerate(sorted(asked.fixtures.glob("*.flac"))):
        sound, rate = soundfile.read(path, dtype="float32")
        assert rate == hparams.sampling_rate and sound.ndim == 1
        embedding, partials, slices = original.embed_utterance(sound, return_partials=True)
        padded = numpy.pad(sound, (0, max(0, slices[-1].stop - len(sound))))
        mels = audio.wav_to_mel_spectrogram(padded)
        if number == 0:
            mels.astype("<f4").tofile(path.with_suffix(".mels.bin"))
        frames = [range(s.start // 160, s.stop // 160) for s in slices]
        same = exported.run(None, {"mels": numpy.stack([mels[f] for f in frames])})[0]
        mean = same.mean(0) / numpy.linalg.norm(same.mean(0))
        print(path.name, f"windows {len(slices)}, largest difference {abs(same - partials).max():.1e},",
              f"cosine of the means {float(mean @ embedding):.7f}")
        embedding.astype("<f4").tofile(path.with_suffix(".embedding.bin"))


if __name__ == "__main__":
    main()
