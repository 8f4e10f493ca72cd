//! The OpenAPI 3.1 document: made of the handlers and the types that they take and give.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::problem::{Code, ProblemBody};

use super::{openai, refusal::add_everywhere, router};

/// What the document says before any endpoint.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Visage",
        description = "One still image and one RON file become a live, talking character; this is how programs steer it. \
            Whatever goes wrong is told as `application/problem+json` (RFC 9457). Picture and sound come over WebRTC.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "State", description = "What happens now"),
        (name = "Orders", description = "What is to happen in the next tick"),
        (name = "Characters", description = "Who there is. Changes are guarded by entity tags"),
        (name = "Files", description = "Portraits, voice references, archives"),
        (name = "Pictures", description = "Stills, drawn for the question"),
        (name = "Speech", description = "Text to sound, without the character"),
        (name = "Access", description = "Sessions for browsers"),
        (name = "Description", description = "This document"),
    ),
    components(schemas(ProblemBody, Code, openai::ErrorBody)),
    modifiers(&Schemes),
    security((), ("token" = []), ("session" = [])),
)]
struct Head;

/// How a client says who it is. On an address that only this machine reaches, no token is needed unless one is set.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The access token, for programs"))
            .build();
        let session = ApiKeyValue::with_description(
            "visage_8080",
            "Made by `POST /api/session`, for pages; the port is part of its name",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// The document without endpoints.
pub(super) fn head() -> openapi::OpenApi {
    Head::openapi()
}

/// The document.
fn document() -> openapi::OpenApi {
    let mut document = router().into_openapi();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        operations.into_iter().flatten().for_each(add_everywhere);
    }
    document
}

/// The OpenAPI 3.1 document of the server, as it is committed and served: indented JSON, ending with a line feed.
///
/// ```
/// assert!(visage_server::openapi_json().starts_with("{\n  \"openapi\": \"3.1.0\","));
/// ```
pub fn openapi_json() -> String {
    let mut json = document().to_pretty_json().expect("names, texts and numbers, which always serialise");
    json.push('\n');
    json
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_committed_document_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == openapi_json(),
            "docs/api/openapi.json is not what the code says; run: cargo run -- openapi --out docs/api/openapi.json"
        );
    }

    /// Every `$ref` leads somewhere, every answer but success and "not modified" is a problem, every operation has an id
    /// of its own, and says what happens without a token.
    #[test]
    fn the_document_is_complete() {
        let document: Value = serde_json::from_str(&openapi_json()).expect("JSON");
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().expect("the text before a quote");
            assert!(document.pointer(pointer).is_some(), "{pointer} is named and not there");
        }
        let mut ids = BTreeSet::new();
        let paths = document["paths"].as_object().expect("paths");
        for (path, item) in paths {
            for (method, operation) in item.as_object().expect("operations") {
                let name = format!("{method} {path}");
                assert!(ids.insert(operation["operationId"].as_str().expect("an id").to_owned()), "{name}: id twice");
                assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{name}");
                let responses = operation["responses"].as_object().expect("responses");
                assert!(responses.contains_key("401") && responses.contains_key("429"), "{name}");
                for (status, response) in responses.iter().filter(|(status, _)| *status >= &"400".to_owned()) {
                    let problem = response["content"].get("application/problem+json").is_some();
                    assert!(problem || path == "/health", "{name}: {status} is no problem");
                }
            }
        }
        assert!(paths.len() >= 18, "{}", paths.len());
    }
}
