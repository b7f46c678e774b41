//! Programs that come as Python packages, installed into a folder of their own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::{During, Failure, Outcome};
use crate::process;

/// `python3 -m pip install --target FOLDER REQUIREMENT`: neither root nor a virtual environment is needed.
pub(crate) fn install(requirement: &str, folder: &Path) -> Outcome {
    pip_install(requirement, folder, |command| {
        command.arg(requirement);
    })
}

/// The same, where what comes has one of these digests.
pub(crate) fn install_exactly(requirement: &str, digests: &[&str], folder: &Path) -> Outcome {
    let file = folder.join("requirements.txt");
    let digests: String = digests.iter().map(|digest| format!(" --hash=sha256:{digest}")).collect();
    fs::write(&file, format!("{requirement}{digests}\n")).during(file.display())?;
    pip_install(requirement, folder, |command| {
        command.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(&file);
    })
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
