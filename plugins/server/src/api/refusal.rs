//! How refusals stand in the OpenAPI document: one type for each status, named in the `responses(…)` of an endpoint. All
//! have the same body ([`ProblemBody`](crate::problem::ProblemBody)).

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, PartialSchema,
    openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, path::Operation},
};

/// The media type of every refusal.
const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! refusals {
    ($($name:ident = $status:literal, $words:literal;)+) => {$(
        #[doc = $words]
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [($status.to_owned(), RefOr::T(refusal($words)))].into()
            }
        }
    )+};
}

refusals! {
    Malformed = "400", "The request cannot be read: its query, its headers or the syntax of its body are wrong.";
    NoSuch = "404", "There is no such character, or it has no such part.";
    NoVoice = "404", "There is no such cloned voice.";
    NoJob = "404", "There is no such job, or it ended so long ago that it is forgotten.";
    Exists = "409", "What is there does not allow it: the id is taken, the character is the default one, or its file is broken.";
    BuiltIn = "409", "The voice came with its engine and cannot be deleted.";
    Finished = "409", "The voice is there already; delete it instead.";
    Changed = "412", "The character was changed in the meantime (If-Match).";
    TooLarge = "413", "The body is longer than this endpoint takes.";
    WrongType = "415", "The body is of a type that this endpoint does not take.";
    Unusable = "422", "The request can be read, but what it says cannot be done; `detail` says why.";
    Unconditional = "428", "The header If-Match is missing.";
    Unready = "503", "Too much is being done already (try again after Retry-After), or the part that is asked for does not run.";
}

/// What every endpoint may answer, because it is decided before the endpoint is asked.
const EVERYWHERE: [(&str, &str); 6] = [
    ("400", "The request cannot be read."),
    ("401", "The access token is missing or wrong."),
    ("403", "The request comes from a page of another site."),
    ("408", "The body came too slowly."),
    ("421", "The request names a host that this server does not answer to."),
    ("429", "More requests than are served, or too many wrong tokens; try again after Retry-After."),
];

fn refusal(words: &str) -> Response {
    ResponseBuilder::new()
        .description(words)
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build())
        .build()
}

/// Adds what every endpoint may answer, unless the endpoint says something of its own about that status.
pub(crate) fn add_everywhere(operation: &mut Operation) {
    for (status, words) in EVERYWHERE {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
            let mut response = refusal(words);
            let header = match status {
                "401" => Some(("WWW-Authenticate", String::schema(), "Which kind of token is wanted (RFC 6750).")),
                "429" => Some(("Retry-After", u32::schema(), "Seconds to wait.")),
                _ => None,
            };
            if let Some((name, schema, words)) = header {
                let header = HeaderBuilder::new().schema(Some(schema)).description(Some(words)).build();
                response.headers.insert(name.to_owned(), RefOr::T(header));
            }
            RefOr::T(response)
        });
    }
}
