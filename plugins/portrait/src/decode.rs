//! Bytes of a picture file become an RGB picture: the type is told from the content, limits are checked before pixels
//! are decoded, the camera's orientation is applied, transparency is laid over a light grey.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::{PortraitError, picture::Picture};

/// Longest file that is read: 48 MiB, a 50-megapixel JPEG or a 12-megapixel PNG with room to spare.
pub const MAX_BYTES: u64 = 48 << 20;
/// Most pixels that are decoded: 64 million, above the sensor of any common phone, 192 MB as RGB.
pub const MAX_PIXELS: u64 = 64_000_000;
/// Memory that a decoder may take besides: four bytes a pixel for the largest picture, and as much again.
const MAX_DECODER_MEMORY: u64 = MAX_PIXELS * 8;
/// What shows through transparent parts. 8-bit sRGB.
const BEHIND_TRANSPARENCY: [u8; 3] = [226, 226, 228];

/// Decodes a JPEG, PNG or WebP (of an animation its first picture).
///
/// # Errors
/// [`PortraitError::UnknownType`], [`PortraitError::TooManyBytes`], [`PortraitError::TooManyPixels`],
/// [`PortraitError::Damaged`].
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, PortraitError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(PortraitError::TooManyBytes { bytes: bytes.len() as u64 });
    }
    let format = image::guess_format(bytes).map_err(|_| PortraitError::UnknownType)?;
    let name = match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        _ => return Err(PortraitError::UnknownType),
    };
    let damaged = |reason: String| PortraitError::Damaged { format: name, reason };
    let of_image = |error: ImageError| damaged(error.to_string());

    // The header only; no pixel is decoded and nothing of the picture's size is allocated yet.
    let mut header = ImageReader::with_format(Cursor::new(bytes), format);
    header.no_limits();
    let (width, height) = header.into_dimensions().map_err(of_image)?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PortraitError::TooManyPixels { width, height });
    }
    if width == 0 || height == 0 {
        return Err(damaged("it has no pixels".to_owned()));
    }
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        // The decoder would fill the missing rows with grey.
        return Err(damaged("its end is missing".to_owned()));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(of_image)?;
    let orientation = decoder.orientation().map_err(of_image)?;
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
    use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage, Rgba, RgbaImage};

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
        // CRC-32 of the header chunk (PNG, annex D), so that only the size is strange.
        let crc = !bytes[12..29].iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
        });
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        bytes
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
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95)
            .write_image(
                &image::imageops::resize(&small(), 48, 32, image::imageops::FilterType::Nearest),
                48,
                32,
                ExtendedColorType::Rgb8,
            )
            .expect("memory can be written");
        // An Exif segment with the one entry "orientation: 6", a quarter turn clockwise (Exif 2.3, 4.6.4).
        let exif = b"\xFF\xE1\x00\x22Exif\0\0II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        jpeg.splice(2..2, exif.iter().copied());
        let picture = decode(&jpeg).expect("a true JPEG");
        assert_eq!((picture.width, picture.height), (32, 48));
        let top = picture.pixel(16, 2);
        assert!(top[0] > 180 && top[2] < 80, "red was on the left and is at the top now: {top:?}");
    }

    #[test]
    fn transparency_becomes_light_grey() {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::from_pixel(2, 2, Rgba([9, 9, 9, 0])).write_to(&mut bytes, ImageFormat::Png).expect("memory");
        assert_eq!(decode(&bytes.into_inner()).expect("a PNG").pixel(0, 0), BEHIND_TRANSPARENCY);
    }
}
