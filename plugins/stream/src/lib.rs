//! Encoders, pacing, RTP clocks and recording, without sockets.
//!
//! Everything here is a function of its arguments: time comes in as an index of a tick or as an argument, bytes go out as
//! return values (only [`Recorder`] writes a file). `visage_webrtc` and `visage render` do the input and output.
//!
//! ```
//! use visage_core::{AudioBlock, Frame, Tick};
//! use visage_stream::{AudioEncoder, AudioSettings, VideoEncoder, VideoSettings};
//!
//! let mut video = VideoEncoder::new(VideoSettings::live());
//! let frame = Frame { tick: Tick(30), width: 64, height: 64, rgba: vec![128; 64 * 64 * 4].into() };
//! let encoded = video.encode(&frame, false)?;
//! assert!(encoded.keyframe);
//! assert_eq!(encoded.rtp_time(), 90_000);
//!
//! let mut audio = AudioEncoder::new(AudioSettings::live())?;
//! let packets = audio.push(&AudioBlock::silence(Tick(30)))?;
//! assert_eq!(packets[0].first_sample, 48_000);
//! # Ok::<_, visage_stream::StreamError>(())
//! ```

mod audio;
mod error;
mod line;
mod ogg_opus;
mod receive;
mod record;
mod reorder;
mod sound;
mod video;
mod vpx;
mod webm;

pub use audio::{AudioDecoder, AudioEncoder, AudioPacket, AudioSettings, SAMPLES_PER_PACKET};
pub use error::StreamError;
pub use line::{MediaLine, PACKET_DELAY_SAMPLES};
pub use receive::AudioReceiver;
pub use record::{Recorder, Recording};
pub use sound::{SoundEncoder, SoundFormat};
pub use video::{EncodedFrame, Keyframes, Tuning, VideoDecoder, VideoEncoder, VideoSettings, tick_of_rtp_video};
