//! Units are compiled in a child: bombs go off there, and nothing is left of it.

use insta::assert_snapshot;

use crate::fixtures::ARITHMETIC;
use crate::{json, project};

fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(contents.len() as u32), contents].concat()
}

/// A module of functions without parameters, the first one exported as `f`. A body is its locals and its code.
fn module(body: &[u8], count: u32) -> Vec<u8> {
    let bodies = [&leb(body.len() as u32)[..], body].concat().repeat(count as usize);
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[&leb(count)[..], &vec![0; count as usize]].concat()),
        section(7, b"\x01\x01f\0\0"),
        section(10, &[&leb(count)[..], &bodies].concat()),
    ]
    .concat()
}

/// Half a million blocks within each other: 1.5 MB that some compiler passes cross once for each.
fn nested_blocks() -> Vec<u8> {
    let depth = 500_000;
    module(&[&[0][..], &[2, 0x40].repeat(depth), &vec![0x0b; depth], &[0x0b]].concat(), 1)
}

/// 20,000 locals that are all changed within 20,000 loops: every loop has to know about every local.
fn locals_times_loops() -> Vec<u8> {
    let (locals, loops) = (20_000, 20_000);
    let mut body = [&[1][..], &leb(locals), &[0x7f], &[3, 0x40].repeat(loops)].concat();
    for local in 0..locals {
        body.extend([&[0x20][..], &leb(local), &[0x41, 1, 0x6a, 0x21], &leb(local)].concat());
    }
    body.extend([0x41, 0, 0x0d, 0, 0x0b].repeat(loops));
    body.push(0x0b);
    module(&body, 1)
}

/// One `br_table` of 3,900,000 targets.
fn huge_table() -> Vec<u8> {
    let targets = 3_900_000;
    module(&[&[0, 0x41, 0, 0x0e][..], &leb(targets), &vec![0; targets as usize], &[0, 0x0b]].concat(), 1)
}

#[test]
fn a_bomb_for_the_time_ends_in_time() {
    let project = project().file("bomb.wasm", nested_blocks());
    let output = project.wasmill(["call", "--quiet", "bomb.wasm", "f"]).env("WASMILL_COMPILE_TIMEOUT", "1s").run();
    assert_snapshot!(output.expect(2).to_string());
}

#[test]
fn a_bomb_for_the_memory_ends_at_its_limit() {
    let project = project().file("bomb.wasm", locals_times_loops());
    let output = project.wasmill(["call", "--quiet", "bomb.wasm", "f"]).env("WASMILL_COMPILE_MEMORY", "256MiB").run();
    assert_snapshot!(output.expect(2).to_string());
    let stats = json(project.wasmill(["cache", "stats", "--output", "json"]).run().expect(0));
    assert_eq!(stats["entries"], 0, "nothing of it is kept");
}

#[test]
fn a_bomb_that_the_compiler_knows_is_refused() {
    let project = project().file("bomb.wasm", huge_table());
    assert_snapshot!(project.wasmill(["call", "bomb.wasm", "f"]).run().expect(2).to_string());
}

#[test]
fn what_only_looks_like_a_bomb_runs() {
    // 100 functions of 20,000 locals each; a straight line of a megabyte.
    let many_locals = module(&[&[1][..], &leb(20_000), &[0x7f, 0x0b]].concat(), 100);
    let long = module(&[&[0][..], &[0x41, 1, 0x1a].repeat(350_000), &[0x0b]].concat(), 1);
    let project = project().file("locals.wasm", many_locals).file("long.wasm", long);
    for unit in ["locals.wasm", "long.wasm"] {
        project.wasmill(["call", unit, "f"]).run().expect(0);
    }
}

#[test]
fn too_many_functions_are_refused_before_they_are_compiled() {
    let project = project().file("bomb.wasm", module(&[0, 0x0b], 250_001));
    assert_snapshot!(project.wasmill(["call", "bomb.wasm", "f"]).run().expect(2).to_string());
}

#[test]
fn child_and_parent_make_the_same_code() {
    let project = project().file("arithmetic.wat", ARITHMETIC);
    let entries = || {
        let listed = json(project.wasmill(["cache", "ls", "--output", "json"]).run().expect(0));
        listed["entries"].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect::<Vec<_>>()
    };
    let call = |compiler: &str| {
        let output =
            project.wasmill(["call", "arithmetic.wat", "add", "2", "3"]).env("WASMILL_COMPILER", compiler).run();
        assert_eq!(output.expect(0).text(), "5\n");
    };
    call("in-process");
    let by_parent = entries();
    assert_eq!(by_parent.len(), 1);
    call("child");
    assert_eq!(entries(), by_parent);
    project.wasmill(["cache", "clean", "--all"]).run().expect(0);
    call("child");
    assert_eq!(entries(), by_parent);
    // Without a folder to keep it in, the code comes through the pipe.
    let command = project.wasmill(["call", "arithmetic.wat", "add", "2", "3"]);
    assert_eq!(command.env("WASMILL_CACHE_DIR", "/dev/null/none").run().expect(0).text(), "5\n");
}

#[test]
fn the_childs_verb_is_not_for_people() {
    let project = project();
    for stdin in ["", "hello", &"x".repeat(1000)] {
        let output = project.wasmill(["compile-worker"]).stdin(stdin).run();
        assert_eq!(output.code, Some(12), "{output}");
        assert!(!output.text().is_empty());
    }
    assert!(!project.wasmill(["--help"]).run().text().contains("compile-worker"));
    assert_eq!(project.wasmill(["--quiet", "compile-worker"]).run().code, Some(2));
}

#[test]
fn settings_that_make_no_sense() {
    let project = project().file("arithmetic.wat", ARITHMETIC);
    for (name, value) in [("WASMILL_COMPILE_MEMORY", "0"), ("WASMILL_COMPILE_TIMEOUT", "0s")] {
        let output = project.wasmill(["call", "arithmetic.wat", "add", "2", "3"]).env(name, value).run();
        assert!(output.expect(2).stderr.contains("give more than zero"), "{output}");
    }
    for (name, value) in
        [("WASMILL_COMPILER", "gcc"), ("WASMILL_COMPILE_MEMORY", "much"), ("WASMILL_COMPILE_TIMEOUT", "10")]
    {
        let output = project.wasmill(["call", "arithmetic.wat", "add", "2", "3"]).env(name, value).run();
        assert_snapshot!(format!("settings_that_make_no_sense_{name}"), output.expect(2).to_string());
    }
}

/// The child dies with its parent, whether the parent ends in order or not at all.
#[cfg(target_os = "linux")]
#[test]
fn no_child_outlives_its_parent() {
    let project = project().file("bomb.wasm", nested_blocks());
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        let mut running = project.wasmill(["call", "bomb.wasm", "f"]).start();
        let child = child_of(running.id());
        running.wait_for("compiling 1 unit");
        running.signal(signal);
        let output = running.finish();
        assert_eq!(output.code, code, "{output}");
        while is_running(child) {
            std::thread::yield_now();
        }
    }
}

/// The state and the parent of a process.
#[cfg(target_os = "linux")]
fn state(process: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

#[cfg(target_os = "linux")]
fn is_running(process: u32) -> bool {
    state(process).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Waits for a process to have a child that computes.
#[cfg(target_os = "linux")]
fn child_of(parent: u32) -> u32 {
    loop {
        assert!(is_running(parent), "it ended before it had a child");
        for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let Ok(process) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let command = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
            if state(process).is_some_and(|(_, of)| of == parent) && command.contains("compile-worker") {
                return process;
            }
        }
        std::thread::yield_now();
    }
}
