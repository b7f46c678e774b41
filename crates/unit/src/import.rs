//! What is known about imports: who provides them, which grant makes them real, and what to say when nobody does.

/// Functions of WASI preview 1, as [`PREVIEW1_MODULE`] has them.
pub const PREVIEW1: &[&str] = &[
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

/// The module that WASI preview 1 is imported from.
pub const PREVIEW1_MODULE: &str = "wasi_snapshot_preview1";

/// The packages of WASI 0.2 that Wasmill provides.
const WASI_PACKAGES: &[&str] = &["cli", "clocks", "io", "random", "filesystem", "sockets"];

/// The interfaces of `wasi:http` that Wasmill provides: a unit sends requests; nobody sends it any.
const WASI_HTTP: &[&str] = &["types", "outgoing-handler"];

/// Wasmill's own host functions: the interface, its functions, and the grant that they need.
const HOST_FUNCTIONS: &[(&str, &str, Option<&str>)] = &[
    ("wasmill:host/files", "read", Some("dirs")),
    ("wasmill:host/http", "fetch", Some("net")),
    ("wasmill:host/time", "sleep", None),
];

fn host_function(module: &str) -> Option<&'static (&'static str, &'static str, Option<&'static str>)> {
    let name = module.split_once('@').map_or(module, |(name, _)| name);
    HOST_FUNCTIONS.iter().find(|(interface, ..)| *interface == name)
}

/// Whether an import is not even linked without its grant: WASI's clocks, files and sockets are always there, but virtual or empty.
pub(crate) fn needs_grant(module: &str) -> bool {
    module.starts_with("wasi:http/") || host_function(module).is_some_and(|(_, _, grant)| grant.is_some())
}

/// Whether Wasmill provides a function that a core module imports.
pub(crate) fn provides_function(module: &str, name: &str) -> bool {
    (module == PREVIEW1_MODULE && PREVIEW1.contains(&name))
        || is_assemblyscript_abort(module, name)
        || host_function(module).is_some_and(|(_, function, _)| *function == name)
}

/// AssemblyScript's `abort(message, file, line, column)`: the engine answers it with a trap.
pub(crate) fn is_assemblyscript_abort(module: &str, name: &str) -> bool {
    module == "env" && name == "abort"
}

/// Whether Wasmill provides an interface that a component imports: `wasi:io/streams@0.2.6`.
pub(crate) fn provides_interface(name: &str) -> bool {
    let wasi = |(package, interface): (&str, &str)| {
        WASI_PACKAGES.contains(&package) || (package == "http" && WASI_HTTP.contains(&interface))
    };
    host_function(name).is_some() || wasi_interface(name).is_some_and(wasi)
}

/// The package and interface of a name like `wasi:clocks/wall-clock@0.2.6`; only of released versions of WASI 0.2.
pub(crate) fn wasi_interface(name: &str) -> Option<(&str, &str)> {
    let (path, version) = name.strip_prefix("wasi:")?.split_once('@')?;
    let patch = version.strip_prefix("0.2.")?;
    if patch.is_empty() || !patch.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    path.split_once('/')
}

/// The grant that makes a core import real.
pub(crate) fn grant_of_function(module: &str, name: &str) -> Option<&'static str> {
    if let Some((_, _, grant)) = host_function(module) {
        return *grant;
    }
    if module != PREVIEW1_MODULE && module != "wasi_unstable" {
        return None;
    }
    const PREFIXES: &[(&str, &str)] = &[
        ("clock_", "clock"),
        ("poll_oneoff", "clock"),
        ("random_", "random"),
        ("path_", "dirs"),
        ("fd_prestat", "dirs"),
        ("fd_readdir", "dirs"),
        ("sock_", "net"),
        ("environ_", "env"),
        ("args_", "args"),
    ];
    PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, grant)| *grant)
}

/// The grant that makes an interface real.
pub(crate) fn grant_of_interface(name: &str) -> Option<&'static str> {
    if let Some((_, _, grant)) = host_function(name) {
        return *grant;
    }
    let path = name.strip_prefix("wasi:")?;
    let path = path.split_once('@').map_or(path, |(path, _)| path);
    match path.split_once('/')? {
        ("clocks", _) => Some("clock"),
        ("random", _) => Some("random"),
        ("filesystem", _) => Some("dirs"),
        ("sockets" | "http", _) => Some("net"),
        ("cli", "environment") => Some("env"),
        _ => None,
    }
}

/// What to do about an import that nobody provides: which tool made it need one, and how to build without.
///
/// For a component, `module` is the interface and `name` is empty.
pub fn missing_import_help(module: &str, name: &str) -> Option<String> {
    let help = match (module, name) {
        ("wbg" | "__wbindgen_placeholder__" | "__wbindgen_externref_xform__", _) => {
            "wasm-bindgen made this module for JavaScript glue; build a plain one (Rust: no `#[wasm_bindgen]` on what is called, \
             target `wasm32-wasip1` or a component with `cargo component`)"
        }
        ("wasi_unstable", _) => {
            "`wasi_unstable` is WASI of 2019; build it again with a current toolchain (`wasi_snapshot_preview1` or WASI 0.2)"
        }
        ("gojs" | "go", _) => {
            "the Go compiler made this for a browser (`GOOS=js`); build it with `GOOS=wasip1 GOARCH=wasm go build`"
        }
        ("wasi_snapshot_preview1", "thread-spawn") | ("wasi", "thread-spawn") => {
            "the unit starts threads, which Wasmill does not run; build it for `wasm32-wasip1`, without `-threads`"
        }
        ("wasi_snapshot_preview1", name) if name.starts_with("sock_") => {
            "this is WasmEdge's socket extension of WASI preview 1; build it for WASI 0.2 to use the network"
        }
        ("wasi_snapshot_preview1", _) => "WASI preview 1 has no such function; build it again with a current toolchain",
        ("env", "memory" | "table") => {
            "the module expects its memory or table from outside; link it without `--import-memory` and `--import-table`"
        }
        ("env", "seed" | "trace" | "console.log" | "Date.now" | "performance.now") => {
            "AssemblyScript imports this from JavaScript; build it with `--use abort=` or with the wasi-shim \
             (`--config ./node_modules/@assemblyscript/wasi-shim/asconfig.json`)"
        }
        ("env", name)
            if name.starts_with("emscripten_")
                || name.starts_with("invoke_")
                || name.starts_with("__syscall_")
                || name.starts_with("_emscripten")
                || name.starts_with("__cxa_")
                || matches!(name, "_abort_js" | "_tzset_js" | "__assert_fail" | "setTempRet0" | "getTempRet0") =>
        {
            "emscripten made this module for its JavaScript runtime; build it with `-sSTANDALONE_WASM`, or with wasi-sdk"
        }
        ("env" | "a", _) => {
            "the function was left undefined when the unit was linked; define it, or link without `--allow-undefined` to see \
             where it is used (emscripten: `-sSTANDALONE_WASM`)"
        }
        ("GOT.mem" | "GOT.func", _) => {
            "the module is a dynamic library; link it statically (without `-shared` and `-fPIC`)"
        }
        (module, "") if module.starts_with("wasi:http/") => {
            "Wasmill lets units send HTTP requests (`wasi:http/outgoing-handler` of WASI 0.2), and sends them none"
        }
        (module, "") if module.starts_with("wasi:") => {
            "Wasmill provides the released versions of WASI 0.2 (cli, clocks, filesystem, io, random, sockets); build it for those"
        }
        (module, "") if module.contains(':') => {
            "compose the component with one that exports this interface (`wac plug`), or leave the import out"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_released_wasi_is_provided() {
        assert!(provides_interface("wasi:clocks/wall-clock@0.2.6"));
        assert!(provides_interface("wasi:cli/stdout@0.2.11"));
        for other in [
            "wasi:http/incoming-handler@0.2.0",
            "wasi:cli/stdout@0.3.0",
            "wasi:io/streams@0.2.0-rc-2023-11-10",
            "wasi:io",
            "my:io/x@0.2.0",
        ] {
            assert!(!provides_interface(other), "{other}");
        }
        assert!(provides_function("wasi_snapshot_preview1", "fd_write"));
        assert!(!provides_function("wasi_snapshot_preview1", "sock_open"));
        assert!(provides_function("env", "abort"));
    }

    #[test]
    fn glue_is_named() {
        assert!(missing_import_help("wbg", "__wbindgen_throw").unwrap().contains("wasm-bindgen"));
        assert!(missing_import_help("env", "emscripten_memcpy_js").unwrap().contains("emscripten"));
        assert!(missing_import_help("gojs", "runtime.ticks").unwrap().contains("GOOS=wasip1"));
        assert!(missing_import_help("wasi_unstable", "fd_write").unwrap().contains("2019"));
        assert_eq!(missing_import_help("other", "thing"), None);
    }
}
