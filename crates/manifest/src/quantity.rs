//! Sizes, durations and counts as people write them. The command line reads its flags with the same functions.

use std::time::Duration;

/// Reads a size in bytes: `64MiB`, `8MB`, `1.5GiB`, `65536`, `1_000_000`.
///
/// `KiB`, `MiB`, `GiB` and `TiB` are powers of 1024; `KB`, `MB`, `GB` and `TB` of 1000.
///
/// # Errors
/// What to write instead.
pub fn parse_size(text: &str) -> Result<u64, String> {
    const HELP: &str = "write bytes, or a number with `KiB`, `MiB`, `GiB` (1024) or `KB`, `MB`, `GB` (1000): `64MiB`";
    let (number, unit) = split(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "k" | "m" | "g" | "t" | "ki" | "mi" | "gi" | "ti" => {
            let letter = unit.chars().next().map(|letter| letter.to_ascii_uppercase()).unwrap_or('M');
            return Err(format!("say which: `{number}{letter}iB` (1024) or `{number}{letter}B` (1000)"));
        }
        _ => return Err(HELP.to_owned()),
    };
    if unit.is_empty() && number.contains('.') {
        return Err(HELP.to_owned());
    }
    scaled(number, factor).ok_or_else(|| HELP.to_owned())
}

/// Reads a whole number: `2000000000`, `2_000_000_000`, `2e9`, `2G` (`k`, `M`, `G` and `T` are powers of 1000).
///
/// # Errors
/// What to write instead.
pub fn parse_count(text: &str) -> Result<u64, String> {
    const HELP: &str = "write a whole number: `2_000_000_000`, `2e9` or `2G`";
    const TOO_LARGE: &str = "the largest number is 18_446_744_073_709_551_615";
    let (number, unit) = split(text);
    let factor = match unit {
        "" => 1,
        "k" | "K" => 1_000,
        "m" | "M" => 1_000_000,
        "g" | "G" | "b" | "B" => 1_000_000_000,
        "t" | "T" => 1_000_000_000_000,
        _ => return Err(HELP.to_owned()),
    };
    let is_large = |number: &str| {
        number.replace('_', "").parse().is_ok_and(|number: f64| number >= u64::MAX as f64 / factor as f64)
    };
    scaled(number, factor).ok_or_else(|| if is_large(number) { TOO_LARGE } else { HELP }.to_owned())
}

/// Reads a duration: `10s`, `500ms`, `2m`, `1h30m`, `1.5s`. The units are `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h` and `d`.
///
/// # Errors
/// What to write instead; for a number without a unit too.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write a number with its unit: `500ms`, `10s`, `2m`, `1h30m`";
    let text = text.trim();
    let mut rest = text;
    let mut nanos: u64 = 0;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(number_length(rest, false));
        let length = after.find(|one: char| one.is_ascii_digit() || one.is_whitespace()).unwrap_or(after.len());
        let (unit, next) = after.split_at(length);
        let factor: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" | "sec" => 1_000_000_000,
            "m" | "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "" if !number.is_empty() && next.is_empty() && last == u64::MAX => {
                return Err(format!("say the unit: `{number}s` or `{number}ms`"));
            }
            _ => return Err(HELP.to_owned()),
        };
        if factor >= last {
            return Err(HELP.to_owned());
        }
        last = factor;
        nanos = scaled(number, factor).and_then(|part| nanos.checked_add(part)).ok_or_else(|| HELP.to_owned())?;
        rest = next.trim_start();
    }
    if last == u64::MAX { Err(HELP.to_owned()) } else { Ok(Duration::from_nanos(nanos)) }
}

/// A number and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (number, unit) = text.split_at(number_length(text, true));
    (number.trim(), unit.trim())
}

fn number_length(text: &str, exponent: bool) -> usize {
    let bytes = text.as_bytes();
    let mut length = bytes.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'.')).count();
    if exponent && matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(bytes.get(length + 1) == Some(&b'+'));
        let digits = bytes.iter().skip(length + 1 + sign).take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            length += 1 + sign + digits;
        }
    }
    length
}

/// `number × factor`, exactly; none where the result is not whole or does not fit.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let number = number.replace('_', "").to_ascii_lowercase();
    let (mantissa, exponent) = number.split_once('e').unwrap_or((&number, "0"));
    let exponent: u32 = exponent.trim_start_matches('+').parse().ok().filter(|exponent| *exponent <= 19)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || mantissa.ends_with('.') || fraction.len() > 12 {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse::<u64>().ok()?.into();
    let product = digits.checked_mul(u128::from(factor))?.checked_mul(10u128.pow(exponent))?;
    let divisor = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    // A fraction of a byte or a nanosecond is nobody's intention, but `1.1GiB` is.
    let rest = product % divisor;
    if rest != 0 && factor == 1 {
        return None;
    }
    u64::try_from(product / divisor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("64MiB", 64 << 20),
            ("8MB", 8_000_000),
            ("1.5GiB", 3 << 29),
            ("65536", 65536),
            ("1_000_000", 1_000_000),
            ("64 MiB", 64 << 20),
            ("0", 0),
            ("10b", 10),
            ("18446744073709551615", u64::MAX),
            ("1.1GiB", 1_181_116_006),
        ] {
            assert_eq!(parse_size(text), Ok(expected), "{text}");
        }
        for text in
            ["", "MiB", "64M", "64MiBs", "-1", "1.5", "1.5.2MiB", "18446744073709551616", "99999999TiB", "1e", "1.MiB"]
        {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert!(parse_size("64M").unwrap_err().contains("`64MiB` (1024) or `64MB` (1000)"));
    }

    #[test]
    fn counts() {
        for (text, expected) in [
            ("2000000000", 2_000_000_000),
            ("2_000_000_000", 2_000_000_000),
            ("2e9", 2_000_000_000),
            ("2.5e3", 2_500),
            ("2G", 2_000_000_000),
            ("1.5M", 1_500_000),
            ("10k", 10_000),
        ] {
            assert_eq!(parse_count(text), Ok(expected), "{text}");
        }
        for text in ["", "e9", "2.5", "-1", "2X", "abc"] {
            assert!(parse_count(text).unwrap_err().contains("`2e9`"), "{text}");
        }
        for text in ["18446744073709551616", "99_999_999_999_999_999_999", "1e99", "99999999T"] {
            assert!(parse_count(text).unwrap_err().contains("18_446_744_073_709_551_615"), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in [
            ("10s", 10_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1.5s", 1_500),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "10x", "1m1h", "1s1s", "-1s", "1..5s", "99999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(parse_duration("10"), Err("say the unit: `10s` or `10ms`".to_owned()));
    }
}
