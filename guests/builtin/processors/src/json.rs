//! As much of JSON as a call needs: its members and items stay text, so that what passes through keeps every digit.
//!
//! The host wrote it, so that what is in a value is not checked again; but nothing here reads beyond the text.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// The members of an object, each as it is written.
pub struct Members<'a>(Vec<(String, &'a str)>);

impl<'a> Members<'a> {
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

/// The members, where this is an object.
pub fn members(json: &str) -> Option<Members<'_>> {
    let mut members = Vec::new();
    for member in parts(json, '{', '}')? {
        let (key, rest) = member.split_at_checked(value_length(member)?)?;
        members.push((text(key)?, rest.trim_start().strip_prefix(':')?.trim()));
    }
    Some(Members(members))
}

/// The items, where this is a list.
pub fn items(json: &str) -> Option<Vec<&str>> {
    parts(json, '[', ']')
}

/// What stands between the brackets, at each comma.
fn parts(json: &str, open: char, close: char) -> Option<Vec<&str>> {
    let mut rest = json.trim().strip_prefix(open)?.strip_suffix(close)?.trim();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (part, behind) = rest.split_at_checked(part_length(rest)?)?;
        parts.push(part.trim());
        rest = match behind.strip_prefix(',') {
            Some(behind) if !behind.trim().is_empty() => behind.trim_start(),
            None if behind.is_empty() => behind,
            _ => return None,
        };
    }
    Some(parts)
}

/// The bytes up to the next comma that is in no string and in no bracket.
fn part_length(json: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(byte) = json.as_bytes().get(position) {
        match byte {
            b'"' => position += value_length(json.get(position..)?)? - 1,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => return Some(position),
            _ => {}
        }
        position += 1;
    }
    (depth == 0).then_some(position)
}

/// The bytes of a string, with its quotes.
fn value_length(json: &str) -> Option<usize> {
    let mut escaped = false;
    for (position, byte) in json.strip_prefix('"')?.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(position + 2),
            _ => {}
        }
    }
    None
}

/// What a string says, where this is one.
pub fn text(json: &str) -> Option<String> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        let mut characters = behind.chars();
        text.push(match characters.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let first = unit(&mut characters)?;
                if (0xD800..0xDC00).contains(&first) {
                    characters = characters.as_str().strip_prefix("\\u")?.chars();
                    let second = unit(&mut characters)?.checked_sub(0xDC00).filter(|second| *second < 0x400)?;
                    char::from_u32(0x10000 + ((first - 0xD800) << 10) + second)?
                } else {
                    char::from_u32(first)?
                }
            }
            other => other,
        });
        rest = characters.as_str();
    }
    text.push_str(rest);
    Some(text)
}

/// Four hexadecimal digits.
fn unit(characters: &mut core::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit << 4 | characters.next()?.to_digit(16)?))
}

/// A text as a string.
pub fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for one in text.chars() {
        match one {
            '"' | '\\' => json.extend(['\\', one]),
            '\0'..='\u{1f}' => {
                let _ = write!(json, "\\u{:04x}", u32::from(one));
            }
            _ => json.push(one),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_as_they_are_written() {
        let json = r#" {"a" : [1, {"b": "],}"}], "c\u0064": "x\"y" , "e":-1.50e3} "#;
        let members = members(json).unwrap();
        assert_eq!(members.get("a"), Some(r#"[1, {"b": "],}"}]"#));
        assert_eq!(members.get("cd"), Some(r#""x\"y""#));
        assert_eq!(members.get("e"), Some("-1.50e3"));
        assert_eq!(members.get("f"), None);
        assert_eq!(items("[]").unwrap().len(), 0);
        assert_eq!(items(r#"[ 1 ,"a,b",[2,3]]"#).unwrap(), ["1", r#""a,b""#, "[2,3]"]);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for json in ["", "{", "}", "[1,]", "{\"a\"}", "{\"a\":1", "{a:1}", "[1}", "{\"a:1}", "[\"\\\"]", "[]]", "[,]"] {
            assert!(members(json).is_none() && (items(json).is_none() || json == "[1}"), "{json}");
        }
    }

    #[test]
    fn strings_say_what_is_escaped() {
        assert_eq!(text(r#""a\n\t\"\\\/\u00e9\ud83d\ude00""#).as_deref(), Some("a\n\t\"\\/é😀"));
        for json in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ud83d\u0041""#, r#""\u12""#, r#""\"#, "1", "\""] {
            assert_eq!(text(json), None, "{json}");
        }
        assert_eq!(quoted("\"\\\n"), r#""\"\\\u000a""#);
    }
}
