//! Packages of Debian's testing suite, unpacked into a folder with their own C library.
//!
//! apt works on a private state (sources, lists, cache, dpkg status), so neither root nor a newer system is needed, and nothing of
//! the machine changes. The mirror is the one of the machine's own settings. Programs from there are started by the loader from
//! there: `Root::run` gives the words.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{During, Failure, Outcome};
use crate::process;

const KEYRINGS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// Said to be installed, so that a compiler for WebAssembly does not bring one for the host.
const PRESUMED: [&str; 6] = ["gcc", "g++", "cpp", "binutils", "libc-dev", "libc6-dev"];

/// Debian's architectures: name, folder of libraries, loader.
const ARCHITECTURES: [(&str, &str, &str); 2] = [
    ("amd64", "x86_64-linux-gnu", "usr/lib64/ld-linux-x86-64.so.2"),
    ("arm64", "aarch64-linux-gnu", "usr/lib/ld-linux-aarch64.so.1"),
];

/// A folder that packages were unpacked into.
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    libraries: &'static str,
    loader: &'static str,
}

impl Root {
    /// The words that start a program of this root, the loader first.
    pub(crate) fn run(&self, program: &str) -> Vec<PathBuf> {
        vec![
            self.path.join(self.loader),
            "--library-path".into(),
            self.path.join("usr/lib").join(self.libraries),
            self.path.join(program),
        ]
    }

    /// Writes a script that becomes a program of this root, started with these words first.
    pub(crate) fn write_wrapper(&self, program: &str, first: &[&Path], wrapper: &Path) -> Outcome {
        let words: Vec<String> = self.run(program).iter().map(|word| quoted(word)).collect();
        let first: String = first.iter().map(|word| format!(" {}", quoted(word))).collect();
        if let Some(folder) = wrapper.parent() {
            fs::create_dir_all(folder).during(folder.display())?;
        }
        let script = format!("#!/bin/sh\nexec {}{first} \"$@\"\n", words.join(" "));
        fs::write(wrapper, script).during(wrapper.display())?;
        executable(wrapper)
    }
}

/// As one word of a shell.
fn quoted(word: &Path) -> String {
    format!("'{}'", word.display().to_string().replace('\'', "'\\''"))
}

#[cfg(unix)]
fn executable(path: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).during(path.display())
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Outcome {
    Ok(())
}

/// Downloads `packages` and what they depend on, and unpacks all of it into `folder`.
pub(crate) fn unpack(packages: &[&str], folder: &Path) -> Outcome<Root> {
    for program in ["apt-get", "dpkg"] {
        if process::find(program).is_none() {
            return Err(Failure::new(format!(
                "looked for `{program}`, to unpack Debian's packages; this is no Debian"
            )));
        }
    }
    let architecture = process::capture(Command::new("dpkg").arg("--print-architecture"))?;
    let Some(&(architecture, libraries, loader)) = ARCHITECTURES.iter().find(|(name, ..)| *name == architecture.trim())
    else {
        return Err(Failure::new(format!("no recipe unpacks Debian's packages for `{}`", architecture.trim())));
    };
    let keyring = KEYRINGS.iter().find(|path| Path::new(path).is_file()).ok_or_else(|| {
        Failure::new(format!("looked for Debian's keys at {}; they are not there", KEYRINGS.join(" and ")))
            .help("`apt-get install debian-archive-keyring`")
    })?;
    let root = Root { path: folder.to_owned(), libraries, loader };
    let state = folder.with_extension("apt");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", state.join("apt.conf")).args(["--quiet", "--assume-yes"]).args(arguments);
        command
    };
    write_state(&state, architecture, keyring, &mirror()?)?;
    let network =
        "check the network and apt's settings (`apt-get update` should work), then run `cargo xtask setup` again";
    process::capture(&mut apt(&["update"])).map_err(|failure| failure.help(network))?;
    process::capture(apt(&["--download-only", "install"]).args(packages)).map_err(|failure| failure.help(network))?;
    fs::create_dir_all(folder).during(folder.display())?;
    let archives = state.join("cache/archives");
    for entry in fs::read_dir(&archives).during(archives.display())? {
        let package = entry.during(archives.display())?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            process::capture(Command::new("dpkg").arg("-x").arg(&package).arg(folder))?;
        }
    }
    fs::remove_dir_all(&state).during(state.display())?;
    Ok(root)
}

/// The archive that this machine's own apt uses for Debian itself.
fn mirror() -> Outcome<String> {
    let format = "$(LABEL)|$(CREATED_BY)|$(REPO_URI)";
    let targets = process::capture(Command::new("apt-get").args(["indextargets", "--format", format]))?;
    pick_mirror(&targets)
        .ok_or_else(|| Failure::new("looked for Debian's archive among the sources of apt; there is none"))
}

/// Lists that were never downloaded have no label; there the archive is known by the last part of its address.
fn pick_mirror(targets: &str) -> Option<String> {
    let packages = targets.lines().filter_map(|line| {
        let mut fields = line.splitn(3, '|');
        match (fields.next(), fields.next(), fields.next()) {
            (Some(label), Some("Packages"), Some(address)) => Some((label, address)),
            _ => None,
        }
    });
    let labelled = packages.clone().find(|(label, _)| *label == "Debian");
    let named = || packages.clone().find(|(_, address)| address.trim_end_matches('/').ends_with("/debian"));
    labelled.or_else(named).map(|(_, address)| address.to_owned())
}

fn write_state(state: &Path, architecture: &str, keyring: &str, mirror: &str) -> Outcome {
    if state.exists() {
        fs::remove_dir_all(state).during(state.display())?;
    }
    for folder in ["lists/partial", "cache/archives/partial", "state", "sources"] {
        fs::create_dir_all(state.join(folder)).during(state.display())?;
    }
    let write = |name: &str, text: String| fs::write(state.join(name), text).during(state.join(name).display());
    write(
        "sources/testing.sources",
        format!(
            "Types: deb\nURIs: {mirror}\nSuites: testing\nComponents: main\nTargets: Packages\nSigned-By: {keyring}\n"
        ),
    )?;
    let installed = PRESUMED.map(|package| {
        format!(
            "Package: {package}\nStatus: install ok installed\nPriority: optional\nSection: devel\nMaintainer: nobody\n\
             Architecture: {architecture}\nVersion: 99:99\nDescription: presumed\n\n"
        )
    });
    write("status", installed.concat())?;
    let at = |name: &str| state.join(name).display().to_string();
    // An empty `Sandbox::User` lets root download into this folder as root.
    write(
        "apt.conf",
        format!(
            "Dir::Etc::SourceList \"/dev/null\";\nDir::Etc::SourceParts \"{}\";\nDir::State \"{}\";\nDir::State::Lists \"{}\";\n\
             Dir::State::status \"{}\";\nDir::Cache \"{}\";\nAPT::Sandbox::User \"\";\nAPT::Architecture \"{architecture}\";\n\
             APT::Architectures {{ \"{architecture}\"; }};\nAPT::Install-Recommends \"false\";\nAcquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\n",
            at("sources"),
            at("state"),
            at("lists"),
            at("status"),
            at("cache"),
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{pick_mirror, quoted};

    #[test]
    fn folders_may_have_any_name() {
        assert_eq!(quoted(Path::new("/it's here/bin")), r"'/it'\''s here/bin'");
    }

    #[test]
    fn the_archive_of_debian_itself_is_picked() {
        let targets = "Other|Packages|https://a.example/debian/\nDebian|DEP-11|https://b.example/x/\n\
                       Debian-Security|Packages|https://c.example/debian-security/\nDebian|Packages|https://d.example/mirror/\n";
        assert_eq!(pick_mirror(targets).as_deref(), Some("https://d.example/mirror/"));
    }

    #[test]
    fn lists_without_labels_go_by_the_address() {
        let targets = "|Packages|https://c.example/debian-security/\n|Packages|https://d.example/debian/\n";
        assert_eq!(pick_mirror(targets).as_deref(), Some("https://d.example/debian/"));
        assert_eq!(pick_mirror("|Packages|https://e.example/ubuntu/\n"), None);
    }
}
