//! Puts the pages and the client for JavaScript, and the descriptions of the server's addresses,
//! into the program: a table of the files of `assets`, each as it is and, if that is smaller,
//! compressed with gzip. So nothing is compressed at run time.
//!
//! `assets` has links to `clients/javascript` and `docs`, which a published package has as files.

#![allow(
    clippy::print_stdout,
    reason = "cargo reads the output of a build script"
)]

use std::{
    env,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

/// A file that is compressed must be smaller by this part. Fonts are compressed already.
const WORTH_PARTS: usize = 10;

fn main() -> io::Result<()> {
    let assets = folder("CARGO_MANIFEST_DIR")?.join("assets");
    let out = folder("OUT_DIR")?;
    let mut paths = Vec::new();
    find(assets.clone(), &mut paths)?;
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=build.rs");
    paths.sort();
    let mut table = String::from("&[\n");
    for (number, path) in paths.iter().enumerate() {
        let Some(content_type) = content_type(path) else {
            continue;
        };
        let name = path.strip_prefix(&assets).unwrap_or(path);
        // A copy, so that both forms are of the same moment, also if the file is edited meanwhile.
        let body = fs::read(path)?;
        let itself = out.join(number.to_string());
        fs::write(&itself, &body)?;
        let compressed = gzip(&body)?;
        let gzip = if compressed.len() < body.len() - body.len() / WORTH_PARTS {
            let file = out.join(format!("{number}.gz"));
            fs::write(&file, compressed)?;
            format!("Some(include_bytes!({:?}))", file.display().to_string())
        } else {
            "None".to_owned()
        };
        // Formatting into a string cannot fail.
        let _ = writeln!(
            table,
            "File {{ path: {:?}, content_type: {content_type:?}, tag: \"{:016x}\", \
             body: include_bytes!({:?}), gzip: {gzip} }},",
            name.display().to_string(),
            hash(&body),
            itself.display().to_string(),
        );
    }
    table.push(']');
    fs::write(out.join("assets.rs"), table)
}

/// A folder that cargo names while the script runs.
fn folder(variable: &str) -> io::Result<PathBuf> {
    let missing = || io::Error::other(format!("cargo sets no variable {variable}"));
    env::var_os(variable).map(PathBuf::from).ok_or_else(missing)
}

fn find(path: PathBuf, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            find(entry?.path(), paths)?;
        }
    } else {
        paths.push(path);
    }
    Ok(())
}

/// The content type of a file that is served; `None` for the others.
fn content_type(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        // RFC 9512.
        "yaml" => "application/yaml",
        _ => return None,
    })
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Changes with the content, and with nothing else.
fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
