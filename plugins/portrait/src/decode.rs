//! Bytes of a picture file become an RGB picture: the type is told from the content, limits are checked before pixels
//! are decoded, the camera's orientation is applied, transparency is laid over a light grey.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, metadata::Orientation};

use crate::{PortraitError, picture::Picture};

/// Longest file that is read: 48 MiB, a 50-megapixel JPEG or a 12-megapixel PNG with room to spare.
pub const MAX_BYTES: u64 = 48 << 20;
/// Most pixels that are decoded: 64 million, above the sensor of any common phone, 192 MB as RGB.
pub const MAX_PIXELS: u64 = 64_000_000;
/// Memory that a decoder may take besides: four bytes a pixel for the largest picture, and as much again.
const MAX_DECODER_MEMORY: u64 = MAX_PIXELS * 8;
/// What shows through transparent parts. 8-bit sRGB.
const BEHIND_TRANSPARENCY: [u8; 3] = [226, 226, 228];

/// What a picture's file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureInfo {
    /// How it is stored.
    pub format: PictureFormat,
    /// Pixels in a row, as it is seen.
    pub width: usize,
    /// Rows, as it is seen.
    pub height: usize,
}

/// How a picture is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG (JFIF or Exif).
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
}

impl PictureFormat {
    /// Its name in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
        }
    }

    /// The extension of its files, without a dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }

    /// The type of its content on the web.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }

    /// The format that bytes begin like, whatever they are called.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::WebP => Some(Self::WebP),
            _ => None,
        }
    }

    const fn decoder(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::WebP => ImageFormat::WebP,
        }
    }
}

/// Decodes a picture to its end and says what it is. For whoever takes pictures from strangers; needs no network and
/// looks for no face.
///
/// # Errors
/// [`PortraitError::UnknownType`], [`PortraitError::TooManyBytes`], [`PortraitError::TooManyPixels`],
/// [`PortraitError::Damaged`].
pub fn check_picture(bytes: &[u8]) -> Result<PictureInfo, PortraitError> {
    let Picture { width, height, .. } = decode(bytes)?;
    Ok(PictureInfo { format: PictureFormat::of(bytes).ok_or(PortraitError::UnknownType)?, width, height })
}

/// Decodes a JPEG, PNG or WebP (of an animation its first picture).
///
/// # Errors
/// As [`check_picture`].
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, PortraitError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(PortraitError::TooManyBytes { bytes: bytes.len() as u64 });
    }
    let format = PictureFormat::of(bytes).ok_or(PortraitError::UnknownType)?;
    let name = format.name();
    let decoder_format = format.decoder();
    let damaged = |reason: String| PortraitError::Damaged { format: name, reason };
    let of_image = |error: ImageError| damaged(error.to_string());

    // The header only; no pixel is decoded and nothing of the picture's size is allocated yet.
    let mut header = ImageReader::with_format(Cursor::new(bytes), decoder_format);
    header.no_limits();
    let (width, height) = header.into_dimensions().map_err(of_image)?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PortraitError::TooManyPixels { width, height });
    }
    if width == 0 || height == 0 {
        return Err(damaged("it has no pixels".to_owned()));
    }
    if format == PictureFormat::Jpeg && !jpeg_is_complete(bytes) {
        // The decoder would fill the missing rows with grey.
        return Err(damaged("its end is missing".to_owned()));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), decoder_format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(of_image)?;
    // An orientation that makes no sense is none: the picture itself is not worse for it.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(of_image)?;
    image.apply_orientation(orientation);
    Ok(opaque(image))
}

fn opaque(image: DynamicImage) -> Picture {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if !image.color().has_alpha() {
        return Picture { width, height, rgb: image.into_rgb8().into_raw() };
    }
    let rgba = image.into_rgba8();
    let mut rgb = Vec::with_capacity(width * height * 3);
    for pixel in rgba.pixels() {
        let alpha = u32::from(pixel[3]);
        for (&value, behind) in pixel.0[..3].iter().zip(BEHIND_TRANSPARENCY) {
            rgb.push(((u32::from(value) * alpha + u32::from(behind) * (255 - alpha) + 127) / 255) as u8);
        }
    }
    Picture { width, height, rgb }
}

/// Whether the compressed data of a JPEG is followed by its end marker (ITU-T T.81, annex B). An end marker inside an
/// embedded thumbnail does not count.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    let mut at = 2;
    while let Some(&[0xFF, marker]) = bytes.get(at..at + 2) {
        if marker == 0xFF {
            at += 1;
            continue;
        }
        let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { return false };
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == START_OF_SCAN {
            return bytes.get(at..).is_some_and(|data| data.windows(2).any(|pair| pair == [0xFF, 0xD9]));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    /// Two rows of three pixels, red on the left.
    fn small() -> RgbImage {
        RgbImage::from_fn(3, 2, |x, _| if x == 0 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) })
    }

    fn encode(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::imageops::resize(&small(), 96, 64, image::imageops::FilterType::Nearest);
        picture.write_to(&mut bytes, format).expect("memory can be written");
        bytes.into_inner()
    }

    fn kind(result: Result<Picture, PortraitError>) -> &'static str {
        match result {
            Ok(_) => "picture",
            Err(PortraitError::UnknownType) => "unknown",
            Err(PortraitError::TooManyBytes { .. }) => "bytes",
            Err(PortraitError::TooManyPixels { .. }) => "pixels",
            Err(PortraitError::Damaged { .. }) => "damaged",
            Err(_) => "other",
        }
    }

    /// A PNG whose header claims this size.
    fn claimed_png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = encode(ImageFormat::Png);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        // Only the size is strange.
        let crc = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// CRC-32 of a chunk (PNG, annex D).
    fn crc(chunk: &[u8]) -> u32 {
        !chunk.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
        })
    }

    #[test]
    fn every_file_gets_its_own_answer() {
        let cut = |format, share: f32| {
            let bytes = encode(format);
            bytes[..(bytes.len() as f32 * share) as usize].to_vec()
        };
        let mut gif = b"GIF89a".to_vec();
        gif.extend([0; 64]);
        let cases: Vec<(&str, Vec<u8>, &str)> = vec![
            ("png", encode(ImageFormat::Png), "picture"),
            ("jpeg", encode(ImageFormat::Jpeg), "picture"),
            ("webp", encode(ImageFormat::WebP), "picture"),
            ("nothing", vec![], "unknown"),
            ("text", b"hello, this is no picture".to_vec(), "unknown"),
            ("gif", gif, "unknown"),
            ("cut png", cut(ImageFormat::Png, 0.7), "damaged"),
            ("cut jpeg", cut(ImageFormat::Jpeg, 0.9), "damaged"),
            ("cut webp", cut(ImageFormat::WebP, 0.7), "damaged"),
            ("only a header", cut(ImageFormat::Jpeg, 0.02), "damaged"),
            ("gigantic", claimed_png(60_000, 60_000), "pixels"),
            ("flat", claimed_png(u32::MAX / 2, 1), "pixels"),
            ("too long", vec![0; MAX_BYTES as usize + 1], "bytes"),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(kind(decode(&bytes)), expected, "{name}");
        }
    }

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name))
            .expect("the fixture is there")
    }

    /// A chunk of a PNG before its pixels.
    fn with_chunk(mut png: Vec<u8>, name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let body = [name, data].concat();
        let chunk = [&(data.len() as u32).to_be_bytes(), &body[..], &crc(&body).to_be_bytes()].concat();
        png.splice(33..33, chunk);
        png
    }

    /// A JPEG with an Exif segment that holds one entry "orientation".
    fn turned(orientation: u8) -> Vec<u8> {
        let mut jpeg = encode(ImageFormat::Jpeg);
        // An entry as in Exif 2.3, 4.6.4.
        let exif =
            [&b"\xFF\xE1\x00\x22Exif\0\0II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation], &[0; 7]];
        jpeg.splice(2..2, exif.concat());
        jpeg
    }

    #[test]
    fn strange_pictures_are_read_as_they_are_meant() {
        let small = image::imageops::resize(&small(), 96, 64, image::imageops::FilterType::Nearest);
        let png = |image: DynamicImage| {
            let mut bytes = Cursor::new(Vec::new());
            image.write_to(&mut bytes, ImageFormat::Png).expect("memory can be written");
            bytes.into_inner()
        };
        let rgb = DynamicImage::from(small);
        let mut exif_cut = encode(ImageFormat::Jpeg);
        exif_cut.splice(2..2, *b"\xFF\xE1\x00\x0CExif\0\0II\x2A\0");
        // Red on the left, blue on the right, whatever the file is like; the size as it is seen.
        let cases: Vec<(&str, Vec<u8>, (usize, usize))> = vec![
            ("16 bits", png(DynamicImage::from(rgb.to_rgb16())), (96, 64)),
            ("16 bits with alpha", png(DynamicImage::from(rgb.to_rgba16())), (96, 64)),
            ("CMYK", fixture("cmyk.jpg"), (48, 32)),
            ("animated WebP", fixture("animated.webp"), (48, 32)),
            ("animated PNG", fixture("animated.png"), (48, 32)),
            ("no orientation", turned(1), (96, 64)),
            ("an orientation that there is not", turned(99), (96, 64)),
            ("Exif without an end", exif_cut, (96, 64)),
            ("a named type that is not true", encode(ImageFormat::WebP), (96, 64)),
        ];
        for (name, bytes, size) in cases {
            let picture = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((picture.width, picture.height), size, "{name}");
            let (left, right) = (picture.pixel(size.0 / 8, size.1 / 2), picture.pixel(size.0 * 7 / 8, size.1 / 2));
            assert!(left[0] > 180 && left[2] < 80 && right[2] > 180 && right[0] < 80, "{name}: {left:?} {right:?}");
            let info = check_picture(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((info.width, info.height), size, "{name}");
            assert_eq!(Some(info.format), PictureFormat::of(&bytes), "{name}");
        }
        let one = png(DynamicImage::new_rgb8(1, 1));
        assert_eq!(
            check_picture(&one).expect("a whole picture"),
            PictureInfo { format: PictureFormat::Png, width: 1, height: 1 }
        );
    }

    #[test]
    fn little_that_unpacks_to_much_is_no_danger() {
        // A colour profile and a text that unpack to 64 MB each.
        let bomb = zeros(64 << 20);
        assert!(bomb.len() < 500_000, "{}", bomb.len());
        let profile = [&b"name\0\0"[..], &bomb].concat();
        for (name, bytes) in [
            ("profile", with_chunk(encode(ImageFormat::Png), b"iCCP", &profile)),
            ("text", with_chunk(encode(ImageFormat::Png), b"zTXt", &profile)),
        ] {
            assert!(matches!(kind(decode(&bytes)), "picture" | "damaged"), "{name}");
        }
        // The pixels end early, whatever the header promises.
        assert_eq!(kind(decode(&claimed_png(8_000, 8_000))), "damaged");
    }

    /// A zlib stream (RFC 1950) of about `length` zeros: deflate with fixed codes (RFC 1951, 3.2.6), one literal and then
    /// matches of 258 bytes at distance 1.
    fn zeros(length: usize) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        let mut push = |code: u32, count: u32| bits.extend((0..count).rev().map(|bit| code >> bit & 1 == 1));
        push(1, 1);
        // The block's type is written low bit first.
        push(0b10, 2);
        push(0x30, 8);
        for _ in 0..length / 258 {
            // 285 is length 258; then distance code 0.
            push(0b1100_0101, 8);
            push(0, 5);
        }
        push(0, 7);
        let mut out = vec![0x78, 0x9C];
        out.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0u8, |sum, &bit| sum << 1 | u8::from(bit))));
        // Adler-32 of `n` zeros is n mod 65521 over 1.
        let count = (length / 258 * 258 + 1) as u32 % 65_521;
        out.extend((count << 16 | 1).to_be_bytes());
        out
    }

    #[test]
    fn noise_behind_a_true_beginning_is_no_panic() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let mut bytes = encode(format);
            let mut state = 1u32;
            for byte in &mut bytes[40..] {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if state >> 29 == 0 {
                    *byte = (state >> 8) as u8;
                }
            }
            assert!(matches!(kind(decode(&bytes)), "picture" | "damaged"), "{format:?}");
        }
    }

    #[test]
    fn the_cameras_orientation_is_applied() {
        // 6 is a quarter turn clockwise.
        let picture = decode(&turned(6)).expect("a true JPEG");
        assert_eq!((picture.width, picture.height), (64, 96));
        let top = picture.pixel(32, 4);
        assert!(top[0] > 180 && top[2] < 80, "red was on the left and is at the top now: {top:?}");
    }

    #[test]
    fn transparency_becomes_light_grey() {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::from_pixel(2, 2, Rgba([9, 9, 9, 0])).write_to(&mut bytes, ImageFormat::Png).expect("memory");
        assert_eq!(decode(&bytes.into_inner()).expect("a PNG").pixel(0, 0), BEHIND_TRANSPARENCY);
    }
}
