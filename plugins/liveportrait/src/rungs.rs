//! LivePortrait as two rungs of the stage's ladder: "liveportrait" draws each pose with the networks, "liveportrait-baked"
//! plays pictures that were drawn before ([`bake`](crate::bake())). The second needs no networks, only what they have drawn.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use sha2::{Digest, Sha256};
use visage_core::{FacePose, Raster, RenderError, Renderer, Rig, Rung, StopFlag, Subject};
use visage_models::{Catalogue, Provider, ProviderChoice, SessionOptions, State, Store, probe};

use crate::{
    bake::{BakeError, Baked, Plan, Progress, bake},
    cache::{Origin, PictureCache},
    contract,
    error::LivePortraitError,
    expression::{Expression, Lids},
    layout::Layout,
    networks::Networks,
    paste::Paste,
    picture::Picture,
    pipeline::{Face, Pipeline},
    playback::Playback,
};

/// The networks in the catalogue.
pub const MODEL_ID: &str = "liveportrait";
/// The rung that draws with the networks.
pub const LIVE: &str = "liveportrait";
/// The rung that plays pictures.
pub const BAKED: &str = "liveportrait-baked";

/// Bytes of a file that are hashed at once.
const HASHED_AT_ONCE: usize = 1 << 20;

/// Where the networks are, what they run on, and where their pictures are kept.
#[derive(Clone, Debug)]
pub struct LivePortrait {
    /// A folder with files of the published contract; `None` is what `visage models fetch liveportrait` has brought.
    pub folder: Option<PathBuf>,
    /// What the networks run on.
    pub provider: ProviderChoice,
    /// What they have drawn.
    pub pictures: Arc<PictureCache>,
    identity: Arc<Mutex<Option<String>>>,
}

impl LivePortrait {
    /// LivePortrait with its networks in `folder`, or in the store of models.
    pub fn new(folder: Option<PathBuf>, provider: ProviderChoice, pictures: Arc<PictureCache>) -> Self {
        Self { folder, provider, pictures, identity: Arc::default() }
    }

    /// The rungs, best first.
    pub fn rungs(&self) -> Vec<Rung> {
        let (live, baked, stills) = (self.clone(), self.clone(), Stills::new(self.clone()));
        let mut baked = Rung::new(BAKED, move |subject| Ok(Box::new(BakedFace::open(&baked, subject)?)));
        baked.still = Some(Arc::new(move |subject, pose| stills.draw(subject, pose)));
        vec![Rung::new(LIVE, move |subject| Ok(Box::new(LiveFace::open(&live, subject)?))), baked]
    }

    /// Draws what speech and idle life need and keeps it; what is there already is left out. Minutes on a graphics card,
    /// most of an hour on a processor.
    ///
    /// # Errors
    /// The networks are missing or fail, or a picture cannot be kept.
    pub fn bake(
        &self,
        rig: &Rig,
        plan: &Plan,
        progress: &mut dyn FnMut(Progress),
        stop: &StopFlag,
    ) -> Result<Baked, BakeError<LivePortraitError>> {
        let origin = self.origin(&Face::of(rig).map_err(BakeError::Draw)?).map_err(BakeError::Draw)?;
        // Opened for the first picture that is missing: a bake that is complete is told at once.
        let mut drawing = None;
        let mut draw = |pose: &FacePose| {
            let (pipeline, expression) = match &mut drawing {
                Some(open) => open,
                closed => closed.insert(self.open(rig, contract::OUTPUT_SIDE as u32)?),
            };
            Ok(Picture::new(pipeline.crop(&expression.offset(pose))?).expect("a crop has the size of a picture"))
        };
        bake(plan, &self.pictures, &origin, &mut draw, progress, stop)
    }

    /// The networks, ready to draw a portrait.
    ///
    /// # Errors
    /// They are missing, or one of them fails.
    pub fn open(&self, rig: &Rig, size: u32) -> Result<(Pipeline, Expression), LivePortraitError> {
        let options = SessionOptions { threads: 0, provider: self.provider, half: true, ..SessionOptions::default() };
        let pipeline = Pipeline::new(Networks::open(&self.networks()?, &options)?, rig, size)?;
        // Each eye by itself; the eye network takes one opening for both.
        let expression = Expression::new(&pipeline.source().motion, Lids::Keypoints);
        Ok((pipeline, expression))
    }

    /// The folder of the networks.
    fn networks(&self) -> Result<PathBuf, LivePortraitError> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let store = Store::default();
        match Catalogue::builtin().model(MODEL_ID).map(|model| store.state(model)) {
            Ok(State::Present) => Ok(store.folder(MODEL_ID)),
            _ => Err(LivePortraitError::NotFetched),
        }
    }

    /// What pictures of a face are of.
    fn origin(&self, face: &Face) -> Result<Origin, LivePortraitError> {
        let mut known = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let networks = match &*known {
            Some(identity) => identity,
            None => known.insert(match &self.folder {
                Some(folder) => hash_of_files(folder)?,
                None => hash_of_catalogue(),
            }),
        };
        Ok(Origin::new(&face.bytes(), networks))
    }
}

/// What tells the published networks from others: the hashes that their files must have. Pictures of them can be played
/// where the networks themselves are not.
fn hash_of_catalogue() -> String {
    let model = Catalogue::builtin().model(MODEL_ID);
    let files = model
        .iter()
        .flat_map(|model| &model.files)
        .filter(|file| contract::ALL.iter().any(|contract| contract.file == file.name));
    let mut hashes: Vec<String> =
        files.map(|file| format!("{} {}", file.name, file.forms.first().map_or("", |form| &form.sha256))).collect();
    hashes.sort_unstable();
    hashes.join("\n")
}

/// The same of a folder's files.
fn hash_of_files(folder: &Path) -> Result<String, LivePortraitError> {
    let mut hashes = Vec::new();
    for name in contract::ALL.map(|contract| contract.file) {
        let path = folder.join(name);
        match hash_of_file(&path) {
            Ok(hash) => hashes.push(format!("{name} {hash}")),
            // Some need not be there; opening says which of them must.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(LivePortraitError::Read { path, source }),
        }
    }
    hashes.sort_unstable();
    Ok(hashes.join("\n"))
}

fn hash_of_file(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; HASHED_AT_ONCE]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Draws with the networks.
struct LiveFace {
    settings: LivePortrait,
    subject: Subject,
    open: Option<(Pipeline, Expression)>,
}

impl LiveFace {
    fn open(settings: &LivePortrait, subject: &Subject) -> Result<Self, String> {
        settings.networks().map_err(|error| error.to_string())?;
        // Before half a gigabyte is read: what would take seconds for a picture need not be tried.
        if !subject.patient && settings.provider == ProviderChoice::Auto {
            let chosen = probe(settings.provider).map_err(|error| error.to_string())?;
            if chosen.provider == Provider::Cpu {
                let advice = if chosen.advice.is_empty() { "" } else { "; " };
                return Err(format!(
                    "on the processor a picture takes seconds ({}){advice}{}",
                    chosen.reason, chosen.advice
                ));
            }
        }
        let open = settings.open(&subject.rig, subject.size).map_err(|error| error.to_string())?;
        Ok(Self { settings: settings.clone(), subject: subject.clone(), open: Some(open) })
    }
}

impl Renderer for LiveFace {
    fn render(&mut self, pose: &FacePose) -> Result<Raster, RenderError> {
        let mut draw = || {
            let (pipeline, expression) = match &mut self.open {
                Some(open) => open,
                closed => closed.insert(self.settings.open(&self.subject.rig, self.subject.size)?),
            };
            let face = pipeline.crop(&expression.offset(pose))?;
            pipeline.paste(&face)
        };
        draw().map_err(|error: LivePortraitError| RenderError::Failed(error.to_string()))
    }

    fn release(&mut self) {
        self.open = None;
    }
}

/// Plays pictures.
struct BakedFace {
    playback: Playback,
    paste: Paste,
}

impl BakedFace {
    fn open(settings: &LivePortrait, subject: &Subject) -> Result<Self, String> {
        Self::of(settings, subject)
            .map_err(|error| error.to_string())?
            .ok_or_else(|| "nothing is baked for this character; `visage bake` does it".to_owned())
    }

    /// `None` if not even the face at rest has been drawn.
    fn of(settings: &LivePortrait, subject: &Subject) -> Result<Option<Self>, LivePortraitError> {
        let face = Face::of(&subject.rig)?;
        let origin = settings.origin(&face)?;
        let plan = Plan::speech();
        if plan.nodes().first().is_none_or(|rest| settings.pictures.get(&origin.node(*rest)).is_none()) {
            return Ok(None);
        }
        let landmarks = subject.rig.landmarks.clone();
        let [[across, down, _], _] = face.crop.to_crop.0;
        let size = across.hypot(down);
        let layout = Layout::of(|index| {
            let [x, y, depth] = landmarks[index].map(f64::from);
            let [x, y] = face.crop.to_crop.apply([x, y]);
            [x, y, depth * size].map(|value| value as f32)
        });
        let playback = Playback::open(settings.pictures.clone(), origin, &layout, &plan);
        Ok(Some(Self { playback, paste: Paste::new(&subject.rig, &face.crop, subject.size)? }))
    }
}

impl Renderer for BakedFace {
    fn render(&mut self, pose: &FacePose) -> Result<Raster, RenderError> {
        let face = self.playback.draw(pose)?;
        self.paste.paste(face).map_err(|error| RenderError::Failed(error.to_string()))
    }

    fn release(&mut self) {
        self.playback.release();
    }
}

/// Single pictures of baked faces. The last face is kept, since stills come in rows (a preview for each emotion).
struct Stills {
    settings: LivePortrait,
    last: Mutex<Option<Kept>>,
}

struct Kept {
    rig: Weak<Rig>,
    size: u32,
    face: Option<BakedFace>,
}

impl Stills {
    const fn new(settings: LivePortrait) -> Self {
        Self { settings, last: Mutex::new(None) }
    }

    fn draw(&self, subject: &Subject, pose: &FacePose) -> Option<Raster> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = last
            .take()
            .filter(|kept| kept.size == subject.size && std::ptr::eq(kept.rig.as_ptr(), Arc::as_ptr(&subject.rig)));
        let kept = last.insert(kept.unwrap_or_else(|| {
            let face = BakedFace::of(&self.settings, subject).unwrap_or_else(|error| {
                tracing::debug!("no baked picture: {error}");
                None
            });
            Kept { rig: Arc::downgrade(&subject.rig), size: subject.size, face }
        }));
        kept.face.as_mut()?.render(pose).ok()
    }
}
