//! Pages of other sites that may use the server (cross-origin resource sharing, the Fetch standard, section 3.3). None
//! may unless a person names it.
//!
//! Such a page sends the token itself, as programs do. The cookie of our own page is never taken from it, and it is never
//! told that it may send credentials of the browser's.

use std::str::FromStr;

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use super::AccessError;

/// What a page of another site may do.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// Headers that it may send besides the ones that every page may.
const SENT: &str = "authorization, content-type, if-match, if-none-match";
/// Headers of our answers that it may read besides the ones that every page may.
const READ: &str = "etag, link, location, retry-after, www-authenticate";
/// Seconds for which a browser remembers this.
const REMEMBERED: &str = "600";

/// The origin of a page: scheme, host and port, as a browser writes them in the header `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let wrong = || AccessError::Origin(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
        let bare = uri.path() == "/" && uri.query().is_none() && !authority.as_str().contains('@');
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(wrong()),
        };
        if !bare || authority.host().is_empty() || authority.host().contains('*') {
            return Err(wrong());
        }
        let host = authority.host().to_ascii_lowercase();
        Ok(Self(match authority.port_u16() {
            Some(port) if port != usual => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        }))
    }
}

impl Origin {
    /// Whether a browser's header names this origin.
    pub(crate) fn is(&self, header: &HeaderValue) -> bool {
        header.as_bytes() == self.0.as_bytes()
    }
}

/// Whether a browser asks what a page may do, before the page does it.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that, for an origin that is allowed.
pub(crate) fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets a page at `origin`, which is allowed, read an answer.
pub(crate) fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_do() {
        for (text, expected) in [
            ("https://example.org", Some("https://example.org")),
            ("https://Example.ORG:443/", Some("https://example.org")),
            ("http://example.org:8080", Some("http://example.org:8080")),
            ("https://[2001:db8::1]:8443", Some("https://[2001:db8::1]:8443")),
            ("*", None),
            ("null", None),
            ("example.org", None),
            ("ftp://example.org", None),
            ("https://*.example.org", None),
            ("https://example.org/app", None),
            ("https://example.org?x", None),
            ("https://me@example.org", None),
        ] {
            let origin = text.parse::<Origin>().ok();
            assert_eq!(origin.as_ref().map(|origin| origin.0.as_str()), expected, "{text}");
            if let Some(origin) = origin {
                assert!(origin.is(&HeaderValue::from_static(expected.expect("it is one"))));
            }
        }
    }
}
