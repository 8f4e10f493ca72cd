"""Makes the ONNX files that plugins/xtts runs, out of a checkpoint of coqui/XTTS-v2 or of random weights.

    python export.py --checkpoint DIR --out DIR [--int8]
    python export.py --random [--small] --out DIR [--seed N] [--int8]

A checkpoint is the folder with config.json, model.pth, vocab.json and speakers_xtts.pth. Random weights have the
published sizes, or with --small sizes that a test can keep. README.md says what comes out, and under which licence.
"""

import argparse
import json
import pathlib
import shutil
import tempfile
import warnings

import numpy
import torch
from safetensors.numpy import save_file

import contract
import networks

# 17 is the oldest that has all operators in their present form; newer ones bring nothing here.
OPSET = 17
# What XTTS v2 is published with (config.json of coqui/XTTS-v2), as far as it is not the default of the class.
PUBLISHED = {
    "gpt_layers": 30,
    "gpt_n_model_channels": 1024,
    "gpt_n_heads": 16,
    "gpt_number_text_tokens": 6681,
    "gpt_start_text_token": 261,
    "gpt_stop_text_token": 0,
    "gpt_num_audio_tokens": 1026,
    "gpt_start_audio_token": 1024,
    "gpt_stop_audio_token": 1025,
    "gpt_max_audio_tokens": 605,
    "gpt_max_text_tokens": 402,
    "gpt_max_prompt_tokens": 70,
    "gpt_use_perceiver_resampler": True,
}
SMALL = PUBLISHED | {
    "gpt_layers": 2,
    "gpt_n_model_channels": 32,
    "gpt_n_heads": 2,
    "gpt_num_audio_tokens": 66,
    "gpt_start_audio_token": 64,
    "gpt_stop_audio_token": 65,
    "gpt_max_audio_tokens": 50,
    "gpt_max_text_tokens": 80,
    "decoder_input_dim": 32,
}
# How it is spoken with, where the class and the published config.json differ from each other.
PUBLISHED_SPEAKING = {
    "temperature": 0.75,
    "repetition_penalty": 5.0,
    "gpt_cond_len": 30,
    "gpt_cond_chunk_len": 4,
    "max_ref_len": 30,
}
# Sentences that the small vocabulary is learnt from.
SENTENCES = pathlib.Path(__file__).parent / "sentences.txt"


def config(arguments, languages=None):
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import XttsArgs

    made = XttsConfig(model_args=XttsArgs(**arguments), **PUBLISHED_SPEAKING)
    if languages:
        made.languages = languages
    return made


def learn_vocabulary(path, size=160):
    """Writes a vocabulary of the published form (byte pairs over words, merges as "a b") for English and German."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[STOP]", "[UNK]", "[SPACE]", "[START]", "[en]", "[de]"]
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    sentences = SENTENCES.read_text().lower().replace('"', "").splitlines()
    tokenizer.train_from_iterator(sentences, trainer)
    kept = json.loads(tokenizer.to_str())
    merges = kept["model"]["merges"]
    kept["model"]["merges"] = [it if isinstance(it, str) else " ".join(it) for it in merges]
    path.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")


def shrink(model):
    """Puts narrow modules where the class has no number for their width."""
    from TTS.encoder.models.resnet import ResNetSpeakerEncoder
    from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder
    from TTS.tts.layers.xtts.perceiver_encoder import PerceiverResampler

    arguments = model.args
    channels = arguments.gpt_n_model_channels
    model.gpt.conditioning_perceiver = PerceiverResampler(
        dim=channels, depth=2, dim_context=channels, num_latents=32, dim_head=8, heads=2, ff_mult=2
    )
    decoder = HifiDecoder(
        input_sample_rate=arguments.input_sample_rate,
        output_sample_rate=arguments.output_sample_rate,
        output_hop_length=arguments.output_hop_length,
        ar_mel_length_compression=arguments.gpt_code_stride_len,
        decoder_input_dim=arguments.decoder_input_dim,
        d_vector_dim=arguments.d_vector_dim,
        cond_d_vector_in_each_upsampling_layer=arguments.cond_d_vector_in_each_upsampling_layer,
        upsample_initial_channel_decoder=32,
    )
    decoder.speaker_encoder = ResNetSpeakerEncoder(
        input_dim=64,
        proj_dim=512,
        layers=[1, 1, 1, 1],
        num_filters=[8, 8, 8, 8],
        log_input=True,
        use_torch_spec=True,
        audio_config=decoder.speaker_encoder_audio_config,
    )
    model.hifigan_decoder = decoder


def seed_weights(model, seed):
    """Fills the model with seeded noise that keeps the size of activations; parameters in the order of their names."""
    noise = numpy.random.default_rng(seed)
    transposed = {
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ConvTranspose1d) or type(module).__name__ == "Conv1D"
    }

    def normal(shape, scale):
        return torch.from_numpy(noise.standard_normal(tuple(shape), numpy.float32) * numpy.float32(scale))

    for name, parameter in sorted(model.named_parameters()):
        owner, kind = name.rpartition(".")[::2]
        if kind == "weight" and parameter.dim() > 1 and "embedding" not in name:
            if owner in transposed:
                inputs = parameter.shape[0] * (parameter.shape[2] // 4 if parameter.dim() == 3 else 1)
            else:
                inputs = parameter[0].numel()
            parameter.data = normal(parameter.shape, inputs**-0.5)
        elif kind == "weight" and parameter.dim() > 1 or kind == "latents":
            parameter.data = normal(parameter.shape, 0.5)
        elif kind in ("weight", "gamma"):
            parameter.data = 1 + normal(parameter.shape, 0.1)
        else:
            parameter.data = normal(parameter.shape, 0.1)


@torch.no_grad()
def settle(model):
    """Sets the statistics of the speaker encoder's batch normalisations to those of one run on noise."""
    norms = [it for it in model.modules() if isinstance(it, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    noise = numpy.random.default_rng(1).standard_normal((1, 48_000), numpy.float32) * 0.1
    model.hifigan_decoder.speaker_encoder(torch.from_numpy(noise))
    for norm in norms:
        norm.momentum = 0.1
        norm.eval()


def random_model(small, seed, folder):
    """An `Xtts` with seeded weights, ready to be run and exported, and its vocabulary in `folder`."""
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    vocabulary = folder / "vocab.json"
    learn_vocabulary(vocabulary)
    model = Xtts(config(SMALL if small else PUBLISHED, ["en", "de"] if small else None))
    tokenizer = VoiceBpeTokenizer(vocab_file=str(vocabulary))
    if small:
        model.tokenizer = tokenizer
    model.init_models()
    model.tokenizer = tokenizer
    if small:
        shrink(model)
    networks.fold_weight_norm(model)
    seed_weights(model, seed)
    model.mel_stats = torch.from_numpy(numpy.random.default_rng((seed, 1)).uniform(2, 4, 80).astype(numpy.float32))
    settle(model)
    gpt = model.gpt
    # Scores far enough apart that rounding does not decide.
    gpt.mel_head.weight.data *= 4
    # Sound that depends on the latents more than on biases, and that the last tanh does not flatten.
    decoder = model.hifigan_decoder.waveform_decoder
    for name, parameter in decoder.named_parameters():
        if name.endswith("bias"):
            parameter.data *= 0.1
    decoder.conv_pre.weight.data *= 3
    decoder.conv_post.weight.data *= 0.4
    # It gives nothing back, and makes the GPT-2 ready to be sampled.
    model.eval()
    return model


def checkpoint_model(folder):
    """The model in the folder of a checkpoint."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    made = XttsConfig()
    made.load_json(str(folder / "config.json"))
    model = Xtts.init_from_config(made)
    model.load_checkpoint(made, checkpoint_dir=str(folder), eval=True)
    return model


def mel_numbers(rate, fft, window, hop, mels, highest):
    return {"rate": rate, "fft": fft, "window": window, "hop": hop, "mels": mels, "highest": highest}


def numbers(model):
    """What xtts.json says: all that the program has to know beside the graphs."""
    arguments, gpt, settings = model.args, model.gpt, model.config
    if not arguments.gpt_use_perceiver_resampler:
        raise SystemExit("this is a checkpoint of XTTS v1; v2 is needed")
    decoder = model.hifigan_decoder
    audio = decoder.speaker_encoder_audio_config
    return {
        "format": 1,
        "channels": gpt.model_dim,
        "layers": gpt.layers,
        "heads": gpt.heads,
        "latents": gpt.conditioning_perceiver.latents.shape[0],
        "speaker": decoder.speaker_encoder.proj_dim,
        "text_tokens": gpt.number_text_tokens,
        "start_text": gpt.start_text_token,
        "stop_text": gpt.stop_text_token,
        "most_text": arguments.gpt_max_text_tokens - 1,
        "audio_tokens": gpt.num_audio_tokens,
        "start_audio": gpt.start_audio_token,
        "stop_audio": gpt.stop_audio_token,
        "most_audio": gpt.max_gen_mel_tokens,
        "languages": list(settings.languages),
        "condition": {
            # `Xtts.get_gpt_cond_latents` with the perceiver.
            "mel": mel_numbers(22050, 2048, 1024, 256, 80, 8000),
            "seconds": settings.gpt_cond_len,
            "chunk_seconds": settings.gpt_cond_chunk_len,
            "longest_reference": settings.max_ref_len,
            "level": settings.sound_norm_refs,
        },
        "speaker_mel": mel_numbers(
            audio["sample_rate"],
            audio["fft_size"],
            audio["win_length"],
            audio["hop_length"],
            audio["num_mels"],
            audio["sample_rate"] // 2,
        ),
        "emphasis": audio["preemphasis"],
        "decoder": {
            "input_rate": decoder.input_sample_rate,
            "output_rate": decoder.output_sample_rate,
            "stride": decoder.ar_mel_length_compression,
            "hop": decoder.output_hop_length,
        },
        "sampling": {
            "temperature": settings.temperature,
            "top_k": settings.top_k,
            "top_p": settings.top_p,
            "repetition_penalty": settings.repetition_penalty,
        },
    }


def examples(agreed, lengths):
    """Inputs to trace a graph with, in the order of the contract."""
    return tuple(torch.from_numpy(it) for it in contract.noise(agreed, lengths).values())


@torch.no_grad()
def export(graph, path, takes, gives, lengths):
    """Writes one graph; names, shapes and order as in the contract."""
    named = {name: shape for name, (_, shape) in (takes | gives).items()}
    free = {name: {axis: n for axis, n in enumerate(shape) if isinstance(n, str)} for name, shape in named.items()}
    with warnings.catch_warnings():
        # The older of torch's two exporters is deprecated; it needs no more than a trace, and these graphs have no more.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            examples(takes, lengths),
            path,
            input_names=list(takes),
            output_names=list(gives),
            dynamic_axes={name: axes for name, axes in free.items() if axes},
            opset_version=OPSET,
            dynamo=False,
        )


def to_int8(path):
    """Keeps the weights of matrix products in 8 bits, a scale for each column; inputs and outputs stay f32."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / path.name
        shutil.move(path, whole)
        how = {"op_types_to_quantize": ["MatMul"], "per_channel": True, "weight_type": QuantType.QInt8}
        quantize_dynamic(whole, path, **how)


def write_voices(model, folder):
    """The checkpoint's own speakers, each as the file that the program keeps a voice in."""
    manager = getattr(model, "speaker_manager", None)
    if manager is None:
        return
    folder.mkdir(exist_ok=True)
    for name, voice in manager.speakers.items():
        write_voice(folder / f"{name}.safetensors", voice["gpt_cond_latent"], voice["speaker_embedding"])
    print(f"{folder}: {len(manager.speakers)} voices")


def write_voice(path, latents, embedding):
    tensors = {
        "latents": latents.reshape(latents.shape[-2:]).float().cpu().contiguous().numpy(),
        "speaker": embedding.reshape(-1).float().cpu().contiguous().numpy(),
    }
    save_file(tensors, path)


def write(model, folder, vocabulary, int8=False):
    """Writes all files of a model into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    said = numbers(model)
    lengths = {"time": 64, "voice": said["latents"], "letters": 5, "new": 2, "past": 3}
    agreed = contract.contract(said)
    for name, graph in networks.graphs(model).items():
        path = folder / f"{name}.onnx"
        export(graph, path, *agreed[name], lengths)
        if int8 and name == "gpt":
            to_int8(path)
        contract.check(path, *agreed[name])
        print(f"{path}: {path.stat().st_size:,} bytes")
    if vocabulary.resolve() != (folder / "vocab.json").resolve():
        shutil.copy(vocabulary, folder / "vocab.json")
    (folder / "xtts.json").write_text(json.dumps(said, indent=2) + "\n")
    write_voices(model, folder / "voices")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = options.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=pathlib.Path, help="folder of the checkpoint")
    source.add_argument("--random", action="store_true", help="random weights")
    options.add_argument("--small", action="store_true", help="random weights of small size")
    options.add_argument("--out", type=pathlib.Path, required=True, help="folder that the files are written to")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--int8", action="store_true", help="keep the weights of gpt.onnx in 8 bits")
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.checkpoint:
        model, vocabulary = checkpoint_model(chosen.checkpoint), chosen.checkpoint / "vocab.json"
    else:
        model, vocabulary = random_model(chosen.small, chosen.seed, chosen.out), chosen.out / "vocab.json"
    write(model, chosen.out, vocabulary, chosen.int8)


if __name__ == "__main__":
    main()
