//! What the handlers share, and how the server is put together: the endpoints of `api`, the page's files, and a guard
//! before all of them.

use std::sync::{Arc, atomic::AtomicUsize};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware,
    response::{IntoResponse, Response},
};
use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::{mpsc, watch};
use visage_library::Library;
use visage_schedule::{CloningDoor, RemoteCommand, RigDoor, SignalSocket, SpeechDoor, StillDoor};

use crate::{
    access::Gate,
    api::{self, Places},
    assets::Assets,
    guard::guard,
    meters::MeterReader,
    problem::{Code, Problem},
    snapshot::Snapshot,
};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) orders: Sender<RemoteCommand>,
    pub(crate) snapshot: watch::Receiver<Snapshot>,
    pub(crate) door: Option<mpsc::Sender<SignalSocket>>,
    pub(crate) library: Library,
    /// Pictures become rigs behind it; absent in a program without portraits.
    pub(crate) rigs: Option<RigDoor>,
    /// Rigs become pictures behind it; absent in a program without a renderer.
    pub(crate) stills: Option<StillDoor>,
    /// Texts become sound behind it; absent in a program without a voice.
    pub(crate) speech: Option<SpeechDoor>,
    /// Recordings become voices behind it; absent in a program without a voice.
    pub(crate) cloning: Option<CloningDoor>,
    /// How many may do at once what takes time or memory.
    pub(crate) places: Arc<Places>,
    pub(crate) meters: MeterReader,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) assets: Arc<Assets>,
    pub(crate) closing: watch::Receiver<bool>,
}

/// All that the server answers to.
pub(crate) fn router(context: Context) -> Router {
    // The document is served whole, from `api::openapi_json`.
    let (endpoints, _) = api::router().split_for_parts();
    endpoints
        .merge(api::docs_router())
        .fallback(asset)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(context.gate.clone(), guard))
        .with_state(context)
}

async fn asset(State(context): State<Context>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::new(Code::NotFound, "There is nothing here to send to.").into_response();
    }
    let path = request.uri().path();
    match context.assets.serve(path.trim_start_matches('/'), request.headers()).await {
        Some(response) => response,
        None => Problem::new(Code::NotFound, "There is nothing at this address.").into_response(),
    }
}

/// A path that is there with a method that is not. The router adds the header Allow, which is all that OPTIONS asks for.
async fn method_not_allowed(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = format!("{} does not take {}.", request.uri().path(), request.method());
    Problem::new(Code::MethodNotAllowed, detail).into_response()
}

impl Context {
    /// Queues an order for the next tick.
    pub(crate) fn give(&self, order: RemoteCommand) -> Result<StatusCode, Problem> {
        match self.orders.try_send(order.clone()) {
            Ok(()) => {
                self.meters.taken(&order);
                Ok(StatusCode::ACCEPTED)
            }
            Err(TrySendError::Full(_)) => {
                self.meters.refused();
                Err(Problem::new(Code::Busy, "Too many orders wait for the avatar. Try again in a second."))
            }
            Err(TrySendError::Disconnected(_)) => {
                Err(Problem::new(Code::Unavailable, "The avatar has stopped; the server is about to end."))
            }
        }
    }
}
