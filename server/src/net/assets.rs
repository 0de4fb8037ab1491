//! The pages at `/` and `/try`: their files, which are part of the program, and the headers of
//! these files.
//!
//! The files have the same folders as in `clients/javascript`, so that the relative imports of the
//! pages work in both places.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::LazyLock,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue,
        IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};

/// Everything comes from this server: no other host, no code or style inside the markup, no frame
/// around the page. `'self'` also covers the WebSocket (CSP level 3, section 6.7.2.8).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const PREFIX: &str = "/assets/";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const SVG: &str = "image/svg+xml";
const WOFF2: &str = "font/woff2";

struct File {
    path: &'static str,
    content_type: &'static str,
    body: &'static [u8],
}

macro_rules! files {
    ($($content_type:ident: $($path:literal),+;)+) => {
        &[$($(File {
            path: $path,
            content_type: $content_type,
            body: include_bytes!(concat!("../../../clients/javascript/", $path)),
        }),+),+]
    };
}

const INDEX: &str = "page/index.html";
const TRY: &str = "page/try.html";

static FILES: &[File] = files! {
    HTML: "page/index.html", "page/try.html";
    STYLE: "page/console/console.css", "page/overview/charts.css", "page/overview/overview.css",
        "page/shared/base.css";
    SVG: "page/icon.svg";
    SCRIPT: "page/candles/series.js", "page/candles/source.js", "page/chart/candle-shapes.js",
        "page/chart/chart.js", "page/chart/columns.js", "page/chart/draw-values.js",
        "page/chart/draw.js", "page/chart/gap-search.js", "page/chart/gaps.js",
        "page/chart/geometry.js", "page/chart/gestures.js", "page/chart/line-layer.js",
        "page/chart/line-path.js", "page/chart/pen.js", "page/chart/pointed.js",
        "page/chart/points.js", "page/chart/scale.js", "page/chart/scene.js",
        "page/chart/states.js", "page/chart/tooltip.js", "page/chart/undo.js",
        "page/chart/value-range.js", "page/chart/view.js", "page/console/bare-socket.js",
        "page/console/chat.js", "page/console/examples.js", "page/console/explanations.js",
        "page/console/log-details.js", "page/console/log.js", "page/console/main.js",
        "page/console/subscription-state.js", "page/inspector/difference.js",
        "page/inspector/inspector.js", "page/inspector/messages.js", "page/inspector/payload.js",
        "page/overview/address.js", "page/overview/charts.js", "page/overview/detail.js",
        "page/overview/filter.js", "page/overview/freshness.js", "page/overview/gap-list.js",
        "page/overview/health.js", "page/overview/help.js", "page/overview/history.js",
        "page/overview/keys.js", "page/overview/latencies.js", "page/overview/main.js",
        "page/overview/pane.js", "page/overview/receive.js", "page/overview/series.js",
        "page/overview/sort-order.js", "page/overview/store.js", "page/overview/subscription.js",
        "page/overview/table-row.js", "page/overview/table.js", "page/overview/title.js",
        "page/overview/workspace.js", "page/shared/clock.js", "page/shared/dom.js",
        "page/shared/format.js", "page/shared/hex.js", "page/shared/remembered.js",
        "page/shared/theme.js", "page/shared/value.js", "index.js", "src/backoff.js",
        "src/client.js", "src/connection/clock.js", "src/connection/connection.js",
        "src/connection/pending-requests.js", "src/errors.js", "src/subscription/chain.js",
        "src/subscription/delivery.js", "src/subscription/fifo.js", "src/subscription/registry.js",
        "src/subscription/subscription.js", "src/wire/bincode.js", "src/wire/check.js",
        "src/wire/composites.js", "src/wire/decimal.js", "src/wire/encodings.js",
        "src/wire/messages.js", "src/wire/scalars.js", "src/wire/topic-table.js";
    WOFF2: "page/fonts/Inter-Regular.woff2", "page/fonts/Inter-SemiBold.woff2",
        "page/fonts/JetBrainsMono-Regular.woff2";
    TEXT: "page/fonts/Inter-OFL.txt", "page/fonts/JetBrainsMono-OFL.txt";
};

/// The entity tag of each file, in their order. It changes only with the content.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tag = |file: &File| {
        let mut hasher = DefaultHasher::new();
        file.body.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    };
    FILES.iter().map(tag).collect()
});

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
        .insert(VARY, HeaderValue::from_static("accept"));
    Some(answer)
}

/// The console for trying out the protocol.
#[must_use]
pub(super) fn console(headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    named(TRY, headers)
}

/// Whether a path is that of a file that the pages load.
#[must_use]
pub(super) fn is_asset(path: &str) -> bool {
    let path = path.strip_prefix(PREFIX);
    path.is_some_and(|path| FILES.iter().any(|file| file.path == path))
}

/// A file that the pages load, by the path of the request; `None` if it does not exist.
#[must_use]
pub(super) fn asset(path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    named(path.strip_prefix(PREFIX)?, headers)
}

fn named(path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let at = FILES.iter().position(|file| file.path == path)?;
    let (file, tag) = (&FILES[at], &TAGS[at]);
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
        Response::new(Full::new(Bytes::from_static(file.body)))
    };
    let fields = answer.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    fields.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // A new version of the server has new files under the same names. So browsers must ask each
    // time, which costs one short answer.
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        fields.insert(ETAG, tag);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use http_body_util::BodyExt as _;

    use super::*;

    fn headers(name: hyper::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[tokio::test]
    async fn every_file_is_served_with_its_type_policy_and_content() {
        let mut served = 0;
        for file in FILES {
            let path = format!("{PREFIX}{}", file.path);
            let answer = asset(&path, &HeaderMap::new()).unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let fields = answer.headers();
            let content_type = match path.rsplit_once('.').map(|(_, ending)| ending) {
                Some("html") => "text/html; charset=utf-8",
                Some("js") => "text/javascript; charset=utf-8",
                Some("css") => "text/css; charset=utf-8",
                Some("svg") => "image/svg+xml",
                Some("woff2") => "font/woff2",
                _ => "text/plain; charset=utf-8",
            };
            assert_eq!(fields[CONTENT_TYPE], content_type, "{path}");
            let policy = fields[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none';"), "{path}");
            assert!(
                !policy.contains("unsafe") && !policy.contains('*'),
                "{path}"
            );
            assert_eq!(fields[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
            assert_eq!(fields[CACHE_CONTROL], "no-cache", "{path}");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, file.body, "{path}");
            assert!(!body.is_empty(), "{path}");
            served += 1;
        }
        assert!(served > 20);
    }

    #[test]
    fn a_file_that_a_browser_has_is_not_sent_again() {
        let first = index(&HeaderMap::new()).unwrap();
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        let again = index(&headers(IF_NONE_MATCH, &tag)).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = index(&headers(IF_NONE_MATCH, "\"0\"")).unwrap();
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn only_clients_that_accept_pages_get_a_page() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(is_browser(&headers(ACCEPT, browser)));
        assert!(!is_browser(&headers(ACCEPT, "*/*")));
        assert!(!is_browser(&headers(ACCEPT, "application/json")));
        assert!(!is_browser(&HeaderMap::new()));
    }

    #[test]
    fn other_paths_are_not_served() {
        for path in [
            "/assets/",
            "/assets/package.json",
            "/assets/../Cargo.toml",
            "/page/index.html",
        ] {
            assert!(asset(path, &HeaderMap::new()).is_none(), "{path}");
        }
    }

    #[test]
    fn every_module_of_the_client_and_of_the_pages_is_served() {
        let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/javascript");
        let mut folders = vec![client.join("src"), client.join("page")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path
                    .extension()
                    .is_some_and(|ext| ext == "js" || ext == "css")
                {
                    let path = path.strip_prefix(&client).unwrap().to_str().unwrap();
                    assert!(FILES.iter().any(|file| file.path == path), "{path}");
                }
            }
        }
    }
}
