//! The functions, as data that an engine defines its imports from, and how one is called.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmill_engine::parts::{Stop, panic_message};

use crate::errno::Errno;
use crate::{
    Answer, End, Failure, GuestMemory, Memory, Meter, Preview1, Wait, clock, descriptor, environment, file, folder,
    poll, stream,
};

/// The type of a parameter or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// A function that units import.
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Its parameters.
    pub parameters: &'static [Type],
    /// What it returns, an errno; nothing where it does not return.
    pub result: Option<Type>,
    /// Whether it asks the system, which takes nobody knows how long.
    asks_system: bool,
    run: Run,
}

type Run = fn(&mut Preview1, &mut GuestMemory<'_>, &[u64]) -> Answer;

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Function {
    /// None where there is no such function.
    pub fn named(name: &str) -> Option<&'static Function> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }
}

/// What a function returns.
#[derive(Debug)]
pub enum Returned {
    /// This, at once.
    Now(i32),
    /// What [`Wait::over`] gives, when that time has come.
    Later(Box<Wait>),
}

impl Preview1 {
    /// Calls a function with arguments as WebAssembly has them, those of 32 bits in the low half; `left` is the fuel that the guest has now.
    /// What it costs is [`Meter::cost`] then.
    ///
    /// A panic of ours stops the guest, where panics unwind: no engine's frames are passed by one.
    ///
    /// # Errors
    /// Why the guest does not go on.
    pub fn call(
        &mut self,
        function: &Function,
        arguments: &[u64],
        memory: Option<Memory<'_>>,
        meter: &mut Meter,
        left: u64,
    ) -> Result<Returned, Box<End>> {
        // What is returned fits two registers: copying more than that costs as much as a short function.
        self.answer(function, arguments, memory, meter, left).map_err(Box::new)
    }

    fn answer(
        &mut self,
        function: &Function,
        arguments: &[u64],
        memory: Option<Memory<'_>>,
        meter: &mut Meter,
        left: u64,
    ) -> Result<Returned, End> {
        let memory = match memory {
            Some(memory) => memory,
            // What does not return says nothing either.
            None if function.result.is_none() => Memory::Slice(&mut []),
            None => return Err(Stop::Abi("a unit that imports WASI exports its `memory`".to_owned()).into()),
        };
        meter.enter(left)?;
        if function.asks_system {
            meter.asks_system();
        }
        let run = AssertUnwindSafe(|| (function.run)(self, &mut GuestMemory::new(memory, meter), arguments));
        let answered = catch_unwind(run).unwrap_or_else(|panic| {
            let message = format!("the host's side of the call panicked: {}", panic_message(&*panic));
            Err(Stop::Host(message).into())
        });
        let returned = match answered {
            Ok(()) => Returned::Now(Errno::SUCCESS.code()),
            Err(Failure::Errno(errno)) => Returned::Now(errno.code()),
            Err(Failure::End(end)) => return Err(end),
            Err(Failure::Wait(wait)) => Returned::Later(wait),
        };
        meter.leave()?;
        Ok(returned)
    }
}

/// A parameter, as it comes from WebAssembly.
trait Parameter: Sized {
    const TYPE: Type;
    fn read(raw: u64) -> Self;
}

impl Parameter for u32 {
    const TYPE: Type = Type::I32;
    fn read(raw: u64) -> Self {
        raw as u32
    }
}

impl Parameter for u64 {
    const TYPE: Type = Type::I64;
    fn read(raw: u64) -> Self {
        raw
    }
}

impl Parameter for i64 {
    const TYPE: Type = Type::I64;
    fn read(raw: u64) -> Self {
        raw.cast_signed()
    }
}

/// The functions, each with its parameters. Of each room, whether its functions ask the system, and what they return.
macro_rules! functions {
    ($($room:ident $asks:literal $result:expr => { $($name:ident($($parameter:ident: $kind:ty),*);)* })*) => {
        /// All functions of preview 1, none twice.
        pub static FUNCTIONS: &[Function] = &[$($(Function {
            name: stringify!($name),
            parameters: &[$(<$kind as Parameter>::TYPE),*],
            result: $result,
            asks_system: $asks,
            run: |preview1, memory, arguments| {
                let &[$($parameter),*] = arguments else {
                    return Err(Stop::Host(concat!("`", stringify!($name), "` was called with other parameters").to_owned()).into());
                };
                $room::$name(preview1, memory, $(<$kind>::read($parameter)),*)
            },
        }),*),*];
    };
}

functions! {
    environment false None => {
        proc_exit(code: u32);
    }
    environment false Some(Type::I32) => {
        args_get(pointers: u32, buffer: u32);
        args_sizes_get(count: u32, bytes: u32);
        environ_get(pointers: u32, buffer: u32);
        environ_sizes_get(count: u32, bytes: u32);
        proc_raise(signal: u32);
        random_get(buffer: u32, length: u32);
        sched_yield();
        sock_accept(fd: u32, flags: u32, opened: u32);
        sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, received: u32, out_flags: u32);
        sock_send(fd: u32, buffers: u32, count: u32, flags: u32, sent: u32);
        sock_shutdown(fd: u32, how: u32);
    }
    clock false Some(Type::I32) => {
        clock_res_get(id: u32, resolution: u32);
        clock_time_get(id: u32, precision: u64, time: u32);
    }
    poll false Some(Type::I32) => {
        poll_oneoff(subscriptions: u32, events: u32, count: u32, written: u32);
    }
    descriptor false Some(Type::I32) => {
        fd_close(fd: u32);
        fd_fdstat_get(fd: u32, stat: u32);
        fd_fdstat_set_flags(fd: u32, flags: u32);
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
        fd_prestat_get(fd: u32, stat: u32);
        fd_prestat_dir_name(fd: u32, path: u32, length: u32);
        fd_renumber(from: u32, to: u32);
    }
    stream false Some(Type::I32) => {
        fd_read(fd: u32, buffers: u32, count: u32, read: u32);
        fd_pread(fd: u32, buffers: u32, count: u32, offset: u64, read: u32);
        fd_write(fd: u32, buffers: u32, count: u32, written: u32);
        fd_pwrite(fd: u32, buffers: u32, count: u32, offset: u64, written: u32);
        fd_seek(fd: u32, offset: i64, whence: u32, position: u32);
        fd_tell(fd: u32, position: u32);
    }
    file true Some(Type::I32) => {
        fd_advise(fd: u32, offset: u64, length: u64, advice: u32);
        fd_allocate(fd: u32, offset: u64, length: u64);
        fd_datasync(fd: u32);
        fd_sync(fd: u32);
        fd_filestat_get(fd: u32, stat: u32);
        fd_filestat_set_size(fd: u32, size: u64);
        fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32);
    }
    folder true Some(Type::I32) => {
        fd_readdir(fd: u32, buffer: u32, length: u32, cookie: u64, used: u32);
        path_create_directory(fd: u32, path: u32, length: u32);
        path_filestat_get(fd: u32, follow: u32, path: u32, length: u32, stat: u32);
        path_filestat_set_times(
            fd: u32, follow: u32, path: u32, length: u32, accessed: u64, modified: u64, flags: u32
        );
        path_link(
            from: u32, follow: u32, old_path: u32, old_length: u32, to: u32, new_path: u32, new_length: u32
        );
        path_open(
            fd: u32, follow: u32, path: u32, length: u32, how: u32, rights: u64, inheriting: u64, flags: u32,
            opened: u32
        );
        path_readlink(fd: u32, path: u32, length: u32, buffer: u32, room: u32, used: u32);
        path_remove_directory(fd: u32, path: u32, length: u32);
        path_rename(from: u32, old_path: u32, old_length: u32, to: u32, new_path: u32, new_length: u32);
        path_symlink(target: u32, target_length: u32, fd: u32, path: u32, length: u32);
        path_unlink_file(fd: u32, path: u32, length: u32);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use bytes::Bytes;
    use wasmill_engine::Cancel;
    use wasmill_engine::parts::{CLOCK_STEP, Deadline};
    use wasmill_model::{Digest, Grants, Input, Limits, Secrets, Source, Value};

    use super::*;
    use crate::{Randomness, Surroundings};

    /// What `wasmill-unit` says that Wasmill provides is there, and nothing else.
    #[test]
    fn every_function_is_there_once() {
        let names: BTreeSet<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        assert_eq!(names, wasmill_unit::PREVIEW1.iter().copied().collect());
        assert_eq!(names.len(), FUNCTIONS.len());
        assert!(Function::named("path_open").is_some_and(|function| function.parameters.len() == 9));
        assert!(Function::named("sock_open").is_none());
    }

    /// A call of a unit with these grants, and 64 bytes of memory.
    struct Guest {
        preview1: Box<Preview1>,
        memory: Vec<u8>,
        deadline: Deadline,
        meter: Meter,
    }

    impl Guest {
        fn new(grants: &Grants, timeout: Duration) -> Guest {
            let deadline = Deadline::new(timeout, &Cancel::new());
            let around = Surroundings {
                grants,
                secrets: &Secrets::default(),
                limits: &Limits::default(),
                unit: Digest::of(b"unit"),
                input: &Input::Single(Value::Null),
                stdin: Bytes::new(),
                stdout_is_log: false,
                sink: None,
                frozen: false,
            };
            let preview1 = Preview1::new(&around).unwrap();
            Guest { preview1, memory: vec![0; 128], meter: Meter::new(&deadline), deadline }
        }

        fn call(&mut self, name: &str, arguments: &[u64], left: u64) -> Result<Returned, End> {
            let memory = Some(Memory::Slice(&mut self.memory));
            let function = Function::named(name).unwrap();
            self.meter.has(0);
            self.preview1.call(function, arguments, memory, &mut self.meter, left).map_err(|end| *end)
        }

        /// Waits for the virtual or the real monotonic clock.
        fn sleep(&mut self, duration: Duration) -> Box<Wait> {
            self.memory[0] = 5;
            self.memory[16] = 1;
            self.memory[24..32].copy_from_slice(&(duration.as_nanos() as u64).to_le_bytes());
            match self.call("poll_oneoff", &[0, 64, 1, 48], 100) {
                Ok(Returned::Later(wait)) => wait,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_call_costs_what_it_moves_and_no_more_than_there_is() {
        let mut guest = Guest::new(&Grants::default(), Duration::from_secs(60));
        let mut returned = guest.call("random_get", &[0, 128], 2).unwrap();
        assert!(matches!(returned, Returned::Now(0)) && guest.meter.cost() == 2, "{returned:?}");
        assert!(guest.memory.iter().any(|byte| *byte != 0));
        assert_eq!(guest.call("random_get", &[0, 128], 1).unwrap_err(), End::OutOfFuel);
        returned = guest.call("fd_close", &[77], 0).unwrap();
        assert!(matches!(returned, Returned::Now(8)), "{returned:?}");
        // Arguments of 32 bits are the low half.
        returned = guest.call("clock_time_get", &[1 | 7 << 32, 0, 8], 0).unwrap();
        assert!(matches!(returned, Returned::Now(0)), "{returned:?}");
        assert_eq!(guest.memory[8..16], CLOCK_STEP.to_le_bytes());
    }

    #[test]
    fn an_exit_needs_no_memory_and_all_else_does() {
        let mut guest = Guest::new(&Grants::default(), Duration::from_secs(60));
        let mut call = |name, arguments: &[u64]| {
            *guest.preview1.call(Function::named(name).unwrap(), arguments, None, &mut guest.meter, 0).unwrap_err()
        };
        assert_eq!(call("proc_exit", &[125]), End::Exit(125));
        assert!(matches!(call("proc_exit", &[126]), End::Stop(Stop::Abi(_))));
        assert!(matches!(call("sched_yield", &[]), End::Stop(Stop::Abi(_))));
        assert!(matches!(call("proc_exit", &[]), End::Stop(Stop::Host(_))));
    }

    #[test]
    fn interfaces_and_functions_are_one_world() {
        let mut guest = Guest::new(&Grants::default(), Duration::from_secs(60));
        let mut other = Guest::new(&Grants::default(), Duration::from_secs(60));
        other.call("random_get", &[0, 8], 1).unwrap();
        let mut bytes = [0; 8];
        guest.preview1.random(Randomness::Secure, &mut bytes).unwrap();
        assert_eq!(bytes, other.memory[..8]);
        let mut insecure = [0; 8];
        guest.preview1.random(Randomness::Insecure, &mut insecure).unwrap();
        assert_ne!(bytes, insecure);
        // Looking at the clock does not move it, reading it does, and a wait is over when its moment has come.
        let preview1 = &guest.preview1;
        assert_eq!(
            (preview1.monotonic_unread(), preview1.monotonic(), preview1.monotonic()),
            (0, Ok(1_000), Ok(2_000))
        );
        preview1.until(3_600_000_000_000).pass_here(&guest.deadline, |_| panic!("somebody sleeps")).unwrap();
        assert_eq!(preview1.monotonic_unread(), 3_600_000_000_000);
        assert_eq!(preview1.arguments().collect::<Vec<_>>(), ["unit"]);
        assert_eq!((preview1.environment().count(), guest.preview1.read_stdin(10).len()), (0, 0));
    }

    #[test]
    fn virtual_time_passes_without_sleeping() {
        let mut guest = Guest::new(&Grants::default(), Duration::from_secs(60));
        let wait = guest.sleep(Duration::from_secs(3600));
        wait.pass_here(&guest.deadline, |_| panic!("somebody sleeps")).unwrap();
        assert_eq!(wait.over(Memory::Slice(&mut guest.memory), &mut guest.meter), Ok(0));
        // One event, with what the guest gave.
        assert_eq!((guest.memory[48], guest.memory[64]), (1, 5));
        guest.call("clock_time_get", &[1, 0, 8], 0).unwrap();
        assert_eq!(guest.memory[8..16], (3_600_000_000_000 + CLOCK_STEP).to_le_bytes());
    }

    #[test]
    fn real_time_is_slept_away_but_no_longer_than_the_call_may_take() {
        let mut grants = Grants::default();
        grants.clock = Source::Real;
        let mut guest = Guest::new(&grants, Duration::from_secs(60));
        let mut slept = Vec::new();
        guest.sleep(Duration::from_secs(5)).pass_here(&guest.deadline, |duration| slept.push(duration)).unwrap();
        guest.sleep(Duration::from_secs(500)).pass_here(&guest.deadline, |duration| slept.push(duration)).unwrap();
        let [short, long] = slept[..] else { panic!("{slept:?}") };
        assert!(short <= Duration::from_secs(5) && long <= Duration::from_secs(60) && short < long, "{slept:?}");
        let wait = Guest::new(&grants, Duration::from_secs(60)).sleep(Duration::from_secs(5));
        let over = Deadline::new(Duration::ZERO, &Cancel::new());
        assert_eq!(wait.pass_here(&over, |_| {}), Err(Stop::Deadline));
    }
}
