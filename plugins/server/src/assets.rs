//! The page's files: built into the program, or read from a folder while somebody works on them.

use std::path::{Path, PathBuf};

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../assets/web"]
struct Embedded;

/// Where the page's files come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assets {
    /// A folder that is read at every request instead of what is built in.
    pub(crate) folder: Option<PathBuf>,
}

struct File {
    content: Bytes,
    /// Present for files that are built in, which never change while the program runs.
    etag: Option<String>,
}

impl Assets {
    /// Answers a request for `path` (without the leading slash), or gives `None` if there is no such file.
    pub(crate) async fn serve(&self, path: &str, asked: &HeaderMap) -> Option<Response> {
        let path = if path.is_empty() { "index.html" } else { path };
        let kind = media_type(path)?;
        let file = match &self.folder {
            Some(folder) => read(folder, path).await?,
            None => embedded(path)?,
        };
        let Some(etag) = file.etag else {
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
            return Some((headers, file.content).into_response());
        };
        // Files keep their names from version to version, so a browser asks each time whether its copy still holds.
        let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
        let fresh = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag));
        let headers =
            [(header::CONTENT_TYPE, kind.to_owned()), (header::CACHE_CONTROL, "no-cache".into()), (header::ETAG, etag)];
        Some(if fresh {
            (StatusCode::NOT_MODIFIED, headers).into_response()
        } else {
            (headers, file.content).into_response()
        })
    }
}

fn embedded(path: &str) -> Option<File> {
    let file = Embedded::get(path)?;
    let hash = file.metadata.sha256_hash();
    let etag = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Some(File { content: Bytes::from(file.data.into_owned()), etag: Some(format!("\"{etag}\"")) })
}

async fn read(folder: &Path, path: &str) -> Option<File> {
    // Only plain names: nothing outside the folder can be reached.
    if path.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains('\\')) {
        return None;
    }
    let content = tokio::fs::read(folder.join(path)).await.ok()?;
    Some(File { content: content.into(), etag: None })
}

/// The media type by the name's ending; files of other kinds are not served.
fn media_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_built_in() {
        let text = |path: &str| {
            let file = Embedded::get(path).unwrap_or_else(|| panic!("{path} is built in"));
            String::from_utf8(file.data.into_owned()).expect("UTF-8")
        };
        let named: Vec<_> = [text("index.html"), text("style.css")]
            .iter()
            .flat_map(|source| source.split('"').map(str::to_owned).collect::<Vec<_>>())
            .filter(|part| part.starts_with('/') && part.contains('.') && !part.contains(' '))
            .collect();
        assert!(named.len() >= 6, "{named:?}");
        for path in &named {
            assert!(Embedded::get(&path[1..]).is_some(), "{path} is named by the page");
        }
        for module in text("app.js").split('"').filter(|part| part.starts_with("./")) {
            assert!(Embedded::get(&module[2..]).is_some(), "{module} is imported by app.js");
        }
    }

    #[tokio::test]
    async fn a_folder_gives_nothing_from_outside() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/web/modules");
        assert!(read(&folder, "session.js").await.is_some());
        for path in ["../index.html", "/etc/hostname", "./session.js", "a//b.js", "..\\index.html", ".hidden.js"] {
            assert!(read(&folder, path).await.is_none(), "{path}");
        }
    }
}
