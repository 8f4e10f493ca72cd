//! Reads characters and pictures from disk, away from the tick: what the gallery shows. No Bevy.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Cursor, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, imageops::FilterType};
use visage_core::{Raster, StopFlag, Worker};
use visage_library::{CharacterFile, Library, Part, block_on};
use visage_schedule::{SpeechDoor, VoiceInfo};

/// Width and height of a thumbnail in pixels: twice the points it is shown with, for fine screens.
pub const THUMBNAIL: u32 = 192;
/// Largest picture that is read for a new character, in bytes. The store has limits of its own and says them better.
const LARGEST: u64 = 64 << 20;
/// Memory that decoding a portrait for its thumbnail may take, in bytes.
const DECODING: u64 = 512 << 20;

/// What the shelf is told to do.
#[derive(Debug)]
pub enum Errand {
    /// Look through all characters, and through the voices behind the door, if there is one.
    Look(Option<SpeechDoor>),
    /// Read a picture for a new character.
    Picture {
        /// What the character is to be called.
        name: String,
        /// Where the picture lies.
        path: PathBuf,
    },
}

/// What it reports.
#[derive(Debug)]
pub enum Found {
    /// All characters.
    Characters(Vec<Card>),
    /// All voices.
    Voices(Vec<VoiceInfo>),
    /// A picture's bytes.
    Picture {
        /// What the character is to be called.
        name: String,
        /// The file as it is.
        bytes: Arc<[u8]>,
    },
    /// Why there is none, in a person's words.
    Trouble(String),
}

/// A character in the gallery.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its id.
    pub id: String,
    /// Changes with every change of its files.
    pub revision: String,
    /// What it says of itself, or in words why it cannot be read.
    pub file: Result<Box<CharacterFile>, String>,
    /// Its portrait, [`THUMBNAIL`] pixels wide and high.
    pub thumbnail: Option<Raster>,
    /// Whether it is the one that cannot be deleted.
    pub is_default: bool,
}

/// Reads for the gallery. Thumbnails of characters that have not changed are kept.
pub struct Shelf {
    library: Library,
    thumbnails: BTreeMap<(String, String), Option<Raster>>,
}

impl Worker for Shelf {
    type Command = Errand;
    type Event = Found;

    fn handle(&mut self, errand: Errand, emit: &mut dyn FnMut(Found), stop: &StopFlag) {
        match errand {
            Errand::Look(speech) => {
                match self.look(stop) {
                    Ok(cards) => emit(Found::Characters(cards)),
                    Err(error) => emit(Found::Trouble(format!("the characters cannot be read: {error}"))),
                }
                if let Some(door) = speech {
                    emit(Found::Voices((door.voices)()));
                }
            }
            Errand::Picture { name, path } => match read(&path) {
                Ok(bytes) => emit(Found::Picture { name, bytes }),
                Err(reason) => emit(Found::Trouble(format!("{}: {reason}", path.display()))),
            },
        }
    }

    fn if_lost(errand: &Errand) -> Option<Found> {
        Some(Found::Trouble(match errand {
            Errand::Look(_) => "the characters could not be read because of a fault in the program".into(),
            Errand::Picture { path, .. } => format!("{}: this picture is too much for the program", path.display()),
        }))
    }

    fn renew(&mut self) {
        self.thumbnails.clear();
    }
}

impl Shelf {
    /// A shelf for the characters of a library.
    pub const fn new(library: Library) -> Self {
        Self { library, thumbnails: BTreeMap::new() }
    }

    fn look(&mut self, stop: &StopFlag) -> Result<Vec<Card>, visage_library::LibraryError> {
        let listing = block_on(self.library.list())?;
        let default = block_on(self.library.default_id()).ok();
        let mut cards = Vec::new();
        for entry in listing.characters {
            if stop.is_set() {
                break;
            }
            let key = (entry.id.clone(), entry.revision.clone());
            let thumbnail = match self.thumbnails.get(&key) {
                Some(known) => known.clone(),
                None => {
                    let portrait = block_on(self.library.part(&entry.id, Part::Portrait)).ok();
                    let made = portrait.and_then(|portrait| thumbnail(&portrait.bytes));
                    self.thumbnails.insert(key, made.clone());
                    made
                }
            };
            let is_default = default.as_ref() == Some(&entry.id);
            let file = Ok(Box::new(entry.file));
            cards.push(Card { id: entry.id, revision: entry.revision, file, thumbnail, is_default });
        }
        for broken in listing.broken {
            cards.push(Card {
                id: broken.id,
                revision: broken.etag.to_string(),
                file: Err(broken.error.to_string()),
                thumbnail: None,
                is_default: false,
            });
        }
        cards.sort_by(|a, b| a.id.cmp(&b.id));
        let present: BTreeSet<_> = cards.iter().map(|card| (card.id.clone(), card.revision.clone())).collect();
        self.thumbnails.retain(|key, _| present.contains(key));
        Ok(cards)
    }
}

/// A file's bytes, if they are not too many for a picture.
fn read(path: &Path) -> Result<Arc<[u8]>, String> {
    let words = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this file may not be read".to_owned(),
        std::io::ErrorKind::IsADirectory => "this is a folder; choose a picture in it".to_owned(),
        _ => format!("this file cannot be read ({error})"),
    };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(words)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("this file is larger than {} MB; choose a smaller picture", LARGEST >> 20));
    }
    Ok(bytes.into())
}

/// A small square of a picture. Of one that is higher than wide the upper part is shown, where heads are.
fn thumbnail(bytes: &[u8]) -> Option<Raster> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODING);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let orientation = decoder.orientation().ok()?;
    let mut picture = DynamicImage::from_decoder(decoder).ok()?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    let square = picture.crop_imm((width - side) / 2, (height - side) / 4, side, side);
    let small = square.resize_exact(THUMBNAIL, THUMBNAIL, FilterType::Triangle).to_rgba8();
    Some(Raster { width: THUMBNAIL, height: THUMBNAIL, rgba: small.into_raw().into() })
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb, RgbImage};
    use visage_core::Language;
    use visage_testkit::voices_of_a_machine;

    use super::*;

    /// A picture of three stripes: red above, green in the middle, blue below.
    fn stripes(width: u32, height: u32) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |_, y| match 3 * y / height {
            0 => Rgb([255, 0, 0]),
            1 => Rgb([0, 255, 0]),
            _ => Rgb([0, 0, 255]),
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).expect("memory can be written to");
        bytes.into_inner()
    }

    #[test]
    fn thumbnails_are_square_and_show_where_heads_are() {
        let check = |width, height, top: [u8; 3], bottom: [u8; 3]| {
            let small = thumbnail(&stripes(width, height)).expect("it is a picture");
            assert_eq!((small.width, small.height), (THUMBNAIL, THUMBNAIL));
            let last = small.rgba.len() - 4;
            assert_eq!((&small.rgba[..3], &small.rgba[last..last + 3]), (&top[..], &bottom[..]), "{width} x {height}");
        };
        check(300, 300, [255, 0, 0], [0, 0, 255]);
        check(600, 300, [255, 0, 0], [0, 0, 255]);
        // From 75 to 375 of 600.
        check(300, 600, [255, 0, 0], [0, 255, 0]);
        assert!(thumbnail(b"no picture").is_none());
    }

    #[test]
    fn pictures_that_cannot_be_read_are_told_in_words() {
        let check = |path: &Path, words: &str| {
            let reason = read(path).expect_err(words);
            assert!(reason.contains(words), "{reason}");
        };
        check(Path::new("/nowhere/at/all.png"), "no such file");
        check(&std::env::temp_dir(), "folder");
    }

    #[test]
    fn the_shelf_shows_what_the_library_has() {
        let library = Library::in_memory();
        let file = CharacterFile::new("Ada", Language::English);
        block_on(library.create(None, file, stripes(64, 64).into())).expect("there is room in memory");
        let mut shelf = Shelf::new(library.clone());
        let cards = shelf.look(&StopFlag::default()).expect("memory can be read");
        let [ada] = &cards[..] else { panic!("{cards:?}") };
        assert_eq!((ada.id.as_str(), ada.is_default), ("ada", true));
        assert!(ada.thumbnail.is_some());
        assert_eq!(ada.file.as_ref().map(|file| file.name.as_str()), Ok("Ada"));
        let patch = serde_json::json!({"name": "Ada Lovelace"});
        block_on(library.patch("ada", &patch, &visage_library::Precondition::None)).expect("it can be changed");
        let again = shelf.look(&StopFlag::default()).expect("memory can be read");
        assert_ne!(again[0].revision, ada.revision);
        assert_eq!(shelf.thumbnails.len(), 1, "only the present revision is kept");
    }

    #[test]
    fn the_shelf_has_the_voices_that_there_are() {
        let (requests, _) = crossbeam_channel::bounded(1);
        let door = SpeechDoor { requests, voices: Arc::new(|| voices_of_a_machine(false)) };
        for (speech, expected) in [(None, None), (Some(door), Some(voices_of_a_machine(false)))] {
            let mut voices = None;
            let mut emit = |found| match found {
                Found::Voices(found) => voices = Some(found),
                Found::Characters(_) => {}
                other => panic!("{other:?}"),
            };
            Shelf::new(Library::in_memory()).handle(Errand::Look(speech), &mut emit, &StopFlag::default());
            assert_eq!(voices, expected);
        }
    }
}
