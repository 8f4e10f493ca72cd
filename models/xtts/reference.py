"""Makes the fixtures of plugins/xtts: a small XTTS v2 as files, and what every stage should give with it.

    python reference.py [--out DIR] [--seed N]

Everything is computed by the `Xtts` class of coqui-tts itself; then the exported files are run in ONNX Runtime and must
agree. What each tensor means stands in the README.md beside the fixtures.
"""

import argparse
import json
import pathlib
import wave

import numpy
import torch
import torchaudio
from safetensors.numpy import save_file

import contract
import export

FIXTURES = pathlib.Path(__file__).parents[2] / "plugins/xtts/fixtures"
# Largest difference allowed between torch and ONNX Runtime.
TOLERANCE = 1e-4
# How much better the best code must be than the second, so that rounding elsewhere does not choose another.
MARGIN = 1e-3
RATE = 22050
PENALTY = 2.5

# Language, text. Cleaning, marks, letters that the vocabulary does not have.
TEXTS = [
    ("en", "Hello, how are you today?"),
    ("en", "  Mr. Fox  said:\n\"Dr. Hill & Co. sold the house\" to St. John. "),
    ("en", "Twenty % of us @ the sea #one: it's £ or $, at twenty°!"),
    ("en", "THE END… (of it) – naïve; 7 foxes_and dogs' co. x"),
    ("de", "Guten Tag, wie geht es Ihnen?"),
    ("de", "Fr. Dr. Müller & Co. grüßt St. Pauli; 20 % am Ärger # @ £ $ °."),
    ("de", "Straße ÄÖÜ ẞ „Fuchs“ springt"),
    ("en", "日本 fox"),
    ("en", "a"),
]
# Name, language, text, speed.
SPOKEN = [
    ("greeting", "en", "Hello, how are you?", 1.0),
    ("house", "de", "Das Haus auf dem Hügel", 1.0),
    ("fast", "en", "Good morning!", 1.3),
]
# Temperature, top k, top p, penalty.
SETTINGS = [(0.75, 50, 0.85, 5.0), (1.0, 5, 1.0, 1.0), (0.3, 0, 0.5, 2.0), (1.7, 20, 0.95, 1.2), (1.0, 0, 1.0, 1.0)]


def clip(seconds=2.2):
    """A voice that nobody has, 22,050 Hz: a gliding tone with overtones, in syllables, and breath."""
    noise = numpy.random.default_rng(5)
    time = numpy.arange(int(seconds * RATE)) / RATE
    phase = 2 * numpy.pi * numpy.cumsum(140 + 25 * numpy.sin(2 * numpy.pi * 0.9 * time)) / RATE
    voice = sum(numpy.sin(n * phase) * numpy.exp(-((n * 140 - 600) ** 2) / 4e5) for n in range(1, 25))
    syllables = numpy.clip(numpy.sin(2 * numpy.pi * 2.7 * time), 0, None) ** 0.5
    sound = 0.15 * voice * syllables + 0.003 * noise.standard_normal(len(time))
    return numpy.round(sound.clip(-1, 1) * 32767).astype(numpy.int16)


def write_wav(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


class Exported:
    """The files in ONNX Runtime, and how far they are from torch."""

    def __init__(self, folder, numbers):
        self.numbers = numbers
        self.sessions = {name: contract.session(folder / f"{name}.onnx") for name in contract.contract(numbers)}
        self.worst = {}

    def run(self, name, **inputs):
        return self.sessions[name].run(None, inputs)

    def compare(self, name, found, expected):
        assert found.shape == expected.shape, f"{name}: {found.shape} and {expected.shape}"
        self.worst[name] = max(self.worst.get(name, 0.0), float(abs(found - expected).max()))

    def generate(self, latents, text):
        """Codes, latents and the smallest lead of a best code, by the rules that README.md gives."""
        said = self.numbers
        shape = (1, said["heads"], 0, said["channels"] // said["heads"])
        takes, gives = contract.contract(said)["gpt"]
        past = {name: numpy.zeros(shape, numpy.float32) for name in takes if name.startswith("past_")}
        inputs = {"latents": latents, "text": text, "codes": numpy.array([[said["start_audio"]]])}
        nothing = {"latents": latents[:, :0], "text": text[:, :0]}
        codes, given, lead = [], [], numpy.inf
        # The reference fills the places of voice and text with the code 1, and punishes it with the others.
        seen = {1, said["start_audio"]}
        while len(codes) < said["most_audio"] and said["stop_audio"] not in codes:
            scores, latent, *kept = self.run("gpt", place=numpy.array([len(codes)]), **inputs, **past)
            past = dict(zip(past, kept))
            scores = scores[0].copy()
            for code in seen:
                scores[code] *= PENALTY if scores[code] < 0 else 1 / PENALTY
            best = numpy.sort(scores)[-2:]
            lead = min(lead, best[1] - best[0])
            codes.append(int(scores.argmax()))
            given.append(latent[0])
            seen.add(codes[-1])
            inputs = nothing | {"codes": numpy.array([[codes[-1]]])}
        return codes, numpy.array(given), lead


def accept_cache(model):
    """Lets the GPT-2 of coqui-tts 0.28 take its keys and values by the name that transformers 5.24 gives them."""
    inference = model.gpt.gpt_inference
    whole = inference.forward

    def forward(input_ids=None, cache=None, past_key_values=None, attention_mask=None, **others):
        return whole(input_ids, past_key_values=cache or past_key_values, attention_mask=attention_mask, **others)

    inference.forward = forward


@torch.no_grad()
def conditioning(model, exported, samples):
    sound = torch.from_numpy(samples.astype(numpy.float32) / 32768)[None]
    low = torchaudio.functional.resample(sound, RATE, 16000)
    said = exported.numbers["condition"]
    latents = model.get_gpt_cond_latents(sound, RATE, length=said["seconds"], chunk_length=said["chunk_seconds"])
    embedding = model.get_speaker_embedding(low, 16000)
    # The mels of the parts, by the same functions.
    from TTS.tts.models.xtts import wav_to_mel_cloning

    first = sound[:, : RATE * said["chunk_seconds"]]
    mel = wav_to_mel_cloning(
        first, mel_norms=torch.ones(80), n_fft=2048, hop_length=256, win_length=1024, power=2, normalized=False,
        sample_rate=RATE, f_min=0, f_max=8000, n_mels=80,
    )  # fmt: skip
    speaker_mel = model.hifigan_decoder.speaker_encoder.torch_spec(low)
    (found,) = exported.run("speaker", mel=speaker_mel.numpy())
    exported.compare("speaker", found, embedding[:, :, 0].numpy())
    (found,) = exported.run("conditioning", mel=mel.numpy())
    style = model.gpt.get_style_emb(mel / model.mel_stats[None, :, None])
    exported.compare("conditioning", found, style.transpose(1, 2).numpy())
    tensors = {
        "sound_16000": low[0].numpy(),
        "first_mel": mel[0].numpy(),
        "speaker_mel": speaker_mel[0].numpy(),
        "latents": latents[0].numpy(),
        "speaker": embedding[0, :, 0].numpy(),
    }
    return tensors, latents, embedding


@torch.no_grad()
def spoken(model, exported, latents, embedding):
    tensors = {}
    how = {"do_sample": False, "repetition_penalty": PENALTY}
    for name, language, text, speed in SPOKEN:
        ids = torch.tensor(model.tokenizer.encode(text.strip().lower(), language))[None]
        codes = model.gpt.generate(latents, ids, num_beams=1, **how)[0]
        result = model.inference(text, language, latents, embedding, speed=speed, **how)
        text_ids = numpy.array([[model.gpt.start_text_token, *ids[0].tolist(), model.gpt.stop_text_token]])
        ours, given, lead = exported.generate(latents.numpy(), text_ids)
        if ours != codes.tolist() or lead < MARGIN:
            raise SystemExit(f"{name}: {ours}, not {codes.tolist()}; the least lead is {lead}")
        unhurried = model.inference(text, language, latents, embedding, **how)
        exported.compare("gpt", given, unhurried["gpt_latents"][0])
        tensors[f"{name}.codes"] = codes.numpy()
        tensors[f"{name}.latents"] = unhurried["gpt_latents"][0]
        tensors[f"{name}.sound"] = result["wav"]
        stopped = "stopped" if ours[-1] == exported.numbers["stop_audio"] else "went on"
        sound = result["wav"]
        print(f"{name}: {len(ours)} codes, {stopped}, lead {lead:.3f}; ±{abs(sound).max():.2f}, rms {sound.std():.3f}")
        print("   ", ours)
    return tensors


def frames(model, latents):
    """The decoder's input as `HifiDecoder.forward` makes it."""
    decoder = model.hifigan_decoder
    scales = [
        decoder.ar_mel_length_compression / decoder.output_hop_length,
        decoder.output_sample_rate / decoder.input_sample_rate,
    ]
    z = latents.transpose(1, 2)
    for scale in scales:
        z = torch.nn.functional.interpolate(z, scale_factor=[scale], mode="linear")
    return z


@torch.no_grad()
def decoded(model, exported, embedding, tensors):
    latents = torch.from_numpy(tensors["greeting.latents"])[None]
    z = frames(model, latents)
    (found,) = exported.run("decoder", frames=z.numpy(), speaker=embedding.numpy())
    exported.compare("decoder", found.reshape(-1), tensors["greeting.sound"])
    return {"frames": z[0].numpy()}


def sampling(seed):
    """What is left of scores after transformers' own processors, as shares."""
    from transformers import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    noise = numpy.random.default_rng((seed, 9))
    scores = torch.from_numpy(noise.normal(0, 3, (1, 66)).astype(numpy.float32))
    seen = torch.from_numpy(noise.integers(0, 66, (1, 12)))
    tensors = {"scores": scores[0].numpy(), "seen": seen[0].numpy()}
    rows = []
    for temperature, top_k, top_p, penalty in SETTINGS:
        chain = [RepetitionPenaltyLogitsProcessor(penalty)] if penalty != 1 else []
        chain += [TemperatureLogitsWarper(temperature)] if temperature != 1 else []
        chain += [TopKLogitsWarper(top_k)] if top_k else []
        chain += [TopPLogitsWarper(top_p)] if top_p < 1 else []
        rows.append(LogitsProcessorList(chain)(seen, scores.clone()).softmax(-1)[0].numpy())
    tensors["settings"] = numpy.array(SETTINGS, numpy.float32)
    tensors["shares"] = numpy.array(rows)
    return tensors


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=pathlib.Path, default=FIXTURES)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()

    folder = chosen.out / "small"
    folder.mkdir(parents=True, exist_ok=True)
    model = export.random_model(True, chosen.seed, folder)
    accept_cache(model)
    # A clip of little more than two seconds shall have more than one part, and a rest that is too short to be one.
    model.config.gpt_cond_chunk_len = 1
    model.config.gpt_cond_len = 3
    export.write(model, folder, folder / "vocab.json")
    exported = Exported(folder, json.loads((folder / "xtts.json").read_text()))

    cases = []
    for language, text in TEXTS:
        # `inference` takes spaces off the ends and lower-cases; digits would become words there.
        ids = model.tokenizer.encode(text.strip().lower(), language) if not any(c.isdigit() for c in text) else None
        ids = digits_kept(model, text, language) if ids is None else ids
        cases.append({"language": language, "text": text, "ids": ids})
    (chosen.out / "text.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")

    samples = clip()
    write_wav(chosen.out / "clip.wav", samples)
    of_voice, latents, embedding = conditioning(model, exported, samples)
    of_speech = spoken(model, exported, latents, embedding)
    of_decoder = decoded(model, exported, embedding, of_speech)
    of_sampling = sampling(chosen.seed)
    files = {"voice": of_voice, "speech": of_speech, "decoder": of_decoder, "sampling": of_sampling}
    for name, tensors in files.items():
        kept = {it: numpy.ascontiguousarray(tensor) for it, tensor in tensors.items()}
        save_file(kept, chosen.out / f"{name}.safetensors")

    for name, difference in exported.worst.items():
        print(f"{name}: torch and ONNX Runtime differ by {difference:.1e} at most")
    if max(exported.worst.values()) > TOLERANCE:
        raise SystemExit("that is too much")


def digits_kept(model, text, language):
    """The reference's ids without its step that writes digits as words, which Visage does elsewhere."""
    from TTS.tts.layers.xtts import tokenizer

    whole, tokenizer.expand_numbers_multilingual = tokenizer.expand_numbers_multilingual, lambda text, lang: text
    try:
        return model.tokenizer.encode(text.strip().lower(), language)
    finally:
        tokenizer.expand_numbers_multilingual = whole


if __name__ == "__main__":
    main()
