//! Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13): pure reading of headers.

use axum::http::{HeaderMap, HeaderName, header};
use utoipa::IntoParams;
use visage_library::{ETag, Precondition};

use crate::problem::{Code, Problem};

/// `If-Match` where it must be given, in the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it is the description of a parameter")]
pub(crate) struct MustMatch {
    /// The ETag of what was read; `*` for whatever is there.
    #[param(rename = "If-Match", example = "*")]
    if_match: String,
}

/// `If-Match` where it may be left out.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it is the description of a parameter")]
pub(crate) struct MayMatch {
    /// The ETag of what was read; whatever is there if left out.
    #[param(rename = "If-Match", required = false, example = "*")]
    if_match: String,
}

/// `If-None-Match`.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it is the description of a parameter")]
pub(crate) struct MayKnow {
    /// The ETag of what the client has already.
    #[param(rename = "If-None-Match", required = false, example = "\"9a0364b9e99bb480\"")]
    if_none_match: String,
}

/// What a condition names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// The header is not there.
    Nothing,
    /// The header is there and cannot be read, so that it matches nothing.
    Unreadable,
    /// `*`: whatever is there.
    Any,
    /// Tags without quotes, and whether each is weak.
    Tags(Vec<(bool, String)>),
}

/// The condition under which something may be changed; [`Precondition::None`] if the client names none, or `*`.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    match named(headers, header::IF_MATCH) {
        Named::Nothing | Named::Any => Ok(Precondition::None),
        // Weak tags never match here.
        Named::Tags(tags) => Ok(Precondition::IfMatch(
            tags.into_iter().filter(|(weak, _)| !weak).map(|(_, tag)| ETag::new(tag)).collect(),
        )),
        Named::Unreadable => {
            let detail =
                "The header If-Match matches nothing: give \"*\", or ETags in double quotes with commas between.";
            Err(Problem::new(Code::CharacterChanged, detail))
        }
    }
}

/// As [`precondition`], for changes that were made to something the client has read: it must say to what.
pub(crate) fn required(headers: &HeaderMap) -> Result<Precondition, Problem> {
    if !headers.contains_key(header::IF_MATCH) {
        let detail = "Send the ETag of the character that you read in the header If-Match, so that nobody's change is \
            lost; If-Match: * changes whatever is there.";
        return Err(Problem::new(Code::ConditionMissing, detail));
    }
    precondition(headers)
}

/// Whether the client has the present state already (`If-None-Match`).
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    match named(headers, header::IF_NONE_MATCH) {
        Named::Nothing | Named::Unreadable => false,
        Named::Any => true,
        Named::Tags(tags) => tags.iter().any(|(_, tag)| tag == etag),
    }
}

/// Reads all lines of a header that lists entity tags.
fn named(headers: &HeaderMap, name: HeaderName) -> Named {
    let lines: Option<Vec<_>> = headers.get_all(&name).iter().map(|line| line.to_str().ok().map(str::trim)).collect();
    match lines.as_deref() {
        Some([]) => Named::Nothing,
        Some(["*"]) => Named::Any,
        Some(lines) => {
            lines.iter().try_fold(Vec::new(), |tags, line| tags_of(line, tags)).map_or(Named::Unreadable, Named::Tags)
        }
        None => Named::Unreadable,
    }
}

/// Adds the tags of one line, and whether each is weak; `None` if it is not a list of tags.
fn tags_of(line: &str, mut tags: Vec<(bool, String)>) -> Option<Vec<(bool, String)>> {
    let mut rest = line;
    loop {
        let weak = rest.starts_with("W/");
        let (tag, after) = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        tags.push((weak, tag.to_owned()));
        match after.trim_start().strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return after.trim().is_empty().then_some(tags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, line.parse().expect("a header"));
        }
        headers
    }

    #[test]
    fn conditions_are_read() {
        let tags = |tags: &[&str]| Precondition::IfMatch(tags.iter().map(|tag| ETag::new(*tag)).collect());
        let cases: [(&[&str], Option<Precondition>); 14] = [
            (&[], Some(Precondition::None)),
            (&["*"], Some(Precondition::None)),
            (&["\"a\""], Some(tags(&["a"]))),
            (&[" \"a\" , \"b,c\" "], Some(tags(&["a", "b,c"]))),
            (&["\"a\"", "\"b\""], Some(tags(&["a", "b"]))),
            (&["W/\"a\""], Some(tags(&[]))),
            (&["\"\""], Some(tags(&[""]))),
            (&["a"], None),
            (&[""], None),
            (&["\"a"], None),
            (&["\"a\" \"b\""], None),
            (&["\"a\","], None),
            (&["w/\"a\""], None),
            (&["*, \"a\""], None),
        ];
        for (lines, expected) in cases {
            assert_eq!(precondition(&headers(header::IF_MATCH, lines)).ok(), expected, "{lines:?}");
        }
        let refused = required(&HeaderMap::new()).expect_err("nothing is named");
        assert_eq!(refused.code, Code::ConditionMissing);
        assert_eq!(required(&headers(header::IF_MATCH, &["*"])), Ok(Precondition::None));
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        for (line, known) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("\"A\"", false),
            ("a", false),
        ] {
            assert_eq!(is_known(&headers(header::IF_NONE_MATCH, &[line]), "a"), known, "{line}");
        }
        assert!(!is_known(&HeaderMap::new(), "a"));
    }
}
