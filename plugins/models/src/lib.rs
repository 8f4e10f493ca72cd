//! The models: what there is, fetching and verifying it, and running it in ONNX Runtime.
//!
//! ```no_run
//! use visage_models::{Session, SessionOptions, Store, Tensor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Store::default().file("face", "face_landmark.onnx")?;
//! let mut session = Session::load(&model, &SessionOptions::default())?;
//! let input = session.inputs()[0].name.clone();
//! let picture = ndarray::Array4::<f32>::zeros((1, 192, 192, 3));
//! let outputs = session.run(&[(&input, Tensor::from(picture))])?;
//! for name in outputs.names() {
//!     println!("{name}: {:?}", outputs.f32(name)?.shape());
//! }
//! # Ok(())
//! # }
//! ```

mod catalogue;
mod device;
mod doctor;
mod fetch;
mod library;
mod nvidia;
mod onnx;
mod progress;
mod provider;
mod resources;
mod runtime;
mod session;
mod store;
mod tensor;
mod whisper;

pub use catalogue::{
    Catalogue, CatalogueError, Companions, Form, Hardware, Made, Model, ModelFile, Package, Recipe, Registry, Source,
    platform,
};
pub use device::{DeviceTensor, Input};
pub use doctor::{Check, Status, checks};
pub use fetch::{Clients, FOLDER_VARIABLE, FetchError, Fetcher, Listed, Missing, Patience, Verified, list, verify};
pub use library::{CUDA_LIBRARIES_ID, LIBRARY_ID, LIBRARY_VARIABLE, LibraryError, library, library_name};
pub use nvidia::{NoNvidia, NvidiaCard, OLDEST_DRIVER, nvidia_card};
pub use progress::{Bars, Progress, Quiet};
pub use provider::{Chosen, PROVIDER_VARIABLE, Provider, ProviderChoice, UnknownProvider, provider_variable};
pub use resources::{HOME_VARIABLE, resource, resource_folders};
pub use runtime::{offered, runtime};
pub use session::{OLDEST_ONNX_RUNTIME, Session, SessionError, SessionOptions, probe};
pub use store::{ModelError, STORE_VARIABLE, State, Store};
pub use tensor::{Outputs, Tensor, TensorInfo};
pub use whisper::{ConvertError, MEL_BINS, mel_filters, write_ggml};
