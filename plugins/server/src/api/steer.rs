//! Orders for the next tick, and what the last one left behind. Handlers check, queue an order or read the snapshot, and
//! never wait for the tick.

use std::time::Instant;

use axum::{
    extract::{Request, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Json, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use visage_core::TurnId;
use visage_schedule::RemoteCommand;

use crate::{
    orders::{self, ChatBody, EmotionBody, SayBody},
    problem::{Code, Problem},
    routes::Context,
    signal::{self, Seat},
    snapshot::{Health, Snapshot},
};

use super::{
    body::{self, Asked},
    refusal::{Malformed, TooLarge, Unready, Unusable, WrongType},
};

/// Longest body of an order, bytes.
const MAX_ORDER_BYTES: usize = 64 * 1024;

/// What is to fall silent.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopQuery {
    /// Only this turn, whether it is said or waits: one of `speech` of the state. The others go on.
    #[param(minimum = 0)]
    turn: Option<i64>,
}

/// Whether the program lives.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthBody {
    #[schema(inline)]
    status: Health,
    /// Index of the last tick.
    #[schema(minimum = 0)]
    tick: u64,
    /// Version of the program.
    version: &'static str,
}

/// Whether it lives
///
/// For supervisors: needs no access token.
#[utoipa::path(get, path = "/health", tag = "State", security(()), responses(
    (status = 200, body = HealthBody, description = "Ticks come"),
    (status = 503, body = HealthBody, description = "No tick has run yet, or none for two seconds")))]
pub(crate) async fn health(State(context): State<Context>) -> Response {
    let (health, tick) = {
        let snapshot = context.snapshot.borrow();
        (snapshot.health(Instant::now()), snapshot.tick)
    };
    let status = if health == Health::Ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(HealthBody { status: health, tick, version: env!("CARGO_PKG_VERSION") })).into_response()
}

/// Read the meters
#[utoipa::path(get, path = "/metrics", tag = "State", responses(
    (status = 200, body = String, content_type = "text/plain", description = "Prometheus' text format")))]
pub(crate) async fn metrics(State(context): State<Context>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], context.meters.render()).into_response()
}

/// Read the state
///
/// Of the last tick.
#[utoipa::path(get, path = "/api/state", tag = "State", responses((status = 200, body = Snapshot, description = "It")))]
pub(crate) async fn state(State(context): State<Context>) -> Json<Snapshot> {
    let snapshot = context.snapshot.borrow().clone();
    Json(snapshot)
}

/// Say something
///
/// Instead of what is said and waits, unless `queue` says otherwise.
#[utoipa::path(post, path = "/api/say", tag = "Orders", request_body = SayBody, responses(
    (status = 202, description = "It is ordered"), Malformed, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn say(State(context): State<Context>, request: Request) -> Result<StatusCode, Problem> {
    context.give(orders::say(&body::json(request, MAX_ORDER_BYTES).await?)?)
}

/// Write to the character
///
/// It answers as if it had been spoken to.
#[utoipa::path(post, path = "/api/chat", tag = "Orders", request_body = ChatBody, responses(
    (status = 202, description = "It is ordered"), Malformed, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn chat(State(context): State<Context>, request: Request) -> Result<StatusCode, Problem> {
    context.give(orders::chat(&body::json(request, MAX_ORDER_BYTES).await?)?)
}

/// Show an emotion
///
/// Until told otherwise.
#[utoipa::path(post, path = "/api/emotion", tag = "Orders", request_body = EmotionBody, responses(
    (status = 202, description = "It is ordered"), Malformed, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn emotion(State(context): State<Context>, request: Request) -> Result<StatusCode, Problem> {
    context.give(orders::show_emotion(&body::json(request, MAX_ORDER_BYTES).await?)?)
}

/// Be silent
///
/// Within a tick.
#[utoipa::path(post, path = "/api/stop", tag = "Orders", params(StopQuery), responses(
    (status = 202, description = "It is ordered"), Malformed, Unready))]
pub(crate) async fn stop(
    State(context): State<Context>,
    Asked(asked): Asked<StopQuery>,
) -> Result<StatusCode, Problem> {
    let Some(turn) = asked.turn else { return context.give(RemoteCommand::Stop) };
    let turn = u64::try_from(turn)
        .map_err(|_| Problem::new(Code::MalformedQuery, format!("The query is wrong: there is no turn {turn}.")))?;
    context.give(RemoteCommand::Cancel { turn: TurnId(turn) })
}

/// Watch
///
/// A WebSocket for the signalling of WebRTC: docs/api/signalling.md.
#[utoipa::path(get, path = "/api/signal", tag = "State", responses(
    (status = 101, description = "It is open"),
    (status = 426, body = crate::problem::ProblemBody, content_type = "application/problem+json",
        description = "The request asks for no WebSocket"),
    Unready))]
pub(crate) async fn signal(
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
