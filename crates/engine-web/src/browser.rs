//! Which browser this is.

/// Browsers by what their user agents say, the more particular first: nearly all of them say that they are Safari as well.
const BROWSERS: [(&str, &str); 6] = [
    ("Firefox/", "firefox"),
    ("Edg/", "edge"),
    ("HeadlessChrome/", "chromium"),
    ("Chrome/", "chromium"),
    ("Version/", "safari"),
    ("Node.js/", "node"),
];

/// Name and major version, as receipts have them: `chromium 156`.
pub fn version(user_agent: &str) -> String {
    let found = BROWSERS.iter().find_map(|(mark, name)| {
        let (_, rest) = user_agent.split_once(mark)?;
        let major: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(if major.is_empty() { (*name).to_owned() } else { format!("{name} {major}") })
    });
    found.unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn browsers_are_told_apart() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, expected) in [
            (format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/156.0.0.0 Safari/537.36"), "chromium 156"),
            (
                format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} HeadlessChrome/156.0.0.0 Safari/537.36"),
                "chromium 156",
            ),
            (
                format!("Mozilla/5.0 (Windows NT 10.0) {webkit} Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0"),
                "edge 150",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0".to_owned(), "firefox 150"),
            (
                "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15"
                    .to_owned(),
                "safari 26",
            ),
            (String::new(), "unknown"),
        ] {
            assert_eq!(version(&agent), expected, "{agent}");
        }
    }
}
