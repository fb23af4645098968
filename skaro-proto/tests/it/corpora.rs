//! Runs the bodies of the fuzz targets over the inputs that fuzzing has collected, in `fuzz/corpus`.

use std::io::Write;
use std::path::Path;
use std::{fs, io};

use crate::targets;

/// Runs a target over its corpus, which must not be missing or empty: a test of nothing would show nothing.
fn run(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("no corpus {target}: {error}"));
    let mut inputs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "the corpus {target} is empty");
    for input in &inputs {
        let bytes = fs::read(input).unwrap();
        if let Err(panic) = std::panic::catch_unwind(|| body(&bytes)) {
            eprintln!("the input is fuzz/corpus/{target}/{}", input.file_name().unwrap().display());
            std::panic::resume_unwind(panic);
        }
    }
    // Not by `eprintln!`, which the test harness swallows.
    let line = format!("{target}: {} inputs\n", inputs.len());
    io::stderr().write_all(line.as_bytes()).unwrap();
}

#[test]
fn decoders() {
    run("decoders", targets::decoders::run);
}

#[test]
fn formats() {
    run("formats", targets::formats::run);
}

#[test]
fn client() {
    run("client", targets::client::run);
}

#[test]
fn server() {
    run("server", targets::server::run);
}

#[test]
fn network() {
    run("network", targets::network::run);
}

#[test]
fn log() {
    run("log", targets::log::run);
}

/// It is part of every checkout.
#[test]
fn all_of_it_is_less_than_a_mebibyte() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let inputs = |corpus: io::Result<fs::DirEntry>| fs::read_dir(corpus.unwrap().path()).unwrap();
    let all = fs::read_dir(corpora).unwrap().flat_map(inputs);
    let bytes: u64 = all.map(|input| input.unwrap().metadata().unwrap().len()).sum();
    assert!((1..1 << 20).contains(&bytes), "{bytes} bytes");
}
