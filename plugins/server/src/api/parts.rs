//! A character's files: its portrait, its voice reference, and all of it as one archive. What is sent is told by its
//! content; names that a client gives its files are never looked at.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use visage_core::Language;
use visage_library::{
    Asset, CharacterFile, MAX_ARCHIVE_BYTES, MAX_PICTURE_BYTES, MAX_SOUND_BYTES, Part, Precondition, check_id,
};

use crate::{
    problem::{Code, Problem},
    routes::Context,
};

use super::{
    body::{self, Asked, Id, Whose},
    characters::{check_face, created, shown},
    condition::{self, MayKnow, MayMatch},
    picture,
    recording::voice_reference,
    refusal::{Changed, Exists, Malformed, NoSuch, TooLarge, Unready, Unusable, WrongType},
    store,
};

/// What a picture may be declared as. What it is, its content says.
const PICTURES: [&str; 2] = ["image/*", "application/octet-stream"];
/// What a recording may be declared as.
const SOUNDS: [&str; 3] = ["audio/*", "application/ogg", "application/octet-stream"];
/// What an archive may be declared as.
const ARCHIVES: [&str; 2] = ["application/zip", "application/octet-stream"];

/// Which of a character's voices.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoiceQuery {
    /// Of the voice in which language; the character's own if left out.
    #[param(inline)]
    language: Option<Language>,
}

/// What an imported character is to be called.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportQuery {
    /// Its id, which must be free; if left out, the archive's own, with a number behind it if that is taken.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    id: Option<String>,
}

/// Read a portrait
#[utoipa::path(get, path = "/api/characters/{id}/portrait", tag = "Files", params(Whose, MayKnow), responses(
    (status = 200, description = "The picture as it was sent", headers(("ETag" = String, description = "Its state")),
        content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"))),
    (status = 304, description = "The client has it already"),
    NoSuch, Exists, Unready))]
pub(crate) async fn get_portrait(
    State(context): State<Context>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(send(context.library.part(&id, Part::Portrait).await.map_err(store::problem)?, &headers))
}

/// Replace a portrait
///
/// JPEG, PNG or WebP of at most 48 MiB, in which a face must be found. Landmarks that were placed by hand for the picture
/// before are no longer used.
#[utoipa::path(put, path = "/api/characters/{id}/portrait", tag = "Files", params(Whose, MayMatch),
    request_body(content(
        (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"),
        (Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 200, body = CharacterFile, description = "The character as it is now", headers(
            ("ETag" = String, description = "The character's state, for If-Match"))),
        Malformed, NoSuch, Exists, Changed, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn put_portrait(
    State(context): State<Context>,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let condition = condition::precondition(request.headers())?;
    // Whose it is to be is looked at before a large body is read and a face is looked for.
    context.library.get(&id).await.map_err(store::problem)?;
    let _place = picture::upload(&context)?;
    let picture = body::typed(request, &PICTURES, MAX_PICTURE_BYTES).await?;
    check_face(&context, picture.clone()).await?;
    let entry = context.library.set_part(&id, Part::Portrait, picture, &condition).await.map_err(store::problem)?;
    Ok(shown(StatusCode::OK, entry))
}

/// Read a voice reference
#[utoipa::path(get, path = "/api/characters/{id}/voice-reference", operation_id = "get_voice_reference", tag = "Files",
    params(Whose, VoiceQuery, MayKnow), responses(
    (status = 200, description = "The recording as it is stored", headers(("ETag" = String, description = "Its state")),
        content((Vec<u8> = "audio/wav"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/mpeg"))),
    (status = 304, description = "The client has it already"),
    NoSuch, Exists, Unready))]
pub(crate) async fn get_voice(
    State(context): State<Context>,
    Id(id): Id,
    Asked(voice): Asked<VoiceQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let part = reference(&context, &id, voice.language).await?;
    Ok(send(context.library.part(&id, part).await.map_err(store::problem)?, &headers))
}

/// Replace a voice reference
///
/// WAV, FLAC, Ogg Vorbis or MP3: 3 to 60 seconds of one voice. It is stored as WAV, mono, 24 kHz, 16 bit.
#[utoipa::path(put, path = "/api/characters/{id}/voice-reference", operation_id = "put_voice_reference", tag = "Files",
    params(Whose, VoiceQuery, MayMatch),
    request_body(content(
        (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/mpeg"),
        (Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 200, body = CharacterFile, description = "The character as it is now", headers(
            ("ETag" = String, description = "The character's state, for If-Match"))),
        Malformed, NoSuch, Exists, Changed, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn put_voice(
    State(context): State<Context>,
    Id(id): Id,
    Asked(voice): Asked<VoiceQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let condition = condition::precondition(request.headers())?;
    let part = reference(&context, &id, voice.language).await?;
    let _place = picture::upload(&context)?;
    let sound = body::typed(request, &SOUNDS, MAX_SOUND_BYTES).await?;
    let stored = tokio::task::spawn_blocking(move || voice_reference(sound))
        .await
        .map_err(|_| Problem::new(Code::Unavailable, "The recording could not be converted."))??;
    let entry = context.library.set_part(&id, part, stored, &condition).await.map_err(store::problem)?;
    Ok(shown(StatusCode::OK, entry))
}

/// Delete a voice reference
#[utoipa::path(delete, path = "/api/characters/{id}/voice-reference", operation_id = "delete_voice_reference", tag = "Files",
    params(Whose, VoiceQuery, MayMatch), responses(
        (status = 204, description = "It is gone", headers(
            ("ETag" = String, description = "The character's state, for If-Match"))),
        Malformed, NoSuch, Exists, Changed, Unready))]
pub(crate) async fn delete_voice(
    State(context): State<Context>,
    Id(id): Id,
    Asked(voice): Asked<VoiceQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let condition = condition::precondition(&headers)?;
    let part = reference(&context, &id, voice.language).await?;
    let entry = context.library.remove_part(&id, part, &condition).await.map_err(store::problem)?;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, format!("\"{}\"", entry.etag))]).into_response())
}

/// Export a character
///
/// Its file and all files that it names, as one zip.
#[utoipa::path(get, path = "/api/characters/{id}/archive", operation_id = "export_character", tag = "Files", params(Whose), responses(
    (status = 200, body = Vec<u8>, content_type = "application/zip", description = "The archive", headers(
        ("Content-Disposition" = String, description = "A name for the file"))),
    NoSuch, Exists, Unready))]
pub(crate) async fn export(State(context): State<Context>, Id(id): Id) -> Result<Response, Problem> {
    let archive = context.library.export(&id).await.map_err(store::problem)?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        // An id has nothing in it that would have to be quoted.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.zip\"")),
    ];
    Ok((headers, archive).into_response())
}

/// Import a character
///
/// From an archive that was exported. Its portrait must show a face, as one that is uploaded.
#[utoipa::path(post, path = "/api/characters/import", operation_id = "import_character", tag = "Files", params(ImportQuery),
    request_body(content((Vec<u8> = "application/zip"), (Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 201, body = CharacterFile, description = "It is there", headers(
            ("Location" = String, description = "Its address"),
            ("ETag" = String, description = "Its state, for If-Match"))),
        Malformed, Exists, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn import(
    State(context): State<Context>,
    Asked(asked): Asked<ImportQuery>,
    request: Request,
) -> Result<Response, Problem> {
    if let Some(id) = &asked.id {
        check_id(id).map_err(store::problem)?;
    }
    let _place = picture::upload(&context)?;
    let archive = body::typed(request, &ARCHIVES, MAX_ARCHIVE_BYTES).await?;
    let library = &context.library;
    let entry = library.import(archive, asked.id.as_deref()).await.map_err(store::problem)?;
    let checked = match library.load(&entry.id).await {
        // With its own landmarks, if it has any: it must be possible to show it as it is.
        Ok(loaded) => picture::rig(&context, loaded.portrait).await.map(drop),
        Err(error) => Err(store::problem(error)),
    };
    if let Err(problem) = checked {
        if let Err(error) = library.delete(&entry.id, &Precondition::IfMatch(vec![entry.etag])).await {
            tracing::warn!("an imported character that cannot be shown is left over: {error}");
        }
        return Err(problem);
    }
    Ok(created(entry))
}

/// The voice reference of a language, or of the character's own.
async fn reference(context: &Context, id: &str, language: Option<Language>) -> Result<Part, Problem> {
    let file = context.library.get(id).await.map_err(store::problem)?.file;
    let language = language.or_else(|| file.languages().first().copied()).unwrap_or_default();
    if !file.voices.contains_key(&language) {
        let detail = format!("The character \"{id}\" has no voice in the language \"{language}\".");
        return Err(Problem::new(Code::NoSuchPart, detail));
    }
    Ok(Part::Reference(language))
}

/// A file, unless the client has it already.
fn send(asset: Asset, headers: &HeaderMap) -> Response {
    let known = condition::is_known(headers, &asset.etag.to_string());
    let tags = [(header::ETAG, format!("\"{}\"", asset.etag)), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if known {
        (StatusCode::NOT_MODIFIED, tags).into_response()
    } else {
        (tags, [(header::CONTENT_TYPE, asset.media_type)], asset.bytes).into_response()
    }
}
