//! Programs that are kept in: what they may not read, write, use and reach.
#![cfg(target_os = "linux")]

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use wasmill_artifact::{Ended, Environment, Finished, Launch, Worker};

/// Becomes a program: the child of the other tests. Without a `--` among its arguments it has nothing to do.
#[test]
#[ignore = "it is started by the other tests of this file"]
fn launcher() {
    let mut args = std::env::args_os();
    if args.any(|arg| arg == "--") {
        let (_, message) = wasmill_artifact::launch(args);
        eprintln!("{message}");
        std::process::exit(126);
    }
}

fn shell(script: &str) -> Launch {
    Launch {
        program: "/bin/bash".into(),
        args: vec!["-c".into(), script.into()],
        memory: 256 << 20,
        cpu_seconds: 60,
        file_size: 1 << 20,
        readable: Vec::new(),
        writable: Vec::new(),
        network: false,
        all_files: false,
    }
}

fn run(launch: &Launch) -> Finished {
    let first = ["--exact", "launch::launcher", "--ignored", "--nocapture", "--quiet", "--test-threads=1", "--"];
    let worker = Worker {
        program: std::env::current_exe().unwrap(),
        args: first.into_iter().map(Into::into).chain(launch.args()).collect(),
        environment: Environment::Only(vec![("PATH".into(), "/usr/bin:/bin".into())]),
        timeout: Duration::from_secs(120),
        most_output: 1 << 20,
        most_said: 64 << 10,
        folder: None,
    };
    worker.run(&[]).unwrap()
}

/// What the script says on stdout, after what the test program itself says.
fn said(launch: &Launch) -> String {
    let finished = run(launch);
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert_eq!(finished.ended, Ended::Exit(0), "{text}\n{}", finished.stderr);
    text.split_once("running 1 test\n").map_or(text.clone(), |(_, rest)| rest.to_owned()).trim().to_owned()
}

fn writable(folder: &Path, script: &str) -> Launch {
    Launch { writable: vec![folder.to_owned()], ..shell(script) }
}

#[test]
fn files_of_others_cannot_be_read_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let (own, others) = (folder.path().join("own"), folder.path().join("others"));
    for folder in [&own, &others] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("file"), "text").unwrap();
    }
    std::os::unix::fs::symlink(others.join("file"), own.join("link")).unwrap();
    let script = format!(
        "cd {own}; cat file; echo new > made && cat made\n\
         for path in {others}/file link /etc/passwd /etc/shadow /proc/1/environ; do\n\
           cat $path > /dev/null 2>&1 && echo \"read $path\"; done\n\
         for path in {others} /root /home /etc /tmp; do ls $path > /dev/null 2>&1 && echo \"read $path\"; done\n\
         (echo x > {others}/made) 2>/dev/null && echo wrote; rm {others}/file 2>/dev/null && echo removed; true",
        own = own.display(),
        others = others.display(),
    );
    assert_eq!(said(&writable(&own, &script)), "textnew");
    // What is readable can be read, and not written.
    let reading = Launch { readable: vec![others.clone(), "/no/such".into()], ..writable(&own, &script) };
    assert_eq!(said(&reading), format!("textnew\nread {0}/file\nread link\nread {0}", others.display()));
    let trusted = Launch { all_files: true, ..writable(&own, "cat /etc/passwd > /dev/null && echo read") };
    assert_eq!(said(&trusted), "read");
}

#[test]
fn the_network_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let script = format!(
        "(exec 3<>/dev/tcp/127.0.0.1/{}) 2>/dev/null && echo reached || echo not",
        listener.local_addr().unwrap().port()
    );
    assert_eq!(said(&shell(&script)), "not");
    assert_eq!(said(&Launch { network: true, ..shell(&script) }), "reached");
}

#[test]
fn memory_and_files_have_an_end() {
    let folder = tempfile::tempdir().unwrap();
    // A pipe of one endless line: `tail` keeps all of it.
    let hungry = run(&shell("head -c 600000000 /dev/zero | tail -n 1 | wc -c"));
    assert!(hungry.stderr.contains("memory exhausted") || hungry.stderr.contains("allocate"), "{}", hungry.stderr);
    let script = format!("head -c 3000000 /dev/zero > {}/large", folder.path().display());
    run(&writable(folder.path(), &script));
    assert_eq!(std::fs::metadata(folder.path().join("large")).unwrap().len(), 1 << 20);
}

#[test]
fn what_it_starts_is_kept_in_too_and_gone_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "(bash -c 'cat /etc/passwd' 2>/dev/null && echo read); sleep 1000 > /dev/null 2>&1 & echo $! > {}/pid",
        folder.path().display()
    );
    assert_eq!(said(&writable(folder.path(), &script)), "");
    let pid: i32 = std::fs::read_to_string(folder.path().join("pid")).unwrap().trim().parse().unwrap();
    // Gone, or dead and not yet buried by the system, which takes its time.
    let is_alive = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|status| !status.contains(") Z "));
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while is_alive() {
        assert!(std::time::Instant::now() < patience, "it is still running");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_no_launch_starts_nothing() {
    let (_, message) = wasmill_artifact::launch(["memory".into(), "x".into()]);
    assert!(message.contains("for Wasmill itself"), "{message}");
    let missing = run(&Launch { program: "/no/such/program".into(), ..shell("") });
    assert_eq!(missing.ended, Ended::Exit(126));
    assert!(missing.stderr.contains("`/no/such/program` cannot be started"), "{}", missing.stderr);
}
