//! `cargo xtask web`: Wasmill for browsers. The npm package in `target/web/wasmill-web/`, the demo page in `target/web/demo/`, and the page as one
//! file in `target/web/wasmill-demo.html`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::failure::{During, Failure, Outcome};
use crate::guests::path_flags;
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::{process, setup};

const TARGET: &str = "wasm32-unknown-unknown";

/// The most bytes that the core may have.
const LARGEST: u64 = 5_000_000;

/// What the compiler makes use of for this target, and every browser has.
const FEATURES: [&str; 6] =
    ["bulk-memory", "nontrapping-float-to-int", "sign-ext", "mutable-globals", "multivalue", "reference-types"];

/// Files of the package that are in it as they stand in `web/`.
const PACKAGE: [(&str, &str); 4] = [
    ("web/package.json", "package.json"),
    ("web/src/wasmill.js", "wasmill.js"),
    ("web/src/wasmill.d.ts", "wasmill.d.ts"),
    ("web/README.md", "README.md"),
];

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Unoptimised, for trying things out: built in seconds, larger and slower.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(args: &Args, paths: &Paths, printer: &Printer) -> Outcome {
    let built = build(args, paths, printer)?;
    let web = paths.target.join("web");
    let package = web.join("wasmill-web");
    let glue = bindgen(&built, &web.join("glue"))?;
    let (core, smaller) = (web.join("glue").join("wasmill_web_bg.wasm"), package.join("wasmill.wasm"));
    if args.quick {
        write(&smaller, fs::read(&core).during(core.display())?)?;
    } else {
        make_smaller(&core, &smaller, paths, printer)?;
    }

    let worker = fs::read_to_string(paths.root.join("web/src/worker.js")).during("web/src/worker.js")?;
    let source = serde_json::to_string(&format!("\"use strict\";\n{glue}\n{worker}")).during("worker-source.js")?;
    let header = "// Made by `cargo xtask web`: wasm-bindgen's glue and web/src/worker.js, as one script.";
    write(&package.join("worker-source.js"), format!("{header}\nexport default {source};\n"))?;
    for (from, to) in PACKAGE {
        let contents = fs::read(paths.root.join(from)).during(from)?;
        write(&package.join(to), contents)?;
    }
    demo(&package, &web, paths, printer)?;
    let core = fs::metadata(package.join("wasmill.wasm")).during("wasmill.wasm")?.len();
    printer.result(format_args!("{}  core {core} bytes", paths.shown(&package)));
    if core > LARGEST && !args.quick {
        return Err(Failure::new(format!("the core may have {LARGEST} bytes"))
            .help("see what is large with `CARGO_PROFILE_WASI_STRIP=debuginfo`, which leaves the names in"));
    }
    Ok(())
}

/// The core as the compiler makes it.
fn build(args: &Args, paths: &Paths, printer: &Printer) -> Outcome<PathBuf> {
    let toolchain = setup::rust(paths, printer)?;
    // Dependencies first: their folders must be there to be given other names.
    process::capture(cargo().current_dir(&paths.root).args(["fetch", "--quiet", "--locked"]))?;
    printer.progress("building Wasmill for browsers (minutes on a new machine)");
    // A folder of its own: the build of Wasmill for this machine holds the lock of the other.
    let folder = paths.target.join("web-build");
    let mut command = cargo();
    command.current_dir(&paths.root).args(["build", "--quiet", "--locked", "--target", TARGET]);
    command.args(["--package", "wasmill-web", "--target-dir"]).arg(&folder);
    command.args(["--profile", if args.quick { "dev" } else { "wasi" }]);
    command.env("CARGO_ENCODED_RUSTFLAGS", path_flags(paths, &toolchain)?.join("\u{1f}"));
    command.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    toolchain.set(&mut command);
    process::run(&mut command)?;
    Ok(folder.join(TARGET).join(if args.quick { "debug" } else { "wasi" }).join("wasmill_web.wasm"))
}

/// Makes the glue between the core and JavaScript, and gives it.
fn bindgen(built: &Path, folder: &Path) -> Outcome<String> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("wasm-bindgen: {error}"));
    let mut bindgen = Bindgen::new();
    bindgen.input_path(built).typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen.no_modules(true).map_err(|error| failed(&error))?;
    bindgen.generate(folder).map_err(|error| failed(&error))?;
    let glue = folder.join("wasmill_web.js");
    fs::read_to_string(&glue).during(glue.display())
}

/// Runs `wasm-opt`, unless it made the same of the same before.
fn make_smaller(from: &Path, to: &Path, paths: &Paths, printer: &Printer) -> Outcome {
    let wasm_opt = setup::wasm_opt(paths, printer)?;
    let input = fs::read(from).during(from.display())?;
    let kept = from.with_extension("optimized");
    let key = format!("{} {}", crate::digest::sha256(&input), wasm_opt.display());
    if fs::read_to_string(kept.with_extension("key")).is_ok_and(|old| old == key) && to.is_file() {
        return Ok(());
    }
    printer.progress("making it smaller");
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).during(folder.display())?;
    }
    let mut optimize = Command::new(wasm_opt);
    optimize.arg("-Oz").args(FEATURES.map(|feature| format!("--enable-{feature}")));
    optimize.args(["--strip-debug", "--strip-producers"]);
    process::run(optimize.arg(from).arg("-o").arg(to))?;
    write(&kept.with_extension("key"), key)
}

/// The demo page with the package beside it, and all of it as one file.
fn demo(package: &Path, web: &Path, paths: &Paths, printer: &Printer) -> Outcome {
    let folder = web.join("demo");
    let source = paths.root.join("web/demo");
    for entry in fs::read_dir(&source).during(source.display())?.flatten() {
        let contents = fs::read(entry.path()).during(entry.path().display())?;
        write(&folder.join(entry.file_name()), contents)?;
    }
    for name in ["wasmill.js", "worker-source.js", "wasmill.wasm"] {
        let contents = fs::read(package.join(name)).during(name)?;
        write(&folder.join("wasmill-web").join(name), contents)?;
    }

    let mut esbuild = Command::new(setup::esbuild(paths, printer)?);
    esbuild.args(["--bundle", "--format=iife", "--charset=utf8", "--log-level=error"]).arg(folder.join("demo.js"));
    let script = process::capture(&mut esbuild)?;
    let style = fs::read_to_string(source.join("style.css")).during("web/demo/style.css")?;
    let core = BASE64.encode(fs::read(package.join("wasmill.wasm")).during("wasmill.wasm")?);
    let page = fs::read_to_string(source.join("index.html")).during("web/demo/index.html")?;
    let hash = |text: &str| format!("'sha256-{}'", BASE64.encode(Sha256::digest(text.as_bytes())));
    let parts = [
        ("script-src 'self'", format!("script-src {}", hash(&script))),
        ("style-src 'self'", format!("style-src {}", hash(&style))),
        ("connect-src 'self'; ", String::new()),
        ("<link rel=\"stylesheet\" href=\"style.css\">\n", format!("<style>{style}</style>\n")),
        ("<script type=\"module\" src=\"demo.js\"></script>\n", String::new()),
        (
            "</body>",
            format!(
                "<script type=\"application/octet-stream\" id=\"wasm\">{core}</script>\n<script>{script}</script>\n</body>"
            ),
        ),
    ];
    let mut whole = page;
    for (from, to) in parts {
        if whole.matches(from).count() != 1 {
            return Err(Failure::new(format!("web/demo/index.html has not exactly one `{}`", from.trim())));
        }
        whole = whole.replacen(from, &to, 1);
    }
    write(&web.join("wasmill-demo.html"), whole)
}

fn write(path: &Path, contents: impl AsRef<[u8]>) -> Outcome {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).during(folder.display())?;
    }
    fs::write(path, contents).during(path.display())
}
