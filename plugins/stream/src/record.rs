//! Records frames and sound as a WebM file. Written under a temporary name and given its own when it is whole, so that no
//! half file is ever found under the name that was asked for.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use visage_core::{AudioBlock, Frame, SAMPLE_RATE, TICK_HZ, Tick};

use crate::{
    AudioEncoder, AudioSettings, SAMPLES_PER_PACKET, StreamError, VideoEncoder, VideoSettings,
    webm::{Block, Kind, Muxer, Tracks},
};

const NANOS: u64 = 1_000_000_000;
/// How many blocks of one track may wait for the other to catch up (about eight seconds). When more would, they are
/// written: then one track has ended or never began.
const WAITING: usize = 256;

/// What was recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recording {
    /// Frames of video.
    pub frames: u64,
    /// Samples of sound at 48 kHz.
    pub samples: u64,
    /// Length, seconds.
    pub seconds: f64,
    /// Size of the file.
    pub bytes: u64,
}

/// Writes one WebM file: VP8 at 30 frames a second, Opus, in step by their ticks. Frames and sound may come in any order
/// relative to each other, each by itself in order of ticks.
///
/// Dropped without [`Recorder::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    temporary: PathBuf,
    start: Tick,
    video: VideoEncoder,
    audio: AudioEncoder,
    muxer: Option<Muxer<BufWriter<File>>>,
    /// Whether the temporary file is there.
    begun: bool,
    size: Option<(u32, u32)>,
    waiting_video: VecDeque<Block>,
    waiting_audio: VecDeque<Block>,
    frames: u64,
    /// One past the last tick of the picture, counted from the start.
    video_end: u64,
    /// Ticks of sound so far.
    blocks: u64,
    /// Packets so far.
    packets: u64,
}

impl Recorder {
    /// Begins a file at `path` whose time 0 is the tick `start`. What is older is left out. The file appears with the
    /// first frame.
    ///
    /// # Errors
    ///
    /// [`StreamError::Codec`] if libopus cannot make an encoder, [`StreamError::File`] if `path` names no file.
    pub fn create(path: &Path, start: Tick, video: VideoSettings, audio: AudioSettings) -> Result<Self, StreamError> {
        let name = path.file_name().ok_or_else(|| StreamError::File {
            path: path.to_owned(),
            error: io::Error::new(io::ErrorKind::InvalidInput, "this is not the name of a file"),
        })?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        Ok(Self {
            path: path.to_owned(),
            temporary: path.with_file_name(hidden),
            start,
            video: VideoEncoder::new(video),
            audio: AudioEncoder::new(audio)?,
            muxer: None,
            begun: false,
            size: None,
            waiting_video: VecDeque::new(),
            waiting_audio: VecDeque::new(),
            frames: 0,
            video_end: 0,
            blocks: 0,
            packets: 0,
        })
    }

    /// Records a frame. All frames of a file have one size.
    ///
    /// # Errors
    ///
    /// Those of [`VideoEncoder::encode`]; [`StreamError::FrameSize`] also for a frame of another size than the first;
    /// [`StreamError::File`] if the file cannot be written.
    pub fn frame(&mut self, frame: &Frame) -> Result<(), StreamError> {
        let Some(index) = frame.tick.0.checked_sub(self.start.0) else { return Ok(()) };
        let size = (frame.width, frame.height);
        if self.size.is_some_and(|first| first != size) {
            return Err(StreamError::FrameSize { width: frame.width, height: frame.height });
        }
        let encoded = self.video.encode(frame, false)?;
        if self.muxer.is_none() {
            self.open(frame.width, frame.height)?;
            self.size = Some(size);
        }
        let nanos = index * NANOS / u64::from(TICK_HZ);
        let kind = Kind::Video;
        self.waiting_video.push_back(Block { nanos, keyframe: encoded.keyframe, data: encoded.data, kind });
        self.frames += 1;
        self.video_end = index + 1;
        self.write_waiting(false)
    }

    /// Records the sound of a tick. Ticks that are left out are silent.
    ///
    /// # Errors
    ///
    /// Those of [`AudioEncoder::push`]; [`StreamError::File`] if the file cannot be written.
    pub fn sound(&mut self, block: &AudioBlock) -> Result<(), StreamError> {
        let Some(index) = block.tick.0.checked_sub(self.start.0) else { return Ok(()) };
        if index < self.blocks {
            return Err(StreamError::Backwards { given: block.tick.0, last: self.start.0 + self.blocks - 1 });
        }
        while self.blocks < index {
            self.push(&AudioBlock::silence(Tick(self.start.0 + self.blocks)), 0)?;
        }
        self.push(block, 0)?;
        self.write_waiting(false)
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    ///
    /// [`StreamError::File`] if it cannot be written, or nothing was recorded.
    pub fn finish(mut self) -> Result<Recording, StreamError> {
        let sound_ticks = self.blocks;
        let samples = Tick(sound_ticks).first_sample();
        // The decoder gives out its look-ahead first: packets must reach that much beyond the last sample. The last
        // packet says how much of its end is not to be heard.
        let needed = samples + u64::from(self.audio.lookahead());
        while sound_ticks > 0 && self.packets * (SAMPLES_PER_PACKET as u64) < needed {
            self.push(&AudioBlock::silence(Tick(self.start.0 + self.blocks)), needed)?;
        }
        self.write_waiting(true)?;
        let picture = self.video_end * NANOS / u64::from(TICK_HZ);
        let duration = picture.max(sample_nanos(samples));
        let empty = || io::Error::new(io::ErrorKind::InvalidData, "no frame was recorded");
        let muxer = self.muxer.take().ok_or_else(|| self.file_error(empty()))?;
        let bytes = muxer
            .finish(duration)
            .and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(|file| {
                file.sync_all()?;
                Ok(file.metadata()?.len())
            })
            .map_err(|error| self.file_error(error))?;
        fs::rename(&self.temporary, &self.path).map_err(|error| self.file_error(error))?;
        self.begun = false;
        Ok(Recording { frames: self.frames, samples, seconds: duration as f64 / NANOS as f64, bytes })
    }

    fn open(&mut self, width: u32, height: u32) -> Result<(), StreamError> {
        let tracks = Tracks {
            width,
            height,
            frame_nanos: NANOS / u64::from(TICK_HZ),
            pre_skip: u16::try_from(self.audio.lookahead()).unwrap_or(u16::MAX),
        };
        let file = File::create(&self.temporary).map_err(|error| self.file_error(error))?;
        self.begun = true;
        let muxer = Muxer::new(BufWriter::new(file), tracks).map_err(|error| self.file_error(error))?;
        self.muxer = Some(muxer);
        Ok(())
    }

    /// Encodes a block. If `end` is not 0, what its packets hold beyond that sample (of the decoder's output) is to be
    /// discarded, and packets that begin beyond it are left out.
    fn push(&mut self, block: &AudioBlock, end: u64) -> Result<(), StreamError> {
        for packet in self.audio.push(block)? {
            let begin = self.packets * SAMPLES_PER_PACKET as u64;
            if end > 0 && begin >= end {
                continue;
            }
            self.packets += 1;
            let over = if end > 0 { (begin + SAMPLES_PER_PACKET as u64).saturating_sub(end) } else { 0 };
            let kind = Kind::Audio { discard_nanos: sample_nanos(over) };
            let block = Block { nanos: sample_nanos(begin), keyframe: false, data: packet.data, kind };
            self.waiting_audio.push_back(block);
        }
        self.blocks += 1;
        Ok(())
    }

    /// Writes the blocks that nothing older can come before any more.
    fn write_waiting(&mut self, all: bool) -> Result<(), StreamError> {
        let Some(muxer) = &mut self.muxer else { return Ok(()) };
        loop {
            let (video, audio) = (self.waiting_video.front(), self.waiting_audio.front());
            let crowded = self.waiting_video.len().max(self.waiting_audio.len()) > WAITING;
            let picture_first = match (video, audio) {
                (Some(video), Some(audio)) => video.nanos <= audio.nanos,
                (Some(_), None) if all || crowded => true,
                (None, Some(_)) if all || crowded => false,
                _ => return Ok(()),
            };
            let queue = if picture_first { &mut self.waiting_video } else { &mut self.waiting_audio };
            let Some(block) = queue.pop_front() else { return Ok(()) };
            if let Err(error) = muxer.write(&block) {
                return Err(self.file_error(error));
            }
        }
    }

    fn file_error(&self, error: io::Error) -> StreamError {
        StreamError::File { path: self.path.clone(), error }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.muxer.take());
        if self.begun
            && let Err(error) = fs::remove_file(&self.temporary)
        {
            tracing::warn!("cannot remove {}: {error}", self.temporary.display());
        }
    }
}

const fn sample_nanos(samples: u64) -> u64 {
    samples * 1_000_000 / (SAMPLE_RATE as u64 / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AudioDecoder, VideoDecoder, webm::read};

    fn frame(tick: u64) -> Frame {
        let rgba = [tick as u8 * 2, 100, 200, 255].repeat(64 * 48);
        Frame { tick: Tick(tick), width: 64, height: 48, rgba: rgba.into() }
    }

    fn block(tick: u64) -> AudioBlock {
        let mut block = AudioBlock::silence(Tick(tick));
        for (index, sample) in block.samples.iter_mut().enumerate() {
            *sample = (index as f32 * 0.05).sin() * 0.4;
        }
        block
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("visage-record-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        folder
    }

    fn recorder(path: &Path) -> Recorder {
        Recorder::create(path, Tick(10), VideoSettings::recording(), AudioSettings::recording()).expect("a file's name")
    }

    #[test]
    fn a_recording_holds_what_was_given_with_its_times() {
        let folder = folder("whole");
        let path = folder.join("out.webm");
        let mut recorder = recorder(&path);
        // The picture comes two ticks after its sound, as it does from the renderer.
        for tick in 8..102 {
            if tick < 100 {
                recorder.sound(&block(tick)).expect("in order");
            }
            if tick >= 10 {
                recorder.frame(&frame(tick - 2)).expect("in order");
            }
        }
        assert!(!path.exists(), "the name is given at the end");
        let recording = recorder.finish().expect("the file is written");
        assert_eq!((recording.frames, recording.samples, recording.seconds), (90, 144_000, 3.0));

        let file = fs::read(&path).expect("the file is there");
        assert_eq!(file.len() as u64, recording.bytes);
        let segment = read::find(&file, &[0x1853_8067]);
        assert_eq!(read::float(read::find(segment, &[0x1549_A966, 0x4489])), 3_000.0);
        let tracks = read::elements(read::find(segment, &[0x1654_AE6B]));
        let head = read::find(tracks[1].1, &[0x63A2]);
        let pre_skip = u16::from_le_bytes([head[10], head[11]]);
        assert_eq!((&head[..8], pre_skip > 0), (&b"OpusHead"[..], true));
        let delay = read::unsigned(read::find(tracks[1].1, &[0x56AA]));
        assert_eq!(delay, u64::from(pre_skip) * 1_000_000_000 / 48_000);

        check_blocks(segment, u64::from(pre_skip));
        fs::remove_dir_all(folder).expect("ours");
    }

    /// Every frame at its tick, decodable; the packets' sound, without what is skipped and discarded, exactly as long as
    /// what was recorded; a cue for each keyframe.
    fn check_blocks(segment: &[u8], pre_skip: u64) {
        let (mut video, mut audio) = (VideoDecoder::new().expect("VP8"), AudioDecoder::new().expect("Opus"));
        let (mut pictures, mut samples, mut discarded, mut keyframes, mut last) = (Vec::new(), 0, 0, Vec::new(), 0);
        for (id, cluster) in read::elements(segment) {
            if id != 0x1F43_B675 {
                continue;
            }
            let begin = read::unsigned(read::find(cluster, &[0xE7]));
            for (id, content) in read::elements(cluster) {
                let content = match id {
                    0xA3 => content,
                    0xA0 => {
                        discarded += read::unsigned(read::find(content, &[0x75A2]));
                        read::find(content, &[0xA1])
                    }
                    _ => continue,
                };
                let (track, time, flags, data) = read::block(content);
                let time = begin + time as u64;
                assert!(time >= last, "{time} after {last}");
                last = time;
                if track == 1 {
                    video.decode(Tick(0), data).expect("decodes");
                    pictures.push(time);
                    if flags & 0x80 != 0 {
                        keyframes.push(time);
                    }
                } else {
                    assert_eq!(time, (samples * 1_000 + 24_000) / 48_000);
                    samples += audio.decode(data).expect("decodes").len() as u64;
                }
            }
        }
        let expected: Vec<_> = (0..90).map(|index| (index * 2_000 + 30) / 60).collect();
        assert_eq!(pictures, expected);
        assert_eq!(samples - pre_skip - (discarded * 48).div_ceil(1_000_000), 144_000);
        let cues: Vec<_> = read::elements(read::find(segment, &[0x1C53_BB6B]))
            .into_iter()
            .map(|(_, cue)| {
                let position = read::unsigned(read::find(cue, &[0xB7, 0xF1])) as usize;
                assert_eq!(read::elements(&segment[position..])[0].0, 0x1F43_B675);
                read::unsigned(read::find(cue, &[0xB3]))
            })
            .collect();
        assert_eq!(cues, keyframes);
        assert!(keyframes.len() >= 2);
    }

    #[test]
    fn the_same_input_gives_the_same_file() {
        let folder = folder("same");
        let write = |name: &str| {
            let mut recorder = recorder(&folder.join(name));
            for tick in 10..40 {
                recorder.frame(&frame(tick)).expect("in order");
                recorder.sound(&block(tick)).expect("in order");
            }
            recorder.finish().expect("written");
            fs::read(folder.join(name)).expect("there")
        };
        assert_eq!(write("one.webm"), write("two.webm"));
        fs::remove_dir_all(folder).expect("ours");
    }

    #[test]
    fn an_unfinished_recording_leaves_nothing_behind() {
        let folder = folder("dropped");
        let mut recorder = recorder(&folder.join("out.webm"));
        recorder.frame(&frame(10)).expect("first");
        assert_eq!(fs::read_dir(&folder).expect("there").count(), 1);
        drop(recorder);
        assert_eq!(fs::read_dir(&folder).expect("there").count(), 0);
        fs::remove_dir_all(folder).expect("ours");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let folder = folder("refused");
        let mut first = recorder(&folder.join("out.webm"));
        first.frame(&frame(12)).expect("first");
        let other = Frame { width: 48, height: 64, ..frame(13) };
        assert!(matches!(first.frame(&other), Err(StreamError::FrameSize { width: 48, .. })));
        assert!(matches!(first.frame(&frame(12)), Err(StreamError::Backwards { .. })));
        first.sound(&block(20)).expect("the ticks before are silent");
        assert!(matches!(first.sound(&block(20)), Err(StreamError::Backwards { given: 20, last: 20 })));
        assert!(matches!(recorder(&folder.join("empty.webm")).finish(), Err(StreamError::File { .. })));
        let mut nowhere = recorder(&folder.join("missing").join("out.webm"));
        assert!(matches!(nowhere.frame(&frame(10)), Err(StreamError::File { .. })));
        drop(first);
        fs::remove_dir_all(folder).expect("ours");
    }
}
