//! Speaks a text like somebody: a folder of exported files, a recording, a language, a text, and a WAV to write.
//!
//! ```text
//! cargo run -p visage_xtts --example imitate -- ~/.cache/visage/models/xtts-v2 me.wav de "Guten Tag." out.wav
//! ```

use std::{error::Error, fs, fs::File, ops::ControlFlow, path::Path, time::Instant};

use visage_core::{decode_sound, encode_wav};
use visage_xtts::{Conditioning, Xtts};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [folder, recording, language, text, out] = arguments.as_slice() else {
        return Err("give a folder, a recording (or a kept voice), a language, a text and a file to write".into());
    };
    let mut xtts = Xtts::load(Path::new(folder), 0)?;
    let voice = if recording.ends_with(".safetensors") {
        Conditioning::from_bytes(&fs::read(recording)?)?
    } else {
        let sound = decode_sound(File::open(recording)?, 600)?;
        xtts.condition(&sound.samples, sound.rate)?
    };
    let (sampling, rate) = (xtts.sampling(), xtts.rate());
    let began = Instant::now();
    let mut first = None;
    let mut listen = |samples: &[f32]| {
        if !samples.is_empty() {
            first.get_or_insert_with(|| began.elapsed());
        }
        ControlFlow::Continue(())
    };
    let samples = xtts.speak(text, language.parse()?, &voice, &sampling, &mut listen)?;
    let (took, seconds) = (began.elapsed().as_secs_f32(), samples.len() as f32 / rate as f32);
    println!(
        "{seconds:.2} s of sound in {took:.2} s, the first after {:.2} s",
        first.unwrap_or_default().as_secs_f32()
    );
    fs::write(out, encode_wav(&samples, rate))?;
    Ok(())
}
