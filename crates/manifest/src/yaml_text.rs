//! YAML as text: mappings a key a line, and in one line what is short.

use std::fmt::Write as _;

use crate::tree::Data;
use crate::yaml_scalar;

/// The longest line that a mapping or a list shares.
const WIDTH: usize = 100;

/// What is written.
pub(crate) enum Yaml {
    /// A scalar as it stands in the file.
    Scalar(String),
    /// Text, of several lines perhaps.
    Text(String),
    Map(Vec<(String, Yaml)>),
    List(Vec<Yaml>),
}

impl Yaml {
    /// Something that means itself: a number, a boolean, a size.
    pub(crate) fn plain(value: impl ToString) -> Yaml {
        Yaml::Scalar(value.to_string())
    }

    pub(crate) fn text(text: &str) -> Yaml {
        Yaml::Text(text.to_owned())
    }

    /// JSON, which is YAML too.
    pub(crate) fn json(json: &str) -> Yaml {
        Yaml::Scalar(json.to_owned())
    }

    /// A number that stays a float.
    pub(crate) fn float(number: f64) -> Yaml {
        Yaml::Scalar(if number.is_nan() {
            ".nan".to_owned()
        } else if number.is_infinite() {
            if number > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() }
        } else {
            format!("{number:?}")
        })
    }

    pub(crate) fn document(&self) -> String {
        let mut text = String::new();
        self.block(0, &mut text);
        text
    }

    /// In lines of its own, each indented.
    fn block(&self, indent: usize, out: &mut String) {
        match self {
            Yaml::Map(members) => {
                for (key, value) in members {
                    let _ = write!(out, "{:indent$}{}:", "", scalar(key, true));
                    value.behind_key(indent, out);
                }
            }
            Yaml::List(items) => {
                for item in items {
                    let _ = write!(out, "{:indent$}-", "");
                    item.behind_key(indent, out);
                }
            }
            Yaml::Scalar(_) | Yaml::Text(_) => {
                let _ = writeln!(out, "{:indent$}{}", "", self.flow());
            }
        }
    }

    /// Behind `key:` or `-`.
    fn behind_key(&self, indent: usize, out: &mut String) {
        // The outermost keys open a block each; what is in them is mostly short.
        let is_outer = indent == 0;
        match self {
            Yaml::Text(text) if is_block(text) => {
                let chomp = if text.ends_with('\n') { "" } else { "-" };
                let _ = writeln!(out, " |{chomp}");
                for line in text.lines() {
                    let inner = if line.is_empty() { 0 } else { indent + 2 };
                    let _ = writeln!(out, "{:inner$}{line}", "");
                }
            }
            Yaml::Map(members) if !members.is_empty() && (is_outer || !self.fits(indent)) => {
                out.push('\n');
                self.block(indent + 2, out);
            }
            Yaml::List(items) if !items.is_empty() && !self.fits(indent) => {
                out.push('\n');
                self.block(indent + 2, out);
            }
            _ => {
                let _ = writeln!(out, " {}", self.flow());
            }
        }
    }

    fn fits(&self, indent: usize) -> bool {
        !self.has_block() && indent + self.flow().len() <= WIDTH
    }

    /// Whether there is text in it that is better read in lines.
    fn has_block(&self) -> bool {
        match self {
            Yaml::Scalar(_) => false,
            Yaml::Text(text) => is_block(text),
            Yaml::Map(members) => members.iter().any(|(_, value)| value.has_block()),
            Yaml::List(items) => items.iter().any(Yaml::has_block),
        }
    }

    /// In one line.
    fn flow(&self) -> String {
        match self {
            Yaml::Scalar(text) => text.clone(),
            Yaml::Text(text) => scalar(text, false),
            Yaml::Map(members) if members.is_empty() => "{}".to_owned(),
            Yaml::Map(members) => {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!("{}: {}", scalar(key, true), value.flow())).collect();
                format!("{{ {} }}", members.join(", "))
            }
            Yaml::List(items) => {
                let items: Vec<String> = items.iter().map(Yaml::flow).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

/// Whether a text is written in lines of its own: several, without anything that a block would not keep.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\n', '\t'])
        && body.lines().all(|line| !line.ends_with([' ', '\t']))
        && text.chars().all(|one| one == '\n' || is_printable(one))
}

/// Characters that a plain or a block scalar holds as they are.
fn is_printable(one: char) -> bool {
    matches!(one, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(one, '\u{2028}' | '\u{2029}')
        && !is_bidi_control(one)
}

/// What turns the order of letters around (`Bidi_Control` of Unicode): a file with these reads differently from what it says.
fn is_bidi_control(one: char) -> bool {
    matches!(one, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON with escapes for the characters that are no part of YAML, that some of its readers take for the end of a line, or that hide what is written.
pub(crate) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    json.chars().for_each(|one| character(one, &mut out));
    out
}

/// A text in one line: bare where nobody could take it for something else, and else in double quotes, as JSON has them.
fn scalar(text: &str, is_key: bool) -> String {
    let first_is_right = text.starts_with(|first: char| first.is_alphanumeric() || matches!(first, '_' | '.' | '/'));
    let is_bare = first_is_right
        && text.chars().all(|one| one.is_alphanumeric() && is_printable(one) || matches!(one, '_' | '-' | '.' | '/' | ' '))
        && !text.ends_with(' ')
        && !text.contains("  ")
        && !(is_key && text == "<<")
        && matches!(yaml_scalar::resolve(text), Data::String(_))
        // What other readers of YAML take for something else.
        && !matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "y" | "n")
        && !text.starts_with(|first: char| first.is_ascii_digit());
    if is_bare { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for one in text.chars() {
        match one {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            one => character(one, &mut out),
        }
    }
    out.push('"');
    out
}

/// One character of a text in double quotes. All beyond the first plane are printable, so that four digits do, as JSON has them.
fn character(one: char, out: &mut String) {
    if is_printable(one) {
        out.push(one);
    } else {
        let _ = write!(out, "\\u{:04x}", u32::from(one));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bare_where_it_can_be() {
        for (text, expected) in [
            ("units/a.wasm", "units/a.wasm"),
            ("work-queue", "work-queue"),
            ("two words", "two words"),
            ("true", "\"true\""),
            ("no", "\"no\""),
            ("12", "\"12\""),
            (".5", "\".5\""),
            ("1e3", "\"1e3\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("-", "\"-\""),
            ("é", "é"),
            ("\u{1}\u{feff}", "\"\\u0001\\ufeff\""),
        ] {
            assert_eq!(scalar(text, false), expected, "{text:?}");
        }
    }

    #[test]
    fn floats_stay_floats() {
        for (number, expected) in [(1.0, "1.0"), (0.1, "0.1"), (1e30, "1e30"), (-2.5e-9, "-2.5e-9")] {
            assert_eq!(Yaml::float(number).flow(), expected);
            assert!(matches!(yaml_scalar::resolve(expected), Data::Float(read) if read == number), "{expected}");
        }
    }
}
