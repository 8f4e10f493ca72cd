//! The OpenAPI document over HTTP, and the page that shows it (Swagger UI, which is built in).

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    extract::Path,
    http::header,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use utoipa_swagger_ui::Config;

use crate::{
    problem::{Code, Problem},
    routes::Context,
};

/// The one page of ours that sets styles from its script and has pictures within its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document, made once.
static DOCUMENT: LazyLock<String> = LazyLock::new(super::openapi_json);

/// The page. It has no description of its own: it is one.
pub(crate) fn router() -> Router<Context> {
    Router::new()
        .route("/api/docs", get(|| async { Redirect::permanent("/api/docs/") }))
        .route("/api/docs/", get(|| page(Path("index.html".to_owned()))))
        .route("/api/docs/{*file}", get(page))
}

async fn page(Path(file): Path<String>) -> Result<Response, Problem> {
    // No validator: it would send the document to another site.
    let config = Config::new(["/api/openapi.json"]).validator_url("none").display_request_duration(true);
    let found = utoipa_swagger_ui::serve(&file, Arc::new(config)).ok().flatten();
    let found = found.ok_or_else(|| Problem::new(Code::NotFound, "There is nothing at this address."))?;
    let headers = [
        (header::CONTENT_TYPE, found.content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    Ok((headers, found.bytes.into_owned()).into_response())
}

/// Read this document
#[utoipa::path(get, path = "/api/openapi.json", tag = "Description", responses(
    (status = 200, body = serde_json::Value, description = "OpenAPI 3.1; `/api/docs` shows it")))]
pub(crate) async fn openapi() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, DOCUMENT.as_str()).into_response()
}
