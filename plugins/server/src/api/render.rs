//! Stills: a character's preview, and a picture that is not a character yet.

use std::collections::BTreeMap;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};
use visage_core::{Blendshape, Emotion, HeadPose, PortraitSource, Viseme};
use visage_library::{MAX_PICTURE_BYTES, Renderer};
use visage_schedule::RendererChoice;

use crate::{problem::Problem, routes::Context};

use super::{
    body::{Asked, Form, Id, Whose},
    condition::{self, MayKnow},
    picture,
    pose::Expression,
    refusal::{Exists, Malformed, NoSuch, TooLarge, Unready, Unusable, WrongType},
    store,
};

/// Longest form of a still, bytes: the picture and some numbers.
const MAX_FORM_BYTES: usize = MAX_PICTURE_BYTES + 64 * 1024;

/// What a preview shows.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewQuery {
    /// The emotion, as the character shows it; neutral if left out.
    #[param(inline)]
    emotion: Option<Emotion>,
    /// The mouth (Oculus' names); at rest if left out.
    #[param(inline)]
    viseme: Option<Viseme>,
    /// Width and height in pixels.
    #[param(minimum = 16, maximum = 1080, default = 512)]
    size: Option<u32>,
}

/// What a still shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is the description; the form is read field by field")]
pub(crate) struct RenderForm {
    /// JPEG, PNG or WebP with one face.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
    /// The emotion; neutral if left out.
    #[schema(inline, value_type = Emotion, required = false)]
    emotion: Option<Emotion>,
    /// The mouth (Oculus' names); at rest if left out.
    #[schema(inline, value_type = Viseme, required = false)]
    viseme: Option<Viseme>,
    /// Weights of blendshapes (ARKit's names), each 0 to 1, instead of what emotion and mouth would give.
    #[schema(value_type = BTreeMap<Blendshape, f32>, required = false)]
    shapes: Option<BTreeMap<Blendshape, f32>>,
    /// The head, instead of what the emotion would give: each value -1 to 1.
    #[schema(value_type = HeadPose, required = false)]
    head: Option<HeadPose>,
    /// Width and height in pixels.
    #[schema(minimum = 16, maximum = 1080, default = 512, value_type = u32, required = false)]
    size: Option<u32>,
}

/// Draw a character
#[utoipa::path(get, path = "/api/characters/{id}/preview.png", operation_id = "draw_character", tag = "Pictures",
    params(Whose, PreviewQuery, MayKnow), responses(
        (status = 200, body = Vec<u8>, content_type = "image/png", description = "The picture", headers(
            ("ETag" = String, description = "Changes when the character or the question does"))),
        (status = 304, description = "The client has it already"),
        NoSuch, Exists, Unusable, Unready))]
pub(crate) async fn preview(
    State(context): State<Context>,
    Id(id): Id,
    Asked(asked): Asked<PreviewQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = picture::size(asked.size)?;
    let (emotion, viseme) = (asked.emotion.unwrap_or_default(), asked.viseme.unwrap_or_default());
    let entry = context.library.get(&id).await.map_err(store::problem)?;
    // The program's version is part of it: a new one may draw better.
    let question = format!("{} {emotion} {viseme:?} {size} {}", entry.revision, env!("CARGO_PKG_VERSION"));
    let etag: String = Sha256::digest(question).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let tags = [(header::ETAG, format!("\"{etag}\"")), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if condition::is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, tags).into_response());
    }
    let _place = picture::place(&context)?;
    let loaded = context.library.load(&id).await.map_err(store::problem)?;
    let pose = Expression { emotion, viseme, ..Expression::default() }.pose(&loaded.entry.file.emotions)?;
    let renderer = match loaded.entry.file.renderer {
        Renderer::Auto => RendererChoice::Auto,
        Renderer::Warp => RendererChoice::Warp,
        Renderer::LivePortrait => RendererChoice::LivePortrait,
    };
    let rig = picture::rig(&context, loaded.portrait).await?;
    let png = picture::still(&context, rig, pose, size, renderer).await?;
    Ok((tags, [(header::CONTENT_TYPE, "image/png")], png).into_response())
}

/// Draw a picture
///
/// A face that is not a character (yet), with the expression that is asked for.
#[utoipa::path(post, path = "/api/render", operation_id = "draw_picture", tag = "Pictures",
    request_body(content = RenderForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/png", description = "The picture"),
        Malformed, TooLarge, WrongType, Unusable, Unready))]
pub(crate) async fn render(State(context): State<Context>, request: Request) -> Result<Response, Problem> {
    let _place = picture::upload(&context)?;
    let fields = ["image", "emotion", "viseme", "shapes", "head", "size"];
    let mut form = Form::read(request, &fields, MAX_FORM_BYTES).await?;
    let size = picture::size(form.word("size")?)?;
    let expression = Expression {
        emotion: form.word("emotion")?.unwrap_or_default(),
        viseme: form.word("viseme")?.unwrap_or_default(),
        shapes: form.json("shapes")?.unwrap_or_default(),
        head: form.json("head")?,
    };
    let pose = expression.pose(&BTreeMap::new())?;
    let image = form.need("image")?;
    picture::check_kind(&image)?;
    let source = PortraitSource::picture_only(&image[..]);
    let rig = picture::rig(&context, source.into()).await?;
    let png = picture::still(&context, rig, pose, size, RendererChoice::Auto).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}
