//! REST: every endpoint with its description. A route exists only together with its part of the OpenAPI document, since both
//! come from the same `routes!`.

mod body;
mod characters;
mod cloning;
mod condition;
mod docs;
mod emotions;
mod openai;
mod openapi;
mod parts;
mod picture;
mod pose;
mod recording;
pub(crate) mod refusal;
mod render;
mod speech;
mod steer;
mod store;
mod synthesize;
#[cfg(test)]
mod tests;
mod voices;

pub(crate) use body::{json, shown};
pub(crate) use docs::router as docs_router;
pub use openapi::openapi_json;
pub(crate) use picture::Places;
pub(crate) use refusal::{Malformed, TooLarge, WrongType};

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{access::session, routes::Context};

/// All endpoints that are described, and their descriptions.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(steer::health))
        .routes(routes!(steer::metrics))
        .routes(routes!(steer::state))
        .routes(routes!(steer::say))
        .routes(routes!(steer::chat))
        .routes(routes!(steer::emotion))
        .routes(routes!(steer::stop))
        .routes(routes!(steer::signal))
        .routes(routes!(session::look, session::open, session::close))
        .routes(routes!(characters::list, characters::create))
        .routes(routes!(characters::get, characters::replace, characters::patch, characters::delete))
        .routes(routes!(characters::activate))
        .routes(routes!(emotions::emotions))
        .routes(routes!(parts::get_portrait, parts::put_portrait))
        .routes(routes!(parts::get_voice, parts::put_voice, parts::delete_voice))
        .routes(routes!(parts::export))
        .routes(routes!(parts::import))
        .routes(routes!(render::preview))
        .routes(routes!(render::render))
        .routes(routes!(voices::list))
        .routes(routes!(cloning::begin))
        .routes(routes!(cloning::look, cloning::call_off))
        .routes(routes!(cloning::delete))
        .routes(routes!(synthesize::synthesize))
        .routes(routes!(openai::speech))
        .routes(routes!(docs::openapi))
}
