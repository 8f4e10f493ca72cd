//! The endpoints. Handlers check, queue an order or read the snapshot, and never wait for the tick.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Instant,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Json, Response},
    routing::{get, post},
};
use bytes::Bytes;
use crossbeam_channel::{Sender, TrySendError};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use visage_schedule::{RemoteCommand, SignalSocket};

use crate::{
    assets::Assets,
    guard::{Hosts, harden},
    meters::MeterReader,
    orders,
    problem::{Code, Problem},
    signal::{self, Seat},
    snapshot::{Health, Snapshot},
};

/// Longest request body, bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) orders: Sender<RemoteCommand>,
    pub(crate) snapshot: watch::Receiver<Snapshot>,
    pub(crate) door: Option<mpsc::Sender<SignalSocket>>,
    pub(crate) meters: MeterReader,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) assets: Arc<Assets>,
    pub(crate) closing: watch::Receiver<bool>,
}

/// All endpoints.
pub(crate) fn router(context: Context) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(render_metrics))
        .route("/api/state", get(state))
        .route("/api/say", post(say))
        .route("/api/chat", post(chat))
        .route("/api/emotion", post(emotion))
        .route("/api/stop", post(stop))
        .route("/api/activate", post(activate))
        .route("/api/signal", get(open_signal))
        .fallback(asset)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(context.clone(), guard))
        .with_state(context)
}

async fn guard(State(context): State<Context>, request: Request, next: Next) -> Response {
    let mut response = match context.hosts.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    harden(response.headers_mut());
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn asset(State(context): State<Context>, request: Request) -> Response {
    if request.method() != axum::http::Method::GET && request.method() != axum::http::Method::HEAD {
        return Problem::new(Code::NotFound, "There is nothing here to send to.").into_response();
    }
    let path = request.uri().path();
    match context.assets.serve(path.trim_start_matches('/'), request.headers()).await {
        Some(response) => response,
        None => Problem::new(Code::NotFound, "There is nothing at this address.").into_response(),
    }
}

async fn method_not_allowed(request: Request) -> Problem {
    let detail = format!("{} does not take {}.", request.uri().path(), request.method());
    Problem::new(Code::MethodNotAllowed, detail)
}

async fn health(State(context): State<Context>) -> Response {
    let (health, tick) = {
        let snapshot = context.snapshot.borrow();
        (snapshot.health(Instant::now()), snapshot.tick)
    };
    let status = if health == Health::Ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"status": health, "tick": tick, "version": env!("CARGO_PKG_VERSION")}))).into_response()
}

async fn render_metrics(State(context): State<Context>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], context.meters.render()).into_response()
}

async fn state(State(context): State<Context>) -> Json<Snapshot> {
    let snapshot = context.snapshot.borrow().clone();
    Json(snapshot)
}

async fn say(State(context): State<Context>, request: Request) -> Result<StatusCode, Problem> {
    context.give(orders::say(&json_body(request).await?)?)
}

async fn chat(State(context): State<Context>, request: Request) -> Result<StatusCode, Problem> {
    context.give(orders::chat(&json_body(request).await?)?)
}

async fn emotion(State(context): State<Context>, request: Request) -> Result<StatusCode, Problem> {
    context.give(orders::show_emotion(&json_body(request).await?)?)
}

async fn stop(State(context): State<Context>) -> Result<StatusCode, Problem> {
    context.give(RemoteCommand::Stop)
}

async fn activate(State(context): State<Context>, request: Request) -> Result<StatusCode, Problem> {
    let body = json_body(request).await?;
    let order = orders::activate(&body, &context.snapshot.borrow().characters)?;
    context.give(order)
}

impl Context {
    /// Queues an order for the next tick.
    fn give(&self, order: RemoteCommand) -> Result<StatusCode, Problem> {
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

/// The body of a request that says it is JSON. A page of another site cannot say so without our leave, which nobody gets.
async fn json_body(request: Request<Body>) -> Result<Bytes, Problem> {
    if !is_json(request.headers()) {
        let detail = "Send the body as JSON, with the header Content-Type: application/json.";
        return Err(Problem::new(Code::WrongContentType, detail));
    }
    axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(|error| {
        tracing::debug!("a body could not be read: {error}");
        let detail = format!("The body could not be read: it is cut off, or longer than {MAX_BODY_BYTES} bytes.");
        Problem::new(Code::BodyTooLarge, detail)
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

async fn open_signal(
    State(context): State<Context>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| {
        Problem::new(Code::WebSocketExpected, "This address takes a WebSocket (docs/api/signalling.md).")
    })?;
    let door = context.door.filter(|door| !door.is_closed()).ok_or_else(|| {
        Problem::new(Code::Unavailable, "This program runs without WebRTC, so nobody can watch from here.")
    })?;
    let seat = Seat::take(&context.connections)
        .ok_or_else(|| Problem::new(Code::Busy, "As many viewers as can be served are connected. Try again later."))?;
    Ok(upgrade
        .max_message_size(signal::MAX_FRAME_BYTES)
        .max_frame_size(signal::MAX_FRAME_BYTES)
        .on_upgrade(move |socket| signal::carry(socket, door, context.closing, seat)))
}
