//! The program espeak-ng, run as a child process: the pronunciation of words, and a voice that is always there.
//!
//! It is never linked or loaded into this process (docs-secretary/adr/0003-espeak-ng-as-a-child-process.md). Text
//! reaches it through its standard input, never through a shell or an argument.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::VoiceError;

/// Environment variable that names the program where it is not in the search path.
pub const ESPEAK_VARIABLE: &str = "VISAGE_ESPEAK";

/// Sound of espeak-ng's own voices, samples a second.
pub const ESPEAK_RATE: u32 = 22_050;

/// Longest answer time of the program. It needs a few milliseconds; more than this means that it hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lines of pronunciation that wait between the reading thread and the phonemiser. When it is full, the reading thread
/// waits, and so does the program.
const LINES: usize = 64;

/// After each clause the program is asked to say this, so that the end of its answer is known. Written as phonemes
/// (in its own notation), it cannot come from a word: "ppp" is spelled out as three letters.
const END_ORDER: &str = "[[p_p_p]]";
/// What the program prints for [`END_ORDER`].
const END_ANSWER: &str = "ppp";

/// The program reads lines of up to this many bytes at once; a longer one would be answered in several parts.
const LONGEST_LINE: usize = 900;

/// Where espeak-ng is.
///
/// # Errors
/// It is neither named by `VISAGE_ESPEAK` nor in the search path.
pub fn program() -> Result<PathBuf, VoiceError> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = FOUND.get() {
        return Ok(path.clone());
    }
    let path = match std::env::var_os(ESPEAK_VARIABLE) {
        Some(named) => PathBuf::from(named),
        None => which::which("espeak-ng").map_err(|_| VoiceError::NoEspeak)?,
    };
    Ok(FOUND.get_or_init(|| path).clone())
}

/// Turns words into phonemes. Keeps one process warm per voice: 2 ms a clause instead of 15 to 25 ms.
#[derive(Debug)]
pub struct Phonemiser {
    voice: String,
    /// Whether the parts of a phoneme are tied: "a^ɪ" is a diphthong, "aɪ" may be two vowels.
    ties: bool,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Phonemiser {
    /// A phonemiser for one of espeak-ng's voices ("en-us", "de"). Nothing is started yet.
    pub fn new(voice: &str) -> Self {
        Self { voice: voice.to_owned(), ties: false, running: None }
    }

    /// A phonemiser that writes `^` between the parts of a diphthong or an affricate.
    pub fn with_ties(voice: &str) -> Self {
        Self { ties: true, ..Self::new(voice) }
    }

    /// The pronunciation of a clause (words without punctuation at the end) in IPA with stress marks, words apart by
    /// spaces. Blocks for a few milliseconds.
    ///
    /// # Errors
    /// The program is missing, ends or hangs; it is started anew once before this is an error.
    pub fn ipa(&mut self, clause: &str) -> Result<String, VoiceError> {
        let line = one_line(clause, &self.voice);
        if line.is_empty() {
            return Ok(String::new());
        }
        self.ask(&line).or_else(|error| {
            tracing::warn!("{error}; starting it again");
            self.running = None;
            self.ask(&line)
        })
    }

    fn ask(&mut self, line: &str) -> Result<String, VoiceError> {
        let running = match &mut self.running {
            Some(running) => running,
            none => none.insert(start(&self.voice, self.ties)?),
        };
        let failed = |error: std::io::Error| VoiceError::Espeak(error.to_string());
        writeln!(running.orders, "{line}\n{END_ORDER}").map_err(failed)?;
        running.orders.flush().map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        let mut ipa = String::new();
        loop {
            match running.lines.recv_deadline(deadline) {
                Ok(answer) if answer == END_ANSWER => return Ok(ipa),
                Ok(answer) => {
                    if !ipa.is_empty() && !answer.is_empty() {
                        ipa.push(' ');
                    }
                    ipa.push_str(&without_switches(&answer));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.running = None;
                    return Err(VoiceError::Espeak("it does not answer".to_owned()));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.running = None;
                    return Err(VoiceError::Espeak(format!("it ended; does it have the voice \"{}\"?", self.voice)));
                }
            }
        }
    }
}

fn start(voice: &str, ties: bool) -> Result<Running, VoiceError> {
    let mut child = Command::new(program()?)
        .args(["-q", "--ipa", "-v", voice])
        .args(ties.then_some("--tie=^"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| VoiceError::Espeak(format!("it cannot be started: {error}")))?;
    let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(VoiceError::Espeak("it has no standard input or output".to_owned()));
    };
    let (sender, lines) = bounded(LINES);
    thread::Builder::new()
        .name("espeak-ng reader".to_owned())
        .spawn(move || {
            for line in BufReader::new(answers).lines() {
                let Ok(line) = line else { return };
                if sender.send(line.trim().to_owned()).is_err() {
                    return;
                }
            }
        })
        .map_err(|error| VoiceError::Espeak(format!("no thread for its answers: {error}")))?;
    Ok(Running { child, orders, lines })
}

/// Speaks a text with one of espeak-ng's own voices. Blocks for some 20 ms.
///
/// `speed` and `pitch` are factors, 1 is the voice's own. Returns mono samples at [`ESPEAK_RATE`], in -1..=1.
///
/// # Errors
/// The program is missing, fails or hangs.
pub fn sound(voice: &str, text: &str, speed: f32, pitch: f32) -> Result<Vec<f32>, VoiceError> {
    let speed = (OWN_SPEED * speed).round().clamp(80.0, 450.0) as u32;
    let mut command = Command::new(program()?);
    command.args(["--stdout", "--stdin", "-z", "-v", voice]).args([
        "-s",
        &speed.to_string(),
        "-p",
        &pitch_setting(pitch).to_string(),
    ]);
    let (status, wav) = run(command, &one_line(text, voice), PATIENCE)?;
    if !status.success() {
        return Err(VoiceError::Espeak(format!("{status}; does it have the voice \"{voice}\"?")));
    }
    // The header's length fields are not filled in on a pipe: what follows the 44 bytes is the sound.
    const HEADER: usize = 44;
    if wav.len() < HEADER || &wav[..4] != b"RIFF" {
        return Err(VoiceError::Espeak("its sound is no WAV".to_owned()));
    }
    let samples =
        wav[HEADER..].chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0);
    Ok(samples.collect())
}

/// Runs a program on `input` and gives what it writes. One that does not end in time is ended.
fn run(mut command: Command, input: &str, patience: Duration) -> Result<(ExitStatus, Vec<u8>), VoiceError> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| VoiceError::Espeak(format!("it cannot be started: {error}")))?;
    let pipes = (child.stdin.take(), child.stdout.take());
    let (sender, read) = bounded(1);
    let input = input.to_owned();
    let reader = thread::Builder::new().name("espeak-ng sound".into()).spawn(move || {
        let (Some(mut to), Some(mut from)) = pipes else { return };
        let mut output = Vec::new();
        // At most a piece of text: it fits into the pipe, so that writing first and reading then cannot hang.
        let result = to.write_all(input.as_bytes()).and_then(|()| {
            drop(to);
            from.read_to_end(&mut output)
        });
        // Nobody waits any more if it took too long.
        let _ = sender.send(result.map(|_| output));
    });
    let output = match reader {
        Ok(_) => read.recv_timeout(patience).map_err(|_| format!("it gave no sound within {patience:?}")),
        Err(error) => Err(format!("no thread for its sound: {error}")),
    };
    let output = output.and_then(|result| result.map_err(|error| error.to_string()));
    if output.is_err() {
        // Fails only when it has ended already.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| VoiceError::Espeak(error.to_string()))?;
    Ok((status, output.map_err(VoiceError::Espeak)?))
}

/// Words a minute that count as speed 1: a little slower than espeak-ng's own 175, which is hard to follow.
const OWN_SPEED: f32 = 160.0;

/// espeak-ng's pitch setting (0..=99, 50 is the voice's own) for a factor. Measured on its German and English voices
/// (median of the voice's frequency): 25, 50, 75 and 99 give 0.80, 1, 1.28 and 1.66, about 69 steps for an octave. Lower
/// than 0.74 and higher than 1.66 it cannot go.
fn pitch_setting(factor: f32) -> u32 {
    (50.0 + 69.0 * factor.clamp(0.25, 4.0).log2()).round().clamp(0.0, 99.0) as u32
}

/// A text as one line that the program answers as a whole: no line breaks, nothing that it reads as phonemes.
fn one_line(text: &str, voice: &str) -> String {
    let mut line: String = text.chars().map(|character| if splits(character) { ' ' } else { character }).collect();
    if voice.starts_with("en") && line.contains('-') {
        line = named_letters(&line);
    }
    while line.contains("[[") {
        line = line.replace("[[", "[");
    }
    let mut end = line.len().min(LONGEST_LINE);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.trim().to_owned()
}

/// Control characters, and the soft hyphens between the words of a German number: as one long word "fünfundvierzig" gets a
/// wrong v and a wrong i, as three words it is right.
fn splits(character: char) -> bool {
    character.is_control() || character == '\u{ad}'
}

/// The letter A by its name where letters are said one by one ("B-A-C"): espeak-ng takes it for the article there.
fn named_letters(line: &str) -> String {
    let named = |part: &str| {
        let letter = part.trim_matches(|character: char| !character.is_alphanumeric()) == "A";
        if letter { part.replace('A', "eh") } else { part.to_owned() }
    };
    let words = line.split(' ').map(|word| match word.contains('-') {
        true => word.split('-').map(named).collect::<Vec<_>>().join("-"),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Removes the marks that espeak-ng prints where it changes the language for a word: "(en)".
fn without_switches(ipa: &str) -> String {
    let mut clean = String::with_capacity(ipa.len());
    let mut inside = false;
    for character in ipa.chars() {
        match character {
            '(' => inside = true,
            ')' => inside = false,
            _ if !inside => clean.push(character),
            _ => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_phonemes_through_one_process() {
        let mut english = Phonemiser::new("en-us");
        let cases = [
            ("hello", "həlˈoʊ"),
            ("", ""),
            ("Dr. Smith", "dˈɑːktɚ smˈɪθ"),
            ("ppp", "pˌiːpˌiːpˈiː"),
            ("hello", "həlˈoʊ"),
        ];
        for (words, ipa) in cases {
            assert_eq!(english.ipa(words).expect(words), ipa, "{words}");
        }
        // Nothing in a text is taken for an order or for the end of an answer.
        for odd in ["[[p_p_p]]", "[[[p_p_p]]", "🙂", "…", "a\nb", "-v de", &"word ".repeat(400)] {
            english.ipa(odd).expect(odd);
            assert_eq!(english.ipa("hello").expect("hello"), "həlˈoʊ", "after {odd}");
        }
        assert_eq!(Phonemiser::new("de").ipa("ich").expect("ich"), "ˈɪç");
        // Letters one by one, and numbers in parts.
        assert_eq!(english.ipa("B-A-C").expect("letters"), "bˈiːˈeɪsˈiː");
        assert_eq!(english.ipa("a plan").expect("an article"), "ɐ plˈæn");
        let mut german = Phonemiser::new("de");
        let parts = german.ipa("fünf und vierzig").expect("words");
        assert_eq!(german.ipa("fünf\u{ad}und\u{ad}vierzig").expect("a number"), parts);
        let mut tied = Phonemiser::with_ties("en-us");
        for (words, ipa) in [("church boy", "t^ʃˈɜːt^ʃ bˈɔ^ɪ"), ("[[p_p_p]]", ""), ("hello", "həlˈo^ʊ")] {
            let found = tied.ipa(words).expect(words);
            assert!(ipa.is_empty() || found == ipa, "{words}: {found}");
        }
    }

    #[test]
    fn a_process_that_ended_is_started_again() {
        let mut english = Phonemiser::new("en-us");
        english.ipa("hello").expect("hello");
        let running = english.running.as_mut().expect("it was just used");
        running.child.kill().expect("it runs");
        running.child.wait().expect("it ends");
        assert_eq!(english.ipa("hello").expect("again"), "həlˈoʊ");
    }

    #[test]
    fn an_unknown_voice_is_an_error() {
        assert!(matches!(Phonemiser::new("zzz").ipa("hello"), Err(VoiceError::Espeak(_))));
        assert!(matches!(sound("zzz", "hello", 1.0, 1.0), Err(VoiceError::Espeak(_))));
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let mut hangs = Command::new("sleep");
        hangs.arg("100000");
        let error = run(hangs, "Hello.", Duration::from_millis(50)).expect_err("it never ends by itself").to_string();
        assert!(error.contains("gave no sound"), "{error}");
    }

    #[test]
    fn sound_has_the_asked_speed() {
        let length = |speed| sound("de", "Guten Tag, wie geht es Ihnen?", speed, 1.0).expect("espeak-ng").len() as f32;
        let ratio = length(0.7) / length(1.4);
        assert!((1.7..2.3).contains(&ratio), "{ratio}");
    }

    #[test]
    fn pitch_settings_are_those_that_were_measured() {
        for (factor, setting) in [(1.0, 50), (1.28, 75), (1.66, 99), (0.8, 28), (0.01, 0), (100.0, 99)] {
            assert!(pitch_setting(factor).abs_diff(setting) <= 2, "{factor}: {}", pitch_setting(factor));
        }
    }

    #[test]
    fn language_switches_are_removed() {
        assert_eq!(without_switches("das (en)kəmpjˈuːtɚ(de) ist"), "das kəmpjˈuːtɚ ist");
    }
}
