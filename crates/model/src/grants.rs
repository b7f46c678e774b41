//! What a step is allowed beyond computing.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize, de};

/// Where a step's clock or randomness comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The same for every run: a clock that starts at the run's declared time, a stream seeded by the unit and its input.
    #[default]
    Virtual,
    /// The machine's own. A step with this is no longer a pure function of its input.
    Real,
}

/// What a step may do with a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirMode {
    /// Read files and list folders.
    #[default]
    Ro,
    /// Also write, make and remove them.
    Rw,
}

/// A folder of the host that a step sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirGrant {
    /// Where the step sees it: `/models`.
    pub at: String,
    /// What it may do there.
    #[serde(default)]
    pub mode: DirMode,
}

/// A host and port that a step may connect to, by TCP, UDP or HTTP: `api.example.com:443`, `[::1]:8080`, `*.example.com:443`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetGrant {
    /// The host as it was granted, in lower case, without brackets; may begin with `*.`, which stands for one label or more.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that is no `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no host and port: {reason}")]
pub struct NetGrantError {
    text: String,
    reason: &'static str,
}

impl NetGrant {
    /// Whether this grant is for that host (a name in any case, or an address without brackets) and port.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        if port != self.port {
            return false;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        match self.host.strip_prefix("*.") {
            Some(domain) => host
                .len()
                .checked_sub(domain.len() + 1)
                .and_then(|label| Some((host.get(..label)?, host.get(label..)?)))
                .is_some_and(|(label, rest)| {
                    !label.is_empty() && rest.strip_prefix('.').is_some_and(|rest| rest.eq_ignore_ascii_case(domain))
                }),
            None => self.host.eq_ignore_ascii_case(host),
        }
    }
}

impl FromStr for NetGrant {
    type Err = NetGrantError;

    fn from_str(text: &str) -> Result<Self, NetGrantError> {
        let fail = |reason| Err(NetGrantError { text: text.to_owned(), reason });
        let Some((host, port)) = text.rsplit_once(':') else { return fail("write `api.example.com:443`") };
        let Some(port) = port.parse().ok().filter(|port| *port != 0) else {
            return fail("the port is a number from 1 to 65535");
        };
        if host.contains("://") || host.contains('/') {
            return fail("a grant is for a host, not for a URL");
        }
        let host = match host.strip_prefix('[') {
            Some(address) => {
                match address.strip_suffix(']').filter(|address| address.parse::<std::net::Ipv6Addr>().is_ok()) {
                    Some(address) => address,
                    None => return fail("there is no IPv6 address between the brackets"),
                }
            }
            None if host.contains(':') => return fail("an IPv6 address stands in brackets: `[::1]:8080`"),
            None => host,
        };
        let name = host.strip_prefix("*.").unwrap_or(host);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
        if name.is_empty() || !name.bytes().all(is_plain) || name.starts_with('.') || name.contains("..") {
            return fail("the host is a name or an address; `*.` may stand before a name");
        }
        Ok(NetGrant { host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for NetGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for NetGrant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NetGrant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The capabilities of one step. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Grants {
    /// The environment that a unit sees through WASI; nothing is inherited from the host.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// The arguments of a command, after its own name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Folders of the host, by their path there. A manifest's are relative to it.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub dirs: IndexMap<PathBuf, DirGrant>,
    /// Hosts that it may connect to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub net: Vec<NetGrant>,
    /// The clock.
    pub clock: Source,
    /// The source of randomness.
    pub random: Source,
    /// Names of secrets: each is an environment variable of the unit. Their values are in no document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Interfaces of host functions that the embedder registered: `acme:billing/prices`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
}

impl Grants {
    /// Whether a step with these grants is a pure function of its input: its clock and randomness are virtual, and it reaches
    /// nothing outside that could answer otherwise another time.
    pub fn is_pure(&self) -> bool {
        self.clock == Source::Virtual
            && self.random == Source::Virtual
            && self.net.is_empty()
            && self.dirs.is_empty()
            && self.secrets.is_empty()
            && self.functions.is_empty()
    }
}

/// Values that no document, log or error shows, by name. They are never serialized, and `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    values: IndexMap<String, Arc<str>>,
}

/// What stands where a secret stood.
const REDACTED: &str = "[secret]";

impl Secrets {
    /// The shortest secret, in bytes: a shorter one would turn up by chance all over a log.
    pub const MIN_LENGTH: usize = 4;

    /// The bytes at the beginning of a longer secret that tell it, where the rest was cut off.
    pub const BEGINNING: usize = 16;

    /// Keeps a secret.
    ///
    /// # Errors
    /// It is shorter than [`Secrets::MIN_LENGTH`].
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Arc<str>>) -> Result<(), SecretTooShort> {
        let (name, value) = (name.into(), value.into());
        if value.len() < Secrets::MIN_LENGTH {
            return Err(SecretTooShort { name });
        }
        self.values.insert(name, value);
        Ok(())
    }

    /// The value of a secret.
    pub fn get(&self, name: &str) -> Option<&Arc<str>> {
        self.values.get(name)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Those with these names, as far as there are such.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Secrets {
        let values = names.iter().filter_map(|name| Some((name.clone(), self.values.get(name)?.clone()))).collect();
        Secrets { values }
    }

    /// The text with `[secret]` wherever a secret stood: as it is or escaped for JSON, whole or cut short after its first
    /// [`Secrets::BEGINNING`] bytes (messages show the beginnings of long values). At the very end of the text
    /// [`Secrets::MIN_LENGTH`] bytes are enough: logs, names and last words are cut anywhere.
    pub fn redact(&self, text: String) -> String {
        let mut hidden: Vec<Range<usize>> = Vec::new();
        for secret in self.values.values() {
            let escaped = serde_json::to_string(secret).unwrap_or_default();
            let escaped = escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default();
            hide(&text, secret, &mut hidden);
            if escaped != &**secret {
                hide(&text, escaped, &mut hidden);
            }
        }
        if hidden.is_empty() {
            return text;
        }
        // Secrets may overlap, or be parts of each other: all of what any of them covers goes.
        hidden.sort_by_key(|range| range.start);
        let mut shown = String::with_capacity(text.len());
        let mut end = 0;
        for range in hidden {
            if range.start >= end {
                shown.push_str(text.get(end..range.start).unwrap_or_default());
                shown.push_str(REDACTED);
            }
            end = end.max(range.end);
        }
        shown.push_str(text.get(end..).unwrap_or_default());
        shown
    }
}

/// Where a secret stands in a text, whole or cut short.
fn hide(text: &str, secret: &str, hidden: &mut Vec<Range<usize>>) {
    let length = (0..=secret.len().min(Secrets::BEGINNING)).rev().find(|length| secret.is_char_boundary(*length));
    let Some(beginning) = secret.get(..length.unwrap_or_default()).filter(|beginning| !beginning.is_empty()) else {
        return;
    };
    for (start, _) in text.match_indices(beginning) {
        let same = text.bytes().skip(start).zip(secret.bytes()).take_while(|(here, there)| here == there).count();
        let end = (start..=start + same).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(start);
        hidden.push(start..end);
    }
    let begun =
        (Secrets::MIN_LENGTH..secret.len().min(Secrets::BEGINNING)).rev().filter_map(|length| secret.get(..length));
    hidden
        .extend(begun.filter(|begun| text.ends_with(begun)).take(1).map(|begun| text.len() - begun.len()..text.len()));
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

/// A secret that is too short to be kept out of logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret `{name}` has fewer than {} bytes: it could not be kept out of logs", Secrets::MIN_LENGTH)]
pub struct SecretTooShort {
    /// The secret's name.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_net_grant_is_for_one_host_and_port() {
        let grant: NetGrant = "API.example.com:443".parse().unwrap();
        assert!(grant.allows("api.EXAMPLE.com", 443) && grant.allows("api.example.com.", 443));
        for (host, port) in [("api.example.com", 80), ("example.com", 443), ("xapi.example.com", 443)] {
            assert!(!grant.allows(host, port), "{host}:{port}");
        }
        let wide: NetGrant = "*.example.com:443".parse().unwrap();
        assert!(wide.allows("a.example.com", 443) && wide.allows("a.b.Example.com", 443));
        for host in ["example.com", ".example.com", "badexample.com", "example.com.evil.org", "é.example.org"] {
            assert!(!wide.allows(host, 443), "{host}");
        }
        let six: NetGrant = "[::1]:8080".parse().unwrap();
        assert!(six.allows("::1", 8080));
        assert_eq!(six.to_string(), "[::1]:8080");
        for bad in
            ["example.com", "https://a.b:443", "a:0", "a:70000", "::1:80", "[x]:1", ":80", "a b:1", "*:80", "a..b:1"]
        {
            assert!(bad.parse::<NetGrant>().is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let mut secrets = Secrets::default();
        secrets.insert("KEY", "s3cr\"et").unwrap();
        assert_eq!(format!("{secrets:?}"), r#"{"KEY"}"#);
        assert_eq!(secrets.redact(r#"a s3cr"et {"k":"s3cr\"et"}"#.to_owned()), r#"a [secret] {"k":"[secret]"}"#);
        assert!(secrets.insert("PIN", "123").is_err());
    }

    #[test]
    fn a_secret_within_another_hides_nothing_of_it() {
        let mut secrets = Secrets::default();
        secrets.insert("SHORT", "abcd").unwrap();
        secrets.insert("LONG", "abcd-efgh").unwrap();
        assert_eq!(secrets.redact("abcd-efgh abcd".to_owned()), "[secret] [secret]");
    }

    #[test]
    fn secrets_that_overlap_or_begin_alike_hide_each_other() {
        let mut secrets = Secrets::default();
        secrets.insert("A", "common-beginning-of-a").unwrap();
        secrets.insert("B", "common-beginning-of-bbb").unwrap();
        secrets.insert("C", "of-a-and-more").unwrap();
        assert_eq!(secrets.redact("common-beginning-of-bbb".to_owned()), "[secret]");
        assert_eq!(secrets.redact("x common-beginning-of-a-and-more y".to_owned()), "x [secret] y");
        assert_eq!(secrets.redact("common-beginning-of-acommon-beginning-of-bbb".to_owned()), "[secret][secret]");
    }

    #[test]
    fn a_secret_that_was_cut_does_not_show() {
        let mut long = Secrets::default();
        long.insert("LONG", "0123456789abcdef-ghijé-klm").unwrap();
        assert_eq!(long.redact("found \"0123456789abcdef-gh…\"".to_owned()), "found \"[secret]…\"");
        assert_eq!(long.redact("0123456789abcdef-ghijè".to_owned()), "[secret]è");
        assert_eq!(long.redact("0123456789abcde.".to_owned()), "0123456789abcde.");
        let mut secrets = Secrets::default();
        secrets.insert("KEY", "s3cr3t-value").unwrap();
        assert_eq!(secrets.redact("log s3cr3t-va".to_owned()), "log [secret]");
        assert_eq!(secrets.redact("log s3c".to_owned()), "log s3c");
        assert_eq!(secrets.redact("s3cr3t-value s3cr3".to_owned()), "[secret] [secret]");
        assert_eq!(secrets.redact("s3cr3t-va s3cr3".to_owned()), "s3cr3t-va [secret]");
    }
}
