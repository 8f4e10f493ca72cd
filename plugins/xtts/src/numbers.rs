//! `xtts.json`: the sizes and settings of an exported checkpoint that the graphs do not carry themselves.
//!
//! Written by `models/xtts/export.py` from the checkpoint's `config.json` and the classes of idiap/coqui-ai-TTS
//! (`TTS/tts/models/xtts.py`, `TTS/tts/layers/xtts/gpt.py`). The values behind each field are those of coqui/XTTS-v2.

use std::{fs, path::Path};

use serde::Deserialize;

use crate::XttsError;

/// The file's name.
pub(crate) const FILE: &str = "xtts.json";
/// The only form of the file that there is.
const FORMAT: u32 = 1;

/// Everything in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Numbers {
    pub format: u32,
    /// Numbers of a latent (1024).
    pub channels: usize,
    /// Layers of GPT-2 (30).
    pub layers: usize,
    /// Heads of each of its layers (16); they divide the channels.
    pub heads: usize,
    /// Latents that a voice is given as (32).
    pub latents: usize,
    /// Numbers of a speaker embedding (512).
    pub speaker: usize,
    /// Text tokens that have an embedding (6681).
    pub text_tokens: usize,
    /// The token before a text (261).
    pub start_text: i64,
    /// The token after it (0).
    pub stop_text: i64,
    /// Tokens of a text at most, without those two (401).
    pub most_text: usize,
    /// Codes of sound, with start and stop (1026).
    pub audio_tokens: usize,
    /// The code before the first of a sound (1024).
    pub start_audio: i64,
    /// The code after its last (1025).
    pub stop_audio: i64,
    /// Codes of a sound at most (602).
    pub most_audio: usize,
    /// What it speaks: "en", "de"…
    pub languages: Vec<String>,
    pub condition: Condition,
    /// The mel that the speaker encoder takes (16 kHz, 512, 400, 160, 64 bands, 8 kHz).
    pub speaker_mel: MelNumbers,
    /// Pre-emphasis before it (0.97).
    pub emphasis: f32,
    pub decoder: DecoderNumbers,
    pub sampling: SamplingNumbers,
}

/// How a recording becomes latents.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// The mel that the conditioning encoder takes (22.05 kHz, 2048, 1024, 256, 80 bands, 8 kHz).
    pub mel: MelNumbers,
    /// How much of the recording is used (30).
    pub seconds: usize,
    /// In pieces of this length, whose latents are averaged (4).
    pub chunk_seconds: usize,
    /// What is beyond is cut off before anything else (30).
    pub longest_reference: usize,
    /// Whether the recording is brought to a peak of 0.75 first (false).
    pub level: bool,
}

/// A mel spectrogram.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MelNumbers {
    /// Samples a second.
    pub rate: u32,
    /// Samples of the Fourier transform.
    pub fft: usize,
    /// Samples of the window in its middle.
    pub window: usize,
    /// Samples from frame to frame.
    pub hop: usize,
    /// Bands.
    pub mels: usize,
    /// The upper end of the highest band, Hz.
    pub highest: f32,
}

/// How latents become the decoder's frames, and frames sound.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecoderNumbers {
    /// Samples a second that the codes were made of (22,050).
    pub input_rate: u32,
    /// Samples a second that come out (24,000).
    pub output_rate: u32,
    /// Samples of a code, at the input's rate (1024).
    pub stride: usize,
    /// Samples of a frame, at the output's rate (256).
    pub hop: usize,
}

/// How the checkpoint wants to be sampled.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamplingNumbers {
    pub temperature: f32,
    pub top_k: usize,
    pub top_p: f32,
    pub repetition_penalty: f32,
}

impl Numbers {
    /// Reads the file in `folder`.
    pub fn read(folder: &Path) -> Result<Self, XttsError> {
        let file = folder.join(FILE);
        let text = fs::read_to_string(&file).map_err(|source| XttsError::Read { file: file.clone(), source })?;
        Self::parse(&text).map_err(|reason| XttsError::Numbers { file, reason })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let numbers: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        numbers.check()?;
        Ok(numbers)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("it has the format {}, and {FORMAT} is the one that is known", self.format));
        }
        let Condition { mel, seconds, chunk_seconds, longest_reference, .. } = self.condition;
        let DecoderNumbers { input_rate, output_rate, stride, hop } = self.decoder;
        let sizes = [
            ("channels", self.channels),
            ("layers", self.layers),
            ("heads", self.heads),
            ("latents", self.latents),
            ("speaker", self.speaker),
            ("text_tokens", self.text_tokens),
            ("most_text", self.most_text),
            ("audio_tokens", self.audio_tokens),
            ("most_audio", self.most_audio),
            ("condition.seconds", seconds),
            ("condition.chunk_seconds", chunk_seconds),
            ("condition.longest_reference", longest_reference),
            ("decoder.input_rate", input_rate as usize),
            ("decoder.output_rate", output_rate as usize),
            ("decoder.stride", stride),
            ("decoder.hop", hop),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(format!("{name} is 0"));
        }
        if !self.channels.is_multiple_of(self.heads) {
            return Err(format!("{} heads do not divide {} channels", self.heads, self.channels));
        }
        let tokens = [
            ("start_text", self.start_text, self.text_tokens),
            ("stop_text", self.stop_text, self.text_tokens),
            ("start_audio", self.start_audio, self.audio_tokens),
            ("stop_audio", self.stop_audio, self.audio_tokens),
        ];
        for (name, token, all) in tokens {
            if usize::try_from(token).map_or(true, |token| token >= all) {
                return Err(format!("{name} is {token}, and there are {all} tokens"));
            }
        }
        for (name, mel) in [("condition.mel", mel), ("speaker_mel", self.speaker_mel)] {
            let MelNumbers { rate, fft, window, hop, mels, highest } = mel;
            let whole = rate > 0 && hop > 0 && mels > 0 && (2..=fft).contains(&window) && fft.is_multiple_of(2);
            if !(whole && highest > 0.0 && highest <= rate as f32 / 2.0) {
                return Err(format!("{name} is no mel spectrogram"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Those of coqui/XTTS-v2.
    pub(crate) const PUBLISHED: &str = r#"{
        "format": 1, "channels": 1024, "layers": 30, "heads": 16, "latents": 32, "speaker": 512,
        "text_tokens": 6681, "start_text": 261, "stop_text": 0, "most_text": 401,
        "audio_tokens": 1026, "start_audio": 1024, "stop_audio": 1025, "most_audio": 602, "languages": ["en", "de"],
        "condition": {
            "mel": {"rate": 22050, "fft": 2048, "window": 1024, "hop": 256, "mels": 80, "highest": 8000},
            "seconds": 30, "chunk_seconds": 4, "longest_reference": 30, "level": false
        },
        "speaker_mel": {"rate": 16000, "fft": 512, "window": 400, "hop": 160, "mels": 64, "highest": 8000},
        "emphasis": 0.97,
        "decoder": {"input_rate": 22050, "output_rate": 24000, "stride": 1024, "hop": 256},
        "sampling": {"temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 5.0}
    }"#;

    #[test]
    fn what_cannot_be_is_refused() {
        Numbers::parse(PUBLISHED).expect("they are as published");
        let cases = [
            ("\"format\": 1", "\"format\": 2", "format 2"),
            ("\"heads\": 16", "\"heads\": 0", "heads is 0"),
            ("\"heads\": 16", "\"heads\": 15", "15 heads"),
            ("\"stop_audio\": 1025", "\"stop_audio\": 1026", "stop_audio is 1026"),
            ("\"stop_text\": 0", "\"stop_text\": -1", "stop_text is -1"),
            ("\"window\": 400", "\"window\": 600", "speaker_mel is no mel"),
            ("\"hop\": 256, \"mels\"", "\"hop\": 0, \"mels\"", "condition.mel is no mel"),
            ("\"highest\": 8000},\n        \"em", "\"highest\": 9000},\n        \"em", "speaker_mel is no mel"),
            ("\"emphasis\"", "\"empathy\"", "empathy"),
            ("\"chunk_seconds\": 4", "\"chunk_seconds\": 0", "condition.chunk_seconds is 0"),
        ];
        for (from, to, expected) in cases {
            let changed = PUBLISHED.replace(from, to);
            assert_ne!(changed, PUBLISHED, "{from} is not there");
            let reason = Numbers::parse(&changed).expect_err(to);
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
