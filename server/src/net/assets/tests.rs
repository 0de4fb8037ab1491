use std::{fs, io::Read as _, path::Path};

use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::header::{ACCEPT_ENCODING, HeaderName};

use super::*;

fn headers(name: HeaderName, value: &str) -> HeaderMap {
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
            Some("yaml") => "application/yaml",
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

#[tokio::test]
async fn a_file_is_compressed_for_clients_that_accept_it_and_stays_the_same() {
    let (mut plain, mut compressed) = (0, 0);
    for file in FILES {
        let path = format!("{PREFIX}{}", file.path);
        let itself = asset(&path, &HeaderMap::new()).unwrap();
        let answer = asset(&path, &headers(ACCEPT_ENCODING, "br, gzip")).unwrap();
        assert!(!itself.headers().contains_key(CONTENT_ENCODING), "{path}");
        let is_smaller = file.gzip.is_some();
        assert!(
            !(is_smaller && file.content_type.starts_with("font/")),
            "{path}"
        );
        assert_eq!(answer.headers().get(VARY).is_some(), is_smaller, "{path}");
        assert_eq!(answer.headers().get(VARY), itself.headers().get(VARY));
        let encoding = answer.headers().get(CONTENT_ENCODING);
        assert_eq!(
            encoding.map(|name| name == "gzip"),
            is_smaller.then_some(true)
        );
        if !is_smaller {
            continue;
        }
        assert_ne!(answer.headers()[ETAG], itself.headers()[ETAG], "{path}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let mut content = Vec::new();
        GzDecoder::new(&body[..]).read_to_end(&mut content).unwrap();
        assert!(content == file.body, "{path}");
        plain += file.body.len();
        compressed += body.len();
    }
    assert!(compressed * 2 < plain, "{compressed} of {plain} bytes");
}

#[test]
fn a_file_that_a_browser_has_is_not_sent_again() {
    let check = |accepted: &str, known: &str, status: StatusCode| {
        let mut fields = headers(ACCEPT_ENCODING, accepted);
        fields.insert(IF_NONE_MATCH, HeaderValue::from_str(known).unwrap());
        let answer = index(&fields).unwrap();
        assert_eq!(answer.status(), status, "{accepted} {known}");
        assert_eq!(answer.headers()[VARY], "accept, accept-encoding");
    };
    let tag_for = |accepted: &str| {
        let answer = index(&headers(ACCEPT_ENCODING, accepted)).unwrap();
        answer.headers()[ETAG].to_str().unwrap().to_owned()
    };
    let (plain, gzip) = (tag_for("identity"), tag_for("gzip"));
    check("identity", &plain, StatusCode::NOT_MODIFIED);
    check("gzip", &gzip, StatusCode::NOT_MODIFIED);
    check(
        "gzip",
        &format!("{plain}, W/{gzip}"),
        StatusCode::NOT_MODIFIED,
    );
    check("gzip", &plain, StatusCode::OK);
    check("identity", &gzip, StatusCode::OK);
    check("gzip", "\"0\"", StatusCode::OK);
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
