//! A program in a process of its own.

use std::time::Duration;

use wasmill_artifact::{Confinement, Ended, Environment, Worker, WorkerError};

fn shell(script: &str) -> Worker {
    Worker {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        environment: Environment::Cleared,
        timeout: Duration::from_secs(60),
        most_output: 1 << 20,
        most_said: 4096,
        folder: None,
    }
}

#[test]
fn bytes_in_bytes_out() {
    let finished = shell("cat; echo said >&2; exit 3").run(&[b"one ", &[b'x'; 300_000]]).unwrap();
    assert_eq!(finished.ended, Ended::Exit(3));
    assert_eq!(finished.stdout.len(), 300_004);
    assert_eq!(finished.stderr, "said\n");
    assert!(finished.into_code().is_err(), "only success is code");
}

#[test]
fn a_program_need_not_read_what_it_is_given() {
    let finished = shell("exit 0").run(&[&vec![0; 4 << 20]]).unwrap();
    assert_eq!(finished.ended, Ended::Exit(0));
    let closed = shell("exec 0<&- 1>&-; kill -ABRT $$").run(&[&vec![0; 4 << 20]]).unwrap();
    assert_eq!(closed.ended, Ended::Signal(6));
}

#[test]
fn it_sees_no_environment() {
    // The shell itself sets PWD and its like.
    let finished = shell("env").run(&[]).unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert!(!text.contains("CARGO") && !text.contains("HOME="), "{text}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let worker = Worker { program: "/no/such/program".into(), ..shell("") };
    let error = worker.run(&[]).unwrap_err();
    assert!(matches!(error, WorkerError::NotStarted { .. }));
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}

#[test]
fn an_answer_without_end_is_cut() {
    let error = Worker { most_output: 1000, ..shell("while :; do echo flood; done") }.run(&[]).unwrap_err();
    assert!(matches!(error, WorkerError::TooMuchOutput { limit: 1000 }), "{error}");
    let whole = Worker { most_output: 6, ..shell("echo flood") }.run(&[]).unwrap();
    assert_eq!(whole.stdout, b"flood\n");
    // What is said on stderr is read to its end, and not kept.
    let noisy = shell("head -c 1000000 /dev/zero >&2; echo done").run(&[]).unwrap();
    assert_eq!((noisy.stdout.as_slice(), noisy.stderr.len()), (&b"done\n"[..], 4096));
}

/// Whether a process runs, and goes on to; one that only waits to be reaped by whoever inherited it does not.
#[cfg(target_os = "linux")]
fn is_running(process: &str) -> bool {
    // One that was killed still has to get a processor to end on.
    (0..100_000).all(|_| {
        std::thread::yield_now();
        std::fs::read_to_string(format!("/proc/{process}/stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])))
    })
}

#[cfg(target_os = "linux")]
fn zombies() -> usize {
    let me = format!(" {} ", std::process::id());
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("stat")).ok())
        .filter(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(&format!(" Z{me}"))))
        .count()
}

#[cfg(target_os = "linux")]
#[test]
fn when_its_time_is_up_the_whole_group_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    // Both with the pipes open, and with all of them closed.
    for (index, closing) in ["", "exec 0<&- 1>&- 2>&-;"].iter().enumerate() {
        let pids = folder.path().join(index.to_string());
        let script = format!("{closing} sleep 1000 & echo $! $$ > {}; sleep 1000", pids.display());
        let worker = Worker { timeout: Duration::from_millis(500), ..shell(&script) };
        let error = worker.run(&[b"x"]).unwrap_err();
        assert!(matches!(error, WorkerError::TimedOut { .. }), "{error}");
        let pids = std::fs::read_to_string(pids).unwrap();
        let pids: Vec<&str> = pids.split_whitespace().collect();
        assert_eq!(pids.len(), 2);
        for pid in pids {
            assert!(!is_running(pid), "{pid}");
        }
    }
    assert_eq!(zombies(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn what_it_started_does_not_outlive_it() {
    // Also where it holds a pipe.
    for script in ["sleep 1000 >&- 2>&- <&- & echo $!", "sleep 1000 >&- <&- & echo $!"] {
        let finished = shell(script).run(&[]).unwrap();
        let pid = String::from_utf8(finished.stdout).unwrap();
        assert!(!is_running(pid.trim()), "{pid}");
    }
    assert_eq!(zombies(), 0);
}

/// Without the test below it has nothing to do.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "it is started by the test below"]
fn confined() {
    Confinement { memory: 1 << 30, cpu_seconds: 7 }.apply().unwrap();
    print!("{}", std::fs::read_to_string("/proc/self/limits").unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn who_is_confined_has_given_up_what_it_will_not_need() {
    let args = ["--exact", "worker::confined", "--ignored", "--nocapture"].map(Into::into).to_vec();
    let worker = Worker { program: std::env::current_exe().unwrap(), args, ..shell("") };
    let said = String::from_utf8(worker.run(&[]).unwrap().stdout).unwrap();
    for (limit, most) in [
        ("Max core file size", 0),
        ("Max file size", 0),
        ("Max open files", 32),
        ("Max cpu time", 7),
        ("Max data size", 1 << 30),
        ("Max address space", 17 << 30),
    ] {
        let line = said.lines().find_map(|line| line.strip_prefix(limit)).unwrap_or_else(|| panic!("{limit}: {said}"));
        // Soft and hard; what was lower already is lower still.
        let limits = line.split_whitespace().take(2).map(|limit| limit.parse::<u64>().unwrap_or(u64::MAX));
        assert!(limits.max().is_some_and(|limit| limit <= most), "{limit}: {line}");
    }
}
