//! Text: case, order, counts.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation as _;

/// Words that a title leaves small, unless they begin it.
const SMALL: [&str; 14] = ["a", "an", "the", "and", "or", "but", "in", "on", "at", "to", "for", "of", "with", "by"];

/// Every word with one capital; the space between them stays as it is.
pub fn proper(text: &str) -> String {
    words(text, |_, word| capitalised(word))
}

/// As [`proper`], with small words small.
pub fn title(text: &str) -> String {
    words(text, |position, word| {
        let lower = word.to_lowercase();
        if position > 0 && SMALL.contains(&lower.as_str()) { lower } else { capitalised(word) }
    })
}

/// The text with every word changed.
fn words(text: &str, change: impl Fn(usize, &str) -> String) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut position = 0;
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end_matches(char::is_whitespace);
        if !word.is_empty() {
            changed.push_str(&change(position, word));
            position += 1;
        }
        changed.push_str(&part[word.len()..]);
    }
    changed
}

/// The word in small letters, its first letter (or digit) large.
fn capitalised(word: &str) -> String {
    let Some(start) = word.find(char::is_alphanumeric) else { return word.to_owned() };
    let (before, rest) = word.split_at(start);
    let mut capital = String::from(before);
    let lower = rest.to_lowercase();
    let Some(first) = rest.chars().next() else { return capital };
    match first {
        // The letters whose capital in front of small letters is another one than among capitals.
        'Ǆ' | 'ǅ' | 'ǆ' => capital.push('ǅ'),
        'Ǉ' | 'ǈ' | 'ǉ' => capital.push('ǈ'),
        'Ǌ' | 'ǋ' | 'ǌ' => capital.push('ǋ'),
        'Ǳ' | 'ǲ' | 'ǳ' => capital.push('ǲ'),
        _ => {
            // `ß` becomes `Ss`, not `SS`.
            let mut large = first.to_uppercase();
            capital.extend(large.next());
            capital.extend(large.flat_map(char::to_lowercase));
        }
    }
    // The small form of the whole, so that a sigma at the end is one at the end.
    let skipped: usize = first.to_lowercase().map(char::len_utf8).sum();
    capital.push_str(lower.get(skipped..).unwrap_or_default());
    capital
}

/// The text from its end, by what a reader takes for one character.
pub fn reversed(text: &str) -> String {
    text.graphemes(true).rev().collect()
}

/// How many characters, words and lines there are, or one of them.
pub fn counts(text: &str, count_type: &str) -> Option<String> {
    let characters = text.chars().count();
    let words = text.split_whitespace().count();
    let lines = text.lines().count();
    Some(match count_type {
        "characters" | "chars" => format!("{{\"char_count\":{characters}}}"),
        "words" => format!("{{\"word_count\":{words}}}"),
        "lines" => format!("{{\"line_count\":{lines}}}"),
        "all" => format!("{{\"char_count\":{characters},\"word_count\":{words},\"line_count\":{lines}}}"),
        _ => return None,
    })
}

/// The word without what stands before and behind it: `don't` of `(don't!)`.
fn bare(word: &str) -> &str {
    // By what a reader takes for one character, so that an accent of its own stays with its letter.
    let is_letter = |(_, cluster): &(usize, &str)| cluster.starts_with(char::is_alphanumeric);
    let start = word.grapheme_indices(true).find(is_letter).map_or(word.len(), |(at, _)| at);
    let end = word.grapheme_indices(true).rfind(is_letter).map_or(start, |(at, cluster)| at + cluster.len());
    &word[start..end]
}

/// How often each word is there, in small letters; sorted.
pub fn frequencies(text: &str) -> String {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut total = 0_u64;
    for word in text.split_whitespace().map(bare).filter(|word| !word.is_empty()) {
        *counted.entry(word.to_lowercase()).or_default() += 1;
        total += 1;
    }
    let mut json = format!("{{\"total_words\":{total},\"total_unique_words\":{},\"frequencies\":{{", counted.len());
    for (position, (word, count)) in counted.iter().enumerate() {
        let comma = if position > 0 { "," } else { "" };
        let _ = write!(json, "{comma}{}:{count}", crate::json::quoted(word));
    }
    json.push_str("}}");
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_one_capital() {
        for (text, expected) in [
            ("hello WORLD", "Hello World"),
            ("  two\n lines\t", "  Two\n Lines\t"),
            ("(well-known) 'tis 3rd", "(Well-known) 'Tis 3rd"),
            ("ßtraße ǆ ΟΔΟΣ ΟΣ İstanbul", "Sstraße ǅ Οδος Ος İstanbul"),
            ("", ""),
            ("-- 42", "-- 42"),
        ] {
            assert_eq!(proper(text), expected, "{text}");
        }
        assert_eq!(title("THE lord of the rings"), "The Lord of the Rings");
    }

    #[test]
    fn what_belongs_together_stays_together() {
        for (text, expected) in [
            ("hello", "olleh"),
            ("e\u{301}a", "ae\u{301}"),
            ("a🇩🇪🇫🇷b", "b🇫🇷🇩🇪a"),
            ("👨‍👩‍👧!", "!👨‍👩‍👧"),
            ("1\r\n2", "2\r\n1"),
            ("", ""),
        ] {
            assert_eq!(reversed(text), expected, "{text}");
        }
    }

    #[test]
    fn tokens_are_counted() {
        let all = counts("héllo wörld\nthree", "all");
        assert_eq!(all.as_deref(), Some(r#"{"char_count":17,"word_count":3,"line_count":2}"#));
        assert_eq!(counts("", "lines").as_deref(), Some(r#"{"line_count":0}"#));
        assert_eq!(counts("a", "bytes"), None);
    }

    #[test]
    fn words_are_counted_in_small_letters() {
        assert_eq!(
            frequencies("Don't panic, (don't) PANIC! Ça va? \"ça\" cafe\u{301}."),
            "{\"total_words\":8,\"total_unique_words\":5,\"frequencies\":{\"cafe\u{301}\":1,\"don't\":2,\"panic\":2,\"va\":1,\"ça\":2}}"
        );
        assert_eq!(frequencies(" … "), r#"{"total_words":0,"total_unique_words":0,"frequencies":{}}"#);
    }
}
