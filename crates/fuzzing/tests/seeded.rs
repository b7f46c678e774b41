//! The fuzzers' functions over inputs that are made from seeds: the repository's own guests, units and manifests, damaged, and plain
//! noise. The same inputs each time, on stable Rust.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the seed is printed on failure")]

use std::collections::BTreeMap;
use std::path::Path;

use chacha20::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use wasmill_fuzzing::{Smithed, inspect, json_wit, load, manifest, smith};

/// Runs `body` over `count` inputs. A panic is preceded by the number of its input, which is the seed that makes it again.
fn drive(count: u64, make: impl Fn(&mut ChaCha8Rng) -> Vec<u8>, mut body: impl FnMut(&[u8])) {
    for seed in 0..count {
        let input = make(&mut ChaCha8Rng::seed_from_u64(seed));
        let guard = Seed(seed);
        body(&input);
        std::mem::forget(guard);
    }
}

/// Says its number when a panic passes.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        println!("the input is that of seed {}", self.0);
    }
}

fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    (random.next_u64() % bound.max(1) as u64) as usize
}

fn noise(random: &mut ChaCha8Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; below(random, most)];
    random.fill_bytes(&mut bytes);
    bytes
}

/// One of these, with some bytes changed, put in, taken out or cut off.
fn damaged(random: &mut ChaCha8Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[below(random, seeds.len())].clone();
    for _ in 0..1 + below(random, 4) {
        let at = below(random, bytes.len());
        match below(random, 6) {
            _ if bytes.is_empty() => {}
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, noise(random, 8)).for_each(drop),
            2 => bytes.drain(at..(at + 1 + below(random, 8)).min(bytes.len())).for_each(drop),
            3 => bytes[at] ^= 1 << below(random, 8),
            _ => bytes[at] = random.next_u32() as u8,
        }
    }
    bytes
}

fn collect(folder: &Path, take: &mut dyn FnMut(&Path)) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { collect(&path, take) } else { take(&path) }
    }
}

fn files(extension: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for folder in ["guests", "examples"] {
        collect(&wasmill_testkit::workspace().join(folder), &mut |path| {
            if path.extension().is_some_and(|found| found == extension) {
                found.push(std::fs::read(path).unwrap());
            }
        });
    }
    assert!(!found.is_empty(), "there is no .{extension}");
    found
}

#[test]
fn inspection_never_panics() {
    let mut seeds: Vec<Vec<u8>> =
        files("wat").iter().map(|text| wat::parse_bytes(text).unwrap().into_owned()).collect();
    seeds.extend(files("wasm"));
    seeds.retain(|seed| seed.len() < 30_000);
    drive(5_000, |random| damaged(random, &seeds), inspect);
    drive(2_000, |random| noise(random, 200), inspect);
}

#[test]
fn loading_never_panics() {
    let seeds = files("wat");
    drive(1_000, |random| damaged(random, &seeds), load);
}

#[test]
fn reading_a_manifest_never_panics() {
    let mut seeds = Vec::new();
    for (extension, format) in [("yaml", 0), ("json", 1), ("toml", 2)] {
        for folder in ["examples", "crates/manifest/tests"] {
            collect(&wasmill_testkit::workspace().join(folder), &mut |path| {
                if path.extension().is_some_and(|found| found == extension) {
                    seeds.push([&[format], std::fs::read(path).unwrap().as_slice()].concat());
                }
            });
        }
    }
    assert!(seeds.len() > 3, "{} manifests", seeds.len());
    drive(3_000, |random| damaged(random, &seeds), manifest);
}

#[test]
fn values_survive_both_ways() {
    drive(400, |random| noise(random, 600), json_wit);
}

#[test]
fn made_modules_keep_to_their_limits() {
    let mut ran = BTreeMap::new();
    drive(
        300,
        |random| {
            let mut bytes = vec![0; 4_000];
            random.fill_bytes(&mut bytes);
            bytes
        },
        |input| {
            if let Smithed::Ran(kind) = smith(input) {
                *ran.entry(kind).or_insert(0) += 1;
            }
        },
    );
    println!("{ran:?}");
    let count: u32 = ran.values().sum();
    assert!(count > 100 && ran.len() > 3, "too few ran, or all alike: {ran:?}");
}
