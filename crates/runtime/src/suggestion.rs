//! `did you mean …?`

use std::sync::Arc;

/// Longer names are no slips of the pen, and comparing them costs.
const LONGEST: usize = 256;
/// Names that are compared with one that is wrong.
const COMPARED: usize = 500;
/// What may be wrong in a name that was meant to be another.
const SLIPS: usize = 3;
/// Problems for which the name is sought that was meant: whoever has more starts with these.
const SUGGESTED: usize = 100;

/// The name that was probably meant, where not too many problems were `said` already.
pub(crate) fn similar<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a Arc<str>>,
    said: usize,
) -> Option<&'a Arc<str>> {
    if said >= SUGGESTED || name.len() > LONGEST {
        return None;
    }
    let length = name.chars().count();
    // Each character that one has more is a slip of its own.
    let similar_length = |known: &&Arc<str>| known.len() <= LONGEST && length.abs_diff(known.chars().count()) <= SLIPS;
    let near = known.into_iter().filter(similar_length).take(COMPARED).filter_map(|known| {
        let distance = strsim::osa_distance(name, known);
        let slip = distance <= SLIPS && distance < length.min(known.chars().count());
        (slip || name.eq_ignore_ascii_case(known)).then_some((distance, known))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// `did you mean \`a\`?`, or what there is, or nothing where there is nothing. `said`: the problems before this one.
pub(crate) fn help<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a Arc<str>> + Clone,
    said: usize,
) -> Option<String> {
    if let Some(similar) = similar(name, known.clone(), said) {
        return Some(format!("did you mean `{similar}`?"));
    }
    let list = list(known.into_iter().map(|known| &**known));
    (!list.is_empty()).then(|| format!("there is {list}"))
}

/// `a`, `b`, …: at most a dozen, and how many more.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let mut names = names.into_iter();
    let mut text = names.by_ref().take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    // Counting them one by one for each of many problems would cost.
    let more = match names.size_hint() {
        (least, Some(most)) if least == most => least,
        _ => names.count(),
    };
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
        assert_eq!(similar("oders", &known, 0).map(|name| &**name), Some("orders"));
        assert_eq!(similar("CURRENCY", &known, 0).map(|name| &**name), Some("currency"));
        assert_eq!(similar("abc", &known, 0), None);
        assert_eq!(help("abc", &known, 0).unwrap(), "there is `orders`, `currency`");
        assert_eq!(help("abc", &[], 0), None);
    }

    #[test]
    fn the_work_is_bounded() {
        let find = |name: &str, other: &str, others: usize| {
            let mut known: Vec<Arc<str>> = vec![other.into(); others];
            known.push("orders".into());
            similar(name, &known, 0).map(ToString::to_string)
        };
        assert_eq!(find("oders", "somewhere-else", 10 * COMPARED).as_deref(), Some("orders"));
        assert_eq!(find("oders", "others", COMPARED - 1).as_deref(), Some("orders"));
        assert_eq!(find("oders", "another", COMPARED), None);
        let known: Vec<Arc<str>> = vec!["orders".into()];
        assert_eq!(help("oders", &known, SUGGESTED - 1).unwrap(), "did you mean `orders`?");
        assert_eq!(help("oders", &known, SUGGESTED).unwrap(), "there is `orders`");
    }
}
