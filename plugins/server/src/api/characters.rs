//! `/api/characters`: the characters themselves.

use std::borrow::Cow;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Json, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::{IntoParams, ToSchema};
use visage_core::{Language, PortraitSource};
use visage_library::{CharacterFile, Entry, MAX_PICTURE_BYTES};
use visage_schedule::RemoteCommand;

use crate::{
    problem::{Code, Problem},
    routes::Context,
};

use super::{
    body::{self, Asked, Form, Id, Whose},
    condition::{self, MayKnow, MayMatch, MustMatch},
    picture,
    refusal::{Changed, Exists, Malformed, NoSuch, TooLarge, Unconditional, Unready, Unusable, WrongType},
    store,
};

/// Longest JSON of a character, bytes.
const MAX_CHARACTER_BYTES: usize = 1024 * 1024;
/// Longest body of a new character, bytes: its JSON and its picture in base64.
const MAX_NEW_BYTES: usize = MAX_CHARACTER_BYTES + MAX_PICTURE_BYTES / 3 * 4;
/// Characters on a page unless told otherwise, and at most.
const USUAL_PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;
/// The media type of a merge patch (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Which page of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    cursor: Option<String>,
}

/// A page of the list of characters, in order of their ids.
#[derive(Serialize, ToSchema)]
pub(crate) struct CharacterPage {
    items: Vec<CharacterItem>,
    /// The cursor of the next page; null if this is the last one.
    next: Option<String>,
}

/// A character in the list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CharacterItem {
    id: String,
    /// What it is called; its id if its file is broken.
    name: String,
    /// The languages it speaks, its own first.
    languages: Vec<Language>,
    /// Whether it is the one on stage.
    active: bool,
    /// Whether it is the default one, which cannot be deleted.
    default: bool,
    /// As in the header ETag, without quotes.
    etag: String,
    /// Changes when the character or any of its files changes: for thumbnails (`preview.png?v=…` is not needed, it has an
    /// ETag of its own).
    revision: String,
    /// What is wrong with its file; null if nothing is.
    error: Option<String>,
}

/// A new character as JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is the description; the body is read piece by piece so that errors name their field")]
pub(crate) struct NewCharacter {
    character: CharacterFile,
    /// JPEG, PNG or WebP with one face, in base64.
    #[schema(content_encoding = "base64", content_media_type = "image/*", min_length = 1)]
    portrait: String,
}

/// A new character as a form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is the description; the form is read field by field")]
pub(crate) struct NewCharacterForm {
    character: CharacterFile,
    /// JPEG, PNG or WebP with one face.
    #[schema(value_type = String, format = Binary)]
    portrait: Vec<u8>,
}

/// List characters
///
/// In order of their ids. The header Link names the next page.
#[utoipa::path(get, path = "/api/characters", operation_id = "list_characters", tag = "Characters", params(PageQuery), responses(
    (status = 200, body = CharacterPage, description = "A page of them", headers(
        ("Link" = Option<String>, description = "The next page (RFC 8288), if there is one"))),
    Unready))]
pub(crate) async fn list(State(context): State<Context>, Asked(page): Asked<PageQuery>) -> Result<Response, Problem> {
    let limit = page.limit.unwrap_or(USUAL_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        let detail = format!("The limit is {limit}; it goes from 1 to {LARGEST_PAGE}.");
        return Err(Problem::new(Code::MalformedQuery, detail));
    }
    if let Some(cursor) = &page.cursor {
        visage_library::check_id(cursor).map_err(|_| {
            Problem::new(Code::MalformedQuery, "The cursor is wrong: take it from `next` of the page before.")
        })?;
    }
    let page = turn(everybody(&context).await?, limit as usize, page.cursor.as_deref());
    let link = page.next.as_ref().map(|next| format!("</api/characters?limit={limit}&cursor={next}>; rel=\"next\""));
    Ok((AppendLink(link), Json(page)).into_response())
}

/// A Link header, if there is something to link to.
struct AppendLink(Option<String>);

impl axum::response::IntoResponseParts for AppendLink {
    type Error = std::convert::Infallible;

    fn into_response_parts(
        self,
        mut parts: axum::response::ResponseParts,
    ) -> Result<axum::response::ResponseParts, Self::Error> {
        if let Some(link) = self.0.and_then(|link| link.parse().ok()) {
            parts.headers_mut().insert(header::LINK, link);
        }
        Ok(parts)
    }
}

/// All characters, in order of their ids.
async fn everybody(context: &Context) -> Result<Vec<CharacterItem>, Problem> {
    let library = &context.library;
    let listing = library.list().await.map_err(store::problem)?;
    if listing.characters.is_empty() && listing.broken.is_empty() {
        return Ok(Vec::new());
    }
    let default = library.default_id().await.map_err(store::problem)?;
    let active = library.active().await.map_err(store::problem)?;
    let whole = listing.characters.into_iter().map(|entry| CharacterItem {
        active: entry.id == active,
        default: entry.id == default,
        name: entry.file.name.clone(),
        languages: entry.file.languages(),
        etag: entry.etag.to_string(),
        revision: entry.revision,
        error: None,
        id: entry.id,
    });
    let broken = listing.broken.into_iter().map(|broken| CharacterItem {
        active: broken.id == active,
        default: broken.id == default,
        name: broken.id.clone(),
        languages: Vec::new(),
        etag: broken.etag.to_string(),
        revision: broken.etag.to_string(),
        error: Some(broken.error.to_string()),
        id: broken.id,
    });
    let mut items: Vec<_> = whole.chain(broken).collect();
    items.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(items)
}

/// The page of `items` (in order of ids) after the id `cursor`, which need not be there any more.
fn turn(mut items: Vec<CharacterItem>, limit: usize, cursor: Option<&str>) -> CharacterPage {
    let start = cursor.map_or(0, |cursor| items.partition_point(|item| item.id.as_str() <= cursor));
    items.drain(..start);
    let more = items.len() > limit;
    items.truncate(limit);
    CharacterPage { next: items.last().filter(|_| more).map(|last| last.id.clone()), items }
}

/// Create a character
///
/// From its JSON and a portrait, in which a face must be found. Without an id it gets one made of its name. File names
/// in the JSON must be those of files that the character has; a new one has only its portrait.
#[utoipa::path(post, path = "/api/characters", operation_id = "create_character", tag = "Characters",
    request_body(content(
        (NewCharacterForm = "multipart/form-data"),
        (NewCharacter = "application/json"))),
    responses(
        (status = 201, body = CharacterFile, description = "It is there", headers(
            ("Location" = String, description = "Its address"),
            ("ETag" = String, description = "Its state, for If-Match")),
            links(
                ("read" = (operation_id = "get_character", parameters(("id" = "$response.body#/id")))),
                ("preview" = (operation_id = "draw_character", parameters(("id" = "$response.body#/id")))),
                ("activate" = (operation_id = "activate_character", parameters(("id" = "$response.body#/id")))),
                ("delete" = (operation_id = "delete_character", parameters(("id" = "$response.body#/id")))))),
        Malformed, Exists, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn create(State(context): State<Context>, request: Request) -> Result<Response, Problem> {
    let _place = picture::upload(&context)?;
    let (character, portrait) = match body::declared(request.headers()).as_str() {
        "multipart/form-data" => {
            let mut form = Form::read(request, &["character", "portrait"], MAX_NEW_BYTES).await?;
            (form.need("character")?, form.need("portrait")?)
        }
        "application/json" => new_from_json(&body::json(request, MAX_NEW_BYTES).await?)?,
        _ => {
            let detail = "Send a form (multipart/form-data) with the fields character and portrait, or JSON.";
            return Err(Problem::new(Code::WrongContentType, detail));
        }
    };
    if character.len() > MAX_CHARACTER_BYTES {
        return Err(body::too_large(MAX_CHARACTER_BYTES));
    }
    let file = character_of(&character)?;
    check_face(&context, portrait.clone()).await?;
    let entry = context.library.create(None, file, portrait).await.map_err(store::problem)?;
    Ok(created(entry))
}

/// The parts of a [`NewCharacter`], not read any further: a body of this length can hold millions of values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts<'a> {
    #[serde(borrow)]
    character: &'a RawValue,
    #[serde(borrow)]
    portrait: Cow<'a, str>,
}

/// The two parts of a [`NewCharacter`].
fn new_from_json(body: &[u8]) -> Result<(Bytes, Bytes), Problem> {
    let wrong = |error: String| Problem::new(Code::InvalidCharacter, error);
    let Parts { character, portrait } = serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => wrong(format!(
            "Send an object with the members character and portrait (a picture in base64), and no others: {error}."
        )),
        _ => Problem::new(Code::MalformedBody, format!("The body is not valid JSON: {error}.")),
    })?;
    let portrait = BASE64_STANDARD
        .decode(portrait.trim())
        .map_err(|error| wrong(format!("The portrait is not base64: {error}.")))?;
    Ok((character.get().to_owned().into(), portrait.into()))
}

/// Any JSON.
fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(Code::MalformedBody, format!("The body is not valid JSON: {error}.")))
}

/// A character from its JSON.
fn character_of(json: &[u8]) -> Result<CharacterFile, Problem> {
    parse(json)?;
    CharacterFile::from_json(json).map_err(|error| store::problem(error.into()))
}

/// Whether a picture can become a portrait: it is made a rig, which is then in `portrait`'s cache for the preview.
pub(crate) async fn check_face(context: &Context, picture: Bytes) -> Result<(), Problem> {
    picture::check_kind(&picture)?;
    let source = PortraitSource::picture_only(&picture[..]);
    picture::rig(context, source.into()).await.map(drop)
}

/// Read a character
#[utoipa::path(get, path = "/api/characters/{id}", operation_id = "get_character", tag = "Characters",
    params(Whose, MayKnow),
    responses(
        (status = 200, body = CharacterFile, description = "What its author wrote; defaults are left out", headers(
            ("ETag" = String, description = "Its state, for If-Match"))),
        (status = 304, description = "The client has it already"),
        NoSuch, Exists, Unready))]
pub(crate) async fn get(State(context): State<Context>, Id(id): Id, headers: HeaderMap) -> Result<Response, Problem> {
    let entry = context.library.get(&id).await.map_err(store::problem)?;
    if condition::is_known(&headers, &entry.etag.to_string()) {
        return Ok((StatusCode::NOT_MODIFIED, tagged(&entry)).into_response());
    }
    Ok(shown(StatusCode::OK, entry))
}

/// Replace a character
///
/// As a whole: what is left out gets its default. A character whose file is broken is mended by it.
#[utoipa::path(put, path = "/api/characters/{id}", operation_id = "replace_character", tag = "Characters",
    request_body(content = CharacterFile, example = json!({"name": "Mira", "voices": {"en": {"pitch": 1.2}}})),
    params(Whose, MustMatch),
    responses(
        (status = 200, body = CharacterFile, description = "As it is now", headers(
            ("ETag" = String, description = "Its state, for If-Match"))),
        Malformed, NoSuch, Exists, Changed, TooLarge, WrongType, Unusable, Unconditional, Unready))]
pub(crate) async fn replace(State(context): State<Context>, Id(id): Id, request: Request) -> Result<Response, Problem> {
    let condition = condition::required(request.headers())?;
    let file = character_of(&body::json(request, MAX_CHARACTER_BYTES).await?)?;
    let entry = context.library.replace(&id, file, &condition).await.map_err(store::problem)?;
    Ok(shown(StatusCode::OK, entry))
}

/// Change a character
///
/// In part: a JSON Merge Patch (RFC 7396). Members replace those of the character, null gives a member its default.
#[utoipa::path(patch, path = "/api/characters/{id}", operation_id = "patch_character", tag = "Characters",
    request_body(content = Value, content_type = "application/merge-patch+json",
        description = "Any members of a character", example = json!({"idle": {"liveliness": 0.3}})),
    params(Whose, MustMatch),
    responses(
        (status = 200, body = CharacterFile, description = "As it is now", headers(
            ("ETag" = String, description = "Its state, for If-Match"))),
        Malformed, NoSuch, Exists, Changed, TooLarge, WrongType, Unusable, Unconditional, Unready))]
pub(crate) async fn patch(State(context): State<Context>, Id(id): Id, request: Request) -> Result<Response, Problem> {
    let condition = condition::required(request.headers())?;
    let patch = parse(&body::typed(request, &[MERGE_PATCH], MAX_CHARACTER_BYTES).await?)?;
    let entry = context.library.patch(&id, &patch, &condition).await.map_err(store::problem)?;
    Ok(shown(StatusCode::OK, entry))
}

/// Delete a character
///
/// With all its files. If it is on stage, the default one takes its place; the default one cannot be deleted.
#[utoipa::path(delete, path = "/api/characters/{id}", operation_id = "delete_character", tag = "Characters",
    params(Whose, MayMatch),
    responses(
        (status = 204, description = "It is gone"),
        Malformed, NoSuch, Exists, Changed, Unready))]
pub(crate) async fn delete(
    State(context): State<Context>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    context.library.delete(&id, &condition::precondition(&headers)?).await.map_err(store::problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put a character on stage
///
/// An order for the next tick: its portrait is made ready first, then it fades in. What was being said ends.
#[utoipa::path(post, path = "/api/characters/{id}/activate", operation_id = "activate_character", tag = "Characters",
    params(Whose),
    responses((status = 202, description = "It is ordered"), NoSuch, Exists, Unready))]
pub(crate) async fn activate(State(context): State<Context>, Id(id): Id) -> Result<StatusCode, Problem> {
    context.library.get(&id).await.map_err(store::problem)?;
    context.give(RemoteCommand::Activate { id })
}

/// The answer to whatever made a character.
pub(crate) fn created(entry: Entry) -> Response {
    let location = [(header::LOCATION, format!("/api/characters/{}", entry.id))];
    (location, shown(StatusCode::CREATED, entry)).into_response()
}

/// A character with its ETag.
pub(crate) fn shown(status: StatusCode, entry: Entry) -> Response {
    let headers = tagged(&entry);
    let file = CharacterFile { id: Some(entry.id), ..entry.file };
    (status, headers, Json(file)).into_response()
}

/// The headers of a character: it may be kept, but is to be asked for each time.
pub(crate) fn tagged(entry: &Entry) -> [(HeaderName, String); 2] {
    [(header::ETAG, format!("\"{}\"", entry.etag)), (header::CACHE_CONTROL, "no-cache".into())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_whatever_comes_or_goes() {
        let items = |ids: &[&str]| -> Vec<_> {
            let item = |id: &&str| CharacterItem {
                id: (*id).to_owned(),
                name: String::new(),
                languages: Vec::new(),
                active: false,
                default: false,
                etag: String::new(),
                revision: String::new(),
                error: None,
            };
            ids.iter().map(item).collect()
        };
        #[expect(clippy::type_complexity, reason = "a table of cases")]
        let cases: [(&[&str], usize, Option<&str>, &[&str], Option<&str>); 7] = [
            (&["a", "b", "c"], 2, None, &["a", "b"], Some("b")),
            (&["a", "b", "c"], 2, Some("b"), &["c"], None),
            (&["a", "b", "c"], 3, None, &["a", "b", "c"], None),
            (&["a", "c"], 2, Some("b"), &["c"], None),
            (&["a", "b", "bb", "c"], 1, Some("b"), &["bb"], Some("bb")),
            (&["a"], 2, Some("z"), &[], None),
            (&[], 2, None, &[], None),
        ];
        for (ids, limit, cursor, expected, next) in cases {
            let page = turn(items(ids), limit, cursor);
            assert_eq!((&page.items, page.next.as_deref()), (&items(expected), next), "{ids:?} {limit} {cursor:?}");
        }
    }
}
