//! The pages at `/` and `/try`: their files, which are part of the program, and the headers of
//! these files.
//!
//! So are the descriptions of the addresses for programs, `/openapi.yaml` and `/asyncapi.yaml`.
//!
//! The files have the same folders as in `clients/javascript`, so that the relative imports of the
//! pages work in both places.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
        HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};

use super::request::encoding::prefers_gzip;

/// Everything comes from this server: no other host, no code or style inside the markup, no frame
/// around the page. `'self'` also covers the WebSocket (CSP level 3, section 6.7.2.8).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const PREFIX: &str = "/assets/";

/// The descriptions for programs, whose references to each other need a common folder.
const DESCRIPTIONS: [&str; 2] = ["/openapi.yaml", "/asyncapi.yaml"];

const INDEX: &str = "page/index.html";
const TRY: &str = "page/try.html";

struct File {
    path: &'static str,
    content_type: &'static str,
    /// Of the content: it changes only with that.
    tag: &'static str,
    body: &'static [u8],
    /// The body compressed with gzip, if that is smaller. Browsers accept brotli through TLS only,
    /// which a proxy adds.
    gzip: Option<&'static [u8]>,
}

/// What an answer has of a file.
struct Variant {
    tag: String,
    body: &'static [u8],
    is_gzip: bool,
}

/// All files of the pages and of the client, see `server/build.rs`.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

impl File {
    fn variant(&self, headers: &HeaderMap) -> Variant {
        match self.gzip {
            // Two forms of a file are two entities (RFC 9110, section 8.8.3.3).
            Some(body) if prefers_gzip(headers) => Variant {
                tag: format!("\"{}-gzip\"", self.tag),
                body,
                is_gzip: true,
            },
            _ => Variant {
                tag: format!("\"{}\"", self.tag),
                body: self.body,
                is_gzip: false,
            },
        }
    }
}

/// Whether the client shows pages: browsers name `text/html`; curl and similar programs accept
/// anything.
#[must_use]
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.contains("text/html"))
}

/// The page itself.
#[must_use]
pub(super) fn index(headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let mut answer = named(INDEX, headers)?;
    // A cache must not serve the page to a client that gets plain text.
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    Some(answer)
}

/// The console for trying out the protocol.
#[must_use]
pub(super) fn console(headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    named(TRY, headers)
}

/// Whether a path is that of a file that the pages load, or of a description.
#[must_use]
pub(super) fn is_asset(path: &str) -> bool {
    name(path).is_some_and(|name| FILES.iter().any(|file| file.path == name))
}

/// Such a file, by the path of the request; `None` if it does not exist.
#[must_use]
pub(super) fn asset(path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    named(name(path)?, headers)
}

/// The name of the file at a path.
fn name(path: &str) -> Option<&str> {
    match DESCRIPTIONS.contains(&path) {
        true => path.strip_prefix('/'),
        false => path.strip_prefix(PREFIX),
    }
}

fn named(path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let file = FILES.iter().find(|file| file.path == path)?;
    let Variant { tag, body, is_gzip } = file.variant(headers);
    let is_known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|known| known.to_str().ok())
        .any(|known| known.contains(tag.as_str()));
    let mut answer = if is_known {
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        Response::new(Full::new(Bytes::from_static(body)))
    };
    let fields = answer.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    fields.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // A new version of the server has new files under the same names. So browsers must ask each
    // time, which costs one short answer.
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if file.gzip.is_some() {
        fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if is_gzip && !is_known {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        fields.insert(ETAG, tag);
    }
    Some(answer)
}

#[cfg(test)]
mod tests;
