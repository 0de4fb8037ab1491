//! Every decoder with its corpus and thousands of mutations of it. `TICKCAST_FUZZ_MUTATIONS` sets
//! their number per decoder, `TICKCAST_FUZZ_SEED` the first seed, and `TICKCAST_FUZZ_TARGET` the
//! only decoder. `fuzz/README.md` says how to run a real fuzzer.

#[expect(unreachable_pub, reason = "the same file is a library for the fuzzer")]
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use targets::{TARGETS, Target};

/// Mutations per decoder by default: some seconds for all decoders.
const MUTATIONS: u64 = 5_000;

/// The longest input: a longer one takes time and finds nothing new.
const INPUT_MAX_BYTES: usize = 4096;

/// Difficult pieces of input: ends of ranges, lengths, and syntax.
const TOKENS: [&[u8]; 24] = [
    b"\x00",
    b"\xfb\xff\xff",
    b"\xfc\xff\xff\xff\xff",
    b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xfd\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\xfe",
    b"\x7f",
    b"\x80",
    b"\xc3",
    "€".as_bytes(),
    b"-0",
    b"1e999",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"\"NaN\"",
    b"null",
    b"{\"",
    b"\":",
    b"[[[[[[[[",
    b"\\u0000",
    b"\\ud800",
    b"#",
    b"+/",
    b"\n",
];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// The corpus, and for messages also the golden files, which are always up to date.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let corpus = files(&project().join("fuzz/corpus").join(name));
    let mut seeds: Vec<_> = corpus.iter().map(|file| fs::read(file).unwrap()).collect();
    if let Some((who, encoding)) = name.split_once('_') {
        for file in files(&project().join("docs/golden")) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.file_name().unwrap().to_str().unwrap();
            match (encoding, name.starts_with(who), name.rsplit_once('.')) {
                ("json", true, Some((_, "json"))) => seeds.push(text.trim_end().into()),
                ("bincode", true, Some((_, "hex"))) => seeds.push(from_hex(&text)),
                _ => {}
            }
        }
    }
    assert!(seeds.len() > 1, "{name} has no corpus");
    seeds
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks_exact(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

/// Some changes to a seed.
fn mutate(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = seeds.choose(random).unwrap().clone();
    bytes.truncate(INPUT_MAX_BYTES);
    for _ in 0..random.random_range(1..=6) {
        let at = random.random_range(0..=bytes.len());
        let end = random.random_range(at..=bytes.len().min(at + 32));
        match random.random_range(0..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(random.random_range(0..3)),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let part = bytes[at..end].to_vec();
                let to = random.random_range(0..=bytes.len());
                bytes.splice(to..to, part);
            }
            5 => {
                let token = TOKENS.choose(random).unwrap();
                bytes.splice(at..end.min(at + 1), token.iter().copied());
            }
            6 => {
                let other = seeds.choose(random).unwrap();
                let from = random.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let mut noise = [0; 4];
                random.fill_bytes(&mut noise);
                bytes.splice(at..at, noise);
            }
        }
    }
    bytes.truncate(INPUT_MAX_BYTES);
    bytes
}

#[track_caller]
fn check(name: &str, target: Target, bytes: &[u8], origin: &str) {
    if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        let text = bytes.escape_ascii();
        panic!("{name} with {origin}, see above: {text}");
    }
}

#[test]
fn every_decoder_withstands_its_corpus_and_thousands_of_mutations() {
    let mutations = number("TICKCAST_FUZZ_MUTATIONS", MUTATIONS);
    let first = number("TICKCAST_FUZZ_SEED", 1);
    let only = env::var("TICKCAST_FUZZ_TARGET").ok();
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let targets: Vec<_> = TARGETS
        .into_iter()
        .filter(|(name, _)| is_wanted(name))
        .collect();
    assert!(!targets.is_empty(), "there is no target {only:?}");
    for (name, target) in targets {
        let seeds = seeds(name);
        for (index, seed) in seeds.iter().enumerate() {
            check(name, target, seed, &format!("file {index} of its corpus"));
        }
        for seed in first..first + mutations {
            let mut random = StdRng::seed_from_u64(seed);
            let bytes = mutate(&seeds, &mut random);
            check(name, target, &bytes, &format!("seed {seed}"));
        }
    }
}

#[test]
fn each_decoder_has_a_fuzz_target_and_a_corpus() {
    let named = |folder: &str, ending: &str| -> Vec<String> {
        files(&project().join("fuzz").join(folder))
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .map(|name| name.trim_end_matches(ending).to_owned())
            .collect()
    };
    let mut expected: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(named("fuzz_targets", ".rs"), expected);
    assert_eq!(named("corpus", ""), expected);
    let manifest = fs::read_to_string(project().join("fuzz/Cargo.toml")).unwrap();
    for name in expected {
        let program = format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&program), "{name}");
    }
}
