//! `--secret NAME=env:VARIABLE` and `--secret NAME=@file`. No message here holds a value.

use wasmill_manifest::is_variable_name;
use wasmill_model::Secrets;

use crate::failure::Failure;

/// A file larger than this holds no secret that a unit is given as a variable.
const LARGEST: u64 = 64 << 10;

/// The secrets that the flags name, with their values.
///
/// # Errors
/// A name that is none, a source that is none or cannot be read, or a value that is too short to be kept out of logs.
pub(crate) fn read(items: &[String]) -> Result<Secrets, Failure> {
    let mut secrets = Secrets::default();
    for item in items {
        let (name, source) = item.split_once('=').unwrap_or((item, ""));
        if !is_variable_name(name) {
            // What stands there may be a value in the wrong place.
            let message = "a `--secret` does not begin with a name (letters, digits and `_`, no digit first)";
            return Err(Failure::usage(message, "write `--secret API_KEY=env:API_KEY` or `--secret API_KEY=@FILE`"));
        }
        let value = value(name, source)?;
        if secrets.get(name).is_some() {
            return Err(Failure::usage(format!("the secret `{name}` is given twice"), "leave one of them out"));
        }
        let short = secrets.insert(name, value);
        short.map_err(|error| Failure::usage(error.to_string(), "use a longer one"))?;
    }
    Ok(secrets)
}

fn value(name: &str, source: &str) -> Result<String, Failure> {
    if let Some(variable) = source.strip_prefix("env:") {
        let variable = if variable.is_empty() { name } else { variable };
        return std::env::var(variable).map_err(|error| {
            let why = match error {
                std::env::VarError::NotPresent => "is not set",
                std::env::VarError::NotUnicode(_) => "is not UTF-8",
            };
            let message = format!("the secret `{name}`: the environment variable `{variable}` {why}");
            Failure::usage(message, format!("set it before: `export {variable}`, or write `--secret {name}=@FILE`"))
        });
    }
    if let Some(path) = source.strip_prefix('@') {
        return file(path).map_err(|why| {
            Failure::usage(
                format!("the secret `{name}`: the file `{path}` {why}"),
                "name a text file that you may read",
            )
        });
    }
    let message = format!("`--secret {name}=…` gives no source of the secret");
    let help = format!(
        "write `--secret {name}=env:{name}` or `--secret {name}=@FILE`; the value itself is not taken, as every process of the \
         machine could read it on the command line, and the shell keeps it in its history"
    );
    Err(Failure::usage(message, help))
}

/// The text of a file, without its last line end.
fn file(path: &str) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    if std::fs::metadata(path).map_err(cannot)?.len() > LARGEST {
        return Err(format!("has more than {LARGEST} bytes"));
    }
    let mut text = String::from_utf8(std::fs::read(path).map_err(cannot)?).map_err(|_| "is not UTF-8".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.contains('\0') { Err("has a NUL, which no variable can have".to_owned()) } else { Ok(text) }
}
