//! The files beside `character.ron`: what they are for, how they are told from one another by content, and what the store
//! calls those that it writes.

use std::{fmt, io::Cursor};

use bytes::Bytes;
use image::{ImageFormat, ImageReader};
use sha2::{Digest, Sha256};
use visage_core::{FacePoint, LANDMARKS, Language, PlacedLandmarks};

use crate::{ETag, FileError, parse};

/// Largest file of a picture, in bytes: a 50-megapixel JPEG or a 12-megapixel PNG with room to spare.
pub const MAX_PICTURE_BYTES: usize = 48 << 20;
/// Most pixels of a picture: above the sensor of any common phone, and what is decoded at most.
pub const MAX_PIXELS: u64 = 64_000_000;
/// Fewest pixels of a picture's side; no face can be found in less.
const MIN_SIDE: u32 = 16;
/// Largest file of a recording, in bytes: a minute of stereo at 48 kHz and 24 bits.
pub const MAX_SOUND_BYTES: usize = 20 << 20;
/// Largest file of landmarks, in bytes: 478 points with many digits.
pub const MAX_LANDMARKS_BYTES: usize = 64 << 10;

/// Hexadecimal digits of the content's hash in the name of a file that the store wrote.
const NAME_DIGITS: usize = 16;

/// A file beside `character.ron`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The picture of the character.
    Portrait,
    /// Landmarks placed by hand.
    Landmarks,
    /// The picture behind the head.
    Background,
    /// A recording of the voice to be imitated in this language.
    Reference(Language),
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Portrait => out.write_str("portrait"),
            Self::Landmarks => out.write_str("landmarks"),
            Self::Background => out.write_str("background"),
            Self::Reference(language) => write!(out, "voice reference ({language})"),
        }
    }
}

/// Why a file cannot be a part of a character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// It is too long, or has too many pixels.
    #[error("it is too large: {0}")]
    TooLarge(String),
    /// It is something else.
    #[error("this is no {0}")]
    WrongType(&'static str),
    /// It cannot be read.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// A file of a character.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its name beside `character.ron`.
    pub name: String,
    /// What it holds.
    pub bytes: Bytes,
    /// Its media type, told from its content.
    pub media_type: &'static str,
    /// Changes with its content.
    pub etag: ETag,
}

/// What a file is, told from its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The ending of its name.
    pub extension: &'static str,
    pub media_type: &'static str,
}

const RON: Kind = Kind { extension: "ron", media_type: "text/plain; charset=utf-8" };

impl Part {
    /// The field of the character that names it.
    pub(crate) fn field(self) -> String {
        match self {
            Self::Portrait => "portrait".to_owned(),
            Self::Landmarks => "landmarks".to_owned(),
            Self::Background => "background".to_owned(),
            Self::Reference(language) => format!("voices.{language}.reference"),
        }
    }

    /// Longest file in bytes.
    pub(crate) const fn most_bytes(self) -> usize {
        match self {
            Self::Portrait | Self::Background => MAX_PICTURE_BYTES,
            Self::Landmarks => MAX_LANDMARKS_BYTES,
            Self::Reference(_) => MAX_SOUND_BYTES,
        }
    }

    /// Checks size, type and head of a file. No pixel and no sample is decoded.
    pub(crate) fn inspect(self, bytes: &[u8]) -> Result<Kind, UploadError> {
        if bytes.len() > self.most_bytes() {
            let (megabytes, most) = (bytes.len() as f64 / 1e6, self.most_bytes() as f64 / 1e6);
            return Err(UploadError::TooLarge(format!("{megabytes:.2} MB, {most:.2} are allowed")));
        }
        match self {
            Self::Portrait | Self::Background => picture(bytes),
            Self::Landmarks => landmarks(bytes).map(|_| RON),
            Self::Reference(_) => sound(bytes).ok_or(UploadError::WrongType("WAV, FLAC, Ogg or MP3")),
        }
    }

    /// What the store calls a file with this content. The same content has the same name, so that a file never changes
    /// under its name.
    pub(crate) fn stored_name(self, bytes: &[u8], kind: Kind) -> String {
        let hash = hex(&Sha256::digest(bytes)[..NAME_DIGITS / 2]);
        let extension = kind.extension;
        match self {
            Self::Portrait => format!("portrait-{hash}.{extension}"),
            Self::Landmarks => format!("landmarks-{hash}.{extension}"),
            Self::Background => format!("background-{hash}.{extension}"),
            Self::Reference(language) => format!("voice-{language}-{hash}.{extension}"),
        }
    }
}

/// Whether the store could have given this name. An author's own files are never taken for the store's.
pub(crate) fn is_stored_name(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let Some((what, hash)) = stem.rsplit_once('-') else { return false };
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let extensions: &[&str] = match what {
        "portrait" | "background" => &["png", "jpg", "webp"],
        "landmarks" => &["ron"],
        "voice-en" | "voice-de" => &["wav", "flac", "ogg", "mp3"],
        _ => return false,
    };
    hash.len() == NAME_DIGITS && hash.bytes().all(lower_hex) && extensions.contains(&extension)
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn picture(bytes: &[u8]) -> Result<Kind, UploadError> {
    const TYPES: UploadError = UploadError::WrongType("JPEG, PNG or WebP");
    let format = image::guess_format(bytes).map_err(|_| TYPES)?;
    let kind = match format {
        ImageFormat::Jpeg => Kind { extension: "jpg", media_type: "image/jpeg" },
        ImageFormat::Png => Kind { extension: "png", media_type: "image/png" },
        ImageFormat::WebP => Kind { extension: "webp", media_type: "image/webp" },
        _ => return Err(TYPES),
    };
    let (width, height) = ImageReader::with_format(Cursor::new(bytes), format)
        .into_dimensions()
        .map_err(|error| UploadError::Damaged(error.to_string()))?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        let most = MAX_PIXELS / 1_000_000;
        return Err(UploadError::TooLarge(format!("{width}×{height} pixels, {most} million are allowed")));
    }
    if width.min(height) < MIN_SIDE {
        return Err(UploadError::Damaged(format!("it has {width}×{height} pixels, too few for a face")));
    }
    Ok(kind)
}

/// Reads landmarks that an author placed.
pub(crate) fn landmarks(bytes: &[u8]) -> Result<PlacedLandmarks, UploadError> {
    /// What a mesh cannot be fitted without.
    const NEEDED: [FacePoint; 8] = [
        FacePoint::RightEyeOuter,
        FacePoint::RightEyeInner,
        FacePoint::LeftEyeInner,
        FacePoint::LeftEyeOuter,
        FacePoint::MouthRight,
        FacePoint::MouthLeft,
        FacePoint::NoseTip,
        FacePoint::Chin,
    ];
    let text = std::str::from_utf8(bytes).map_err(|_| UploadError::WrongType("text in UTF-8"))?;
    let placed: PlacedLandmarks = parse::options().from_str(text).map_err(|error| {
        let error: FileError = parse::in_words(error);
        UploadError::Damaged(error.to_string())
    })?;
    let finite = match &placed {
        PlacedLandmarks::Mesh(points) if points.len() != LANDMARKS => {
            let reason = format!("a mesh has {LANDMARKS} points, these are {}", points.len());
            return Err(UploadError::Damaged(reason));
        }
        PlacedLandmarks::Mesh(points) => points.iter().flatten().all(|value| value.is_finite()),
        PlacedLandmarks::Points(points) => {
            if let Some(missing) = NEEDED.iter().find(|point| !points.contains_key(point)) {
                // The name as it is written in the file.
                let name = serde_json::to_string(missing).unwrap_or_default();
                return Err(UploadError::Damaged(format!("the point {name} is missing")));
            }
            points.values().flatten().all(|value| value.is_finite())
        }
    };
    if finite { Ok(placed) } else { Err(UploadError::Damaged("a coordinate is not a number".to_owned())) }
}

fn sound(bytes: &[u8]) -> Option<Kind> {
    let (extension, media_type) = match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => ("wav", "audio/wav"),
        [b'f', b'L', b'a', b'C', ..] => ("flac", "audio/flac"),
        [b'O', b'g', b'g', b'S', ..] => ("ogg", "audio/ogg"),
        [b'I', b'D', b'3', ..] => ("mp3", "audio/mpeg"),
        // The frame header of MPEG-1 or 2, layer III.
        [0xff, second, ..] if second & 0xe6 == 0xe2 => ("mp3", "audio/mpeg"),
        _ => return None,
    };
    Some(Kind { extension, media_type })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A PNG of one colour.
    pub(crate) fn png(side: u32, colour: [u8; 3]) -> Bytes {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(side, side, image::Rgb(colour));
        picture.write_to(&mut bytes, ImageFormat::Png).expect("memory can be written");
        bytes.into_inner().into()
    }

    /// The head of a WAV with some bytes behind it.
    pub(crate) fn wav(content: &[u8]) -> Bytes {
        [b"RIFF\0\0\0\0WAVEfmt ", content].concat().into()
    }

    #[test]
    fn types_are_told_from_content() {
        let huge = {
            // A header that claims 60,000 × 60,000 pixels, with its own checksum.
            let mut bytes = png(16, [0; 3]).to_vec();
            bytes[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
            let crc = crc32(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.to_be_bytes());
            bytes
        };
        let picture = png(20, [1, 2, 3]);
        let english = Part::Reference(Language::English);
        for (part, bytes, expected) in [
            (Part::Portrait, &picture[..], Ok("png")),
            (Part::Portrait, &picture[..20], Err("damaged")),
            (Part::Portrait, &huge, Err("60000×60000 pixels, 64 million")),
            (Part::Portrait, &png(8, [0; 3]), Err("too few")),
            (Part::Portrait, b"GIF89a", Err("no JPEG, PNG or WebP")),
            (Part::Portrait, b"<svg/>", Err("no JPEG, PNG or WebP")),
            (Part::Portrait, b"", Err("no JPEG, PNG or WebP")),
            (Part::Background, &wav(b""), Err("no JPEG, PNG or WebP")),
            (english, &wav(b""), Ok("wav")),
            (english, b"\xff\xfb\x90\x00", Ok("mp3")),
            (english, b"\xff\xd8\xff\xe0", Err("no WAV, FLAC")),
            (english, &picture, Err("no WAV, FLAC")),
            (english, &vec![0; MAX_SOUND_BYTES + 1], Err("too large: 20.97 MB, 20.97")),
            (Part::Landmarks, b"mesh([])", Err("a mesh has 478 points, these are 0")),
            (Part::Landmarks, b"points({chin: (1.0, 2.0)})", Err("\"right_eye_outer\" is missing")),
            (Part::Landmarks, b"points({chn: (1.0, 2.0)})", Err("did you mean \"chin\"")),
            (Part::Landmarks, b"\xff", Err("UTF-8")),
        ] {
            match (part.inspect(bytes), expected) {
                (Ok(kind), Ok(extension)) => assert_eq!(kind.extension, extension),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{part}: {error}"),
                (found, expected) => panic!("{part}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn only_the_stores_own_names_are_the_stores() {
        let picture = png(16, [0; 3]);
        let kind = Part::Portrait.inspect(&picture).expect("a picture");
        let name = Part::Portrait.stored_name(&picture, kind);
        assert!(is_stored_name(&name) && name.ends_with(".png"), "{name}");
        assert!(is_stored_name(&Part::Reference(Language::German).stored_name(b"", sound(b"fLaC").expect("sound"))));
        for other in [
            "portrait.png",
            "portrait-2.png",
            "portrait-0123456789ABCDEF.png",
            "voice-0123456789abcdef.wav",
            "portrait-0123456789abcdef.svg",
            "portrait-0123456789abcdef",
            "my-portrait-0123456789abcdef.png",
            "",
        ] {
            assert!(!is_stored_name(other), "{other}");
        }
    }

    /// The checksum of a PNG's chunk (ISO 3309), bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)))
        })
    }
}
