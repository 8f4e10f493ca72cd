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
mod doctor;
mod fetch;
mod library;
mod onnx;
mod progress;
mod resources;
mod session;
mod store;
mod tensor;
mod whisper;

pub use catalogue::{Catalogue, CatalogueError, Form, Model, ModelFile, Package, Recipe, Registry, Source, platform};
pub use doctor::{Check, Status, checks};
pub use fetch::{Clients, FOLDER_VARIABLE, FetchError, Fetcher, Listed, Missing, Patience, Verified, list, verify};
pub use library::{LIBRARY_ID, LIBRARY_VARIABLE, LibraryError, library, library_name};
pub use progress::{Bars, Progress, Quiet};
pub use resources::{HOME_VARIABLE, resource, resource_folders};
pub use session::{OLDEST_ONNX_RUNTIME, Session, SessionError, SessionOptions, runtime};
pub use store::{ModelError, STORE_VARIABLE, State, Store};
pub use tensor::{Outputs, Tensor, TensorInfo};
pub use whisper::{ConvertError, write_ggml};
