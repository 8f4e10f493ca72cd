"""XTTS v2 as four graphs: what is exported, computed with the modules and weights of a loaded `Xtts`.

Three graphs wrap modules of the model as they are. The fourth is its GPT-2, written out here so that one graph does both
the first pass (voice and text) and every later step (one code), with the keys and values of what was before as inputs and
outputs. README.md has the contract.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize


class Conditioning(nn.Module):
    """The voice as GPT-2 is given it: log-mel [1,80,t] -> latents [1,32,channels]."""

    def __init__(self, model):
        super().__init__()
        self.encoder = model.gpt.conditioning_encoder
        self.perceiver = model.gpt.conditioning_perceiver
        self.register_buffer("scale", model.mel_stats.clone()[None, :, None])

    def forward(self, mel):
        return self.perceiver(self.encoder(mel / self.scale).permute(0, 2, 1))


class Speaker(nn.Module):
    """The voice as the decoder is given it: mel [1,64,t], power, no logarithm -> unit vector [1,512]."""

    def __init__(self, model):
        super().__init__()
        self.encoder = model.hifigan_decoder.speaker_encoder

    def forward(self, mel):
        used, self.encoder.use_torch_spec = self.encoder.use_torch_spec, False
        try:
            return self.encoder(mel, l2_norm=True)
        finally:
            self.encoder.use_torch_spec = used


def product(layer, x):
    """GPT-2's `Conv1D` as a plain matrix product, which quantisation knows."""
    return x @ layer.weight + layer.bias


class Block(nn.Module):
    """A layer of GPT-2 with its keys and values kept."""

    def __init__(self, block, heads):
        super().__init__()
        self.block = block
        self.heads = heads

    def split(self, x):
        """[1,n,channels] -> [1,heads,n,width]"""
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x, hidden, past_key, past_value):
        attention, mlp = self.block.attn, self.block.mlp
        query, key, value = (self.split(it) for it in product(attention.c_attn, self.block.ln_1(x)).chunk(3, dim=-1))
        key = torch.cat([past_key, key], dim=2)
        value = torch.cat([past_value, value], dim=2)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        shares = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(dim=-1)
        mixed = (shares @ value).permute(0, 2, 1, 3).reshape(x.shape)
        x = x + product(attention.c_proj, mixed)
        x = x + product(mlp.c_proj, F.gelu(product(mlp.c_fc, self.block.ln_2(x)), approximate="tanh"))
        return x, key, value


class Gpt(nn.Module):
    """GPT-2: latents [1,l,channels], text [1,t], codes [1,m], the place of the first code [1], and for each layer the
    keys and values [1,heads,p,width] of all that was before -> for the last code the scores [1,tokens] of what may
    follow it and its latent [1,channels], and the keys and values [1,heads,p+l+t+m,width].

    In the first pass p is 0, `text` has its start and stop token and `codes` is the start token. In a later step l and t
    are 0."""

    def __init__(self, model):
        super().__init__()
        gpt = model.gpt
        self.text_embedding, self.text_places = gpt.text_embedding, gpt.text_pos_embedding.emb
        self.code_embedding, self.code_places = gpt.mel_embedding, gpt.mel_pos_embedding.emb
        self.blocks = nn.ModuleList(Block(block, gpt.heads) for block in gpt.gpt.h)
        self.first_norm, self.final_norm, self.head = gpt.gpt.ln_f, gpt.final_norm, gpt.mel_head

    def forward(self, latents, text, codes, place, *past):
        text = self.text_embedding(text) + self.text_places(torch.arange(text.shape[1], device=text.device))
        places = place + torch.arange(codes.shape[1], device=codes.device)
        codes = self.code_embedding(codes) + self.code_places(places)
        x = torch.cat([latents, text, codes], dim=1)
        before, new = past[0].shape[2], x.shape[1]
        # Nobody sees what comes later.
        hidden = torch.arange(before + new)[None, :] > (before + torch.arange(new))[:, None]
        kept = []
        for layer, block in enumerate(self.blocks):
            x, key, value = block(x, hidden, past[2 * layer], past[2 * layer + 1])
            kept += [key, value]
        latent = self.final_norm(self.first_norm(x[:, -1]))
        return latent @ self.head.weight.T + self.head.bias, latent, *kept


class Decoder(nn.Module):
    """HiFi-GAN: frames [1,channels,f] and the speaker [1,512,1] -> sound [1,1,256 f]."""

    def __init__(self, model):
        super().__init__()
        self.decoder = model.hifigan_decoder.waveform_decoder

    def forward(self, frames, speaker):
        return self.decoder(frames, g=speaker)


def fold_weight_norm(module):
    """Multiplies out the norms of weights, which changes nothing in what is computed."""
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight")


def graphs(model):
    """The four graphs of a model by the names of their files."""
    fold_weight_norm(model)
    made = {
        "conditioning": Conditioning(model),
        "speaker": Speaker(model),
        "gpt": Gpt(model),
        "decoder": Decoder(model),
    }
    return {name: graph.eval() for name, graph in made.items()}
