//! `did you mean …?`

use std::sync::Arc;

/// Longer names are no slips of the pen, and comparing them costs.
const LONGEST: usize = 256;

/// The name that was probably meant.
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a Arc<str>>) -> Option<&'a Arc<str>> {
    if name.len() > LONGEST {
        return None;
    }
    let near = known.into_iter().filter(|known| known.len() <= LONGEST).filter_map(|known| {
        let distance = strsim::osa_distance(name, known);
        let shorter = name.chars().count().min(known.chars().count());
        let slip = distance <= 3 && distance < shorter;
        (slip || name.eq_ignore_ascii_case(known)).then_some((distance, known))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// `did you mean \`a\`? There is a, b`, or all that there is, or nothing where there is nothing.
pub(crate) fn help<'a>(name: &str, known: impl IntoIterator<Item = &'a Arc<str>> + Clone) -> Option<String> {
    let list = list(known.clone().into_iter().map(|known| &**known));
    match similar(name, known) {
        Some(similar) => Some(format!("did you mean `{similar}`?")),
        None if list.is_empty() => None,
        None => Some(format!("there is {list}")),
    }
}

/// `a`, `b`, …: at most a dozen, and how many more.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let mut names = names.into_iter();
    let mut text = names.by_ref().take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let known: Vec<Arc<str>> = vec!["orders".into(), "currency".into()];
        assert_eq!(similar("oders", &known).map(|name| &**name), Some("orders"));
        assert_eq!(similar("CURRENCY", &known).map(|name| &**name), Some("currency"));
        assert_eq!(similar("abc", &known), None);
        assert_eq!(help("abc", &known).unwrap(), "there is `orders`, `currency`");
        assert_eq!(help("abc", &[]), None);
    }
}
