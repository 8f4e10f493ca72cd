//! `/api/session`: how the page gets and gives back its session. Open to everybody; the token is in the body.

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Json, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Caller, Refusal};
use crate::{
    api::{self, Malformed, TooLarge, WrongType},
    problem::{Code, Problem},
    routes::Context,
};

/// Longest body, bytes: a token has 512 at most.
const MAX_BODY_BYTES: usize = 1_024;

/// Whether a token is needed, and whether this browser has shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SessionState {
    /// Whether this server needs an access token.
    token_required: bool,
    /// Whether this browser may use it now.
    authorised: bool,
}

/// The access token, to open a session with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionRequest {
    /// As it was printed when the server was first started.
    #[schema(write_only)]
    token: String,
}

/// Look at the session
///
/// Never needs the token.
#[utoipa::path(get, path = "/api/session", operation_id = "look_at_session", tag = "Access", security(()), responses(
    (status = 200, body = SessionState, description = "Whether a token is needed, and whether this browser has shown it")))]
pub(crate) async fn look(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Json<SessionState> {
    let gate = &context.gate;
    Json(SessionState { token_required: gate.needs_token(), authorised: gate.knows(caller, &headers) })
}

/// Open a session
///
/// For pages: the token becomes a cookie.
#[utoipa::path(post, path = "/api/session", operation_id = "open_session", tag = "Access", security(()),
    request_body = SessionRequest,
    responses((status = 204, description = "It is open"), Malformed, TooLarge, WrongType))]
pub(crate) async fn open(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    if caller.is_foreign {
        let detail = "Pages of other sites have no session here; they send the token with each request.";
        return Err(Problem::new(Code::ForeignOrigin, detail).into());
    }
    let body = api::json(request, MAX_BODY_BYTES).await?;
    // What is wrong with it is not told in detail: it may hold the token.
    let asked: SessionRequest = serde_json::from_slice(&body)
        .map_err(|_| Problem::new(Code::MalformedBody, "Send {\"token\": \"…\"} and nothing else."))?;
    let cookie = context.gate.open_session(caller, asked.token.trim())?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Close the session
///
/// The cookie goes.
#[utoipa::path(delete, path = "/api/session", operation_id = "close_session", tag = "Access", security(()), responses(
    (status = 204, description = "It is closed")))]
pub(crate) async fn close(State(context): State<Context>, Extension(caller): Extension<Caller>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, context.gate.close_session(caller));
    response
}
