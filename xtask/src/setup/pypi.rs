//! Programs that come as Python packages, installed into a folder of their own.

use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process;

/// `python3 -m pip install --target FOLDER REQUIREMENT`: neither root nor a virtual environment is needed.
pub(crate) fn install(requirement: &str, folder: &Path) -> Outcome {
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
    process::capture(
        pip(&["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"])
            .arg(folder)
            .arg(requirement),
    )
    .map_err(|failure| failure.help("check the network and pip's settings, then run `cargo xtask setup` again"))?;
    Ok(())
}
