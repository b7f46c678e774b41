//! Large values outside of documents: a document refers to them by digest, and their contents stand elsewhere, each once.
//!
//! A reference is `{"$blob": "<SHA-256 of the contents>", "type": "string" | "bytes" | "json", "size": bytes}`. Text and bytes over the
//! threshold are detached leaf by leaf; a list or an object becomes one as a whole where it is over the threshold without them, the
//! innermost first. Contents are the UTF-8 of text, bytes as they are, and compact JSON for anything else, in which nested references stand
//! as they do in a document.
//!
//! So that data is never taken for a reference, members of objects that are called `$blob` or `$base64` get one more `$` in a document,
//! and so do those that have more already (`$$blob`). [`RunDocument::detach_blobs`](crate::RunDocument::detach_blobs) does both,
//! [`escaped`] only this, and [`attach_blobs`] undoes both.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::value::BYTES_KEY;
use crate::{Digest, Object, Value};

/// Values of more bytes than this are not written into documents: 256 KiB.
pub const BLOB_THRESHOLD: usize = 256 << 10;

/// The most bytes that the references of one value may stand for, each counted as often as it occurs: 4 GiB.
pub const MAX_ATTACHED: u64 = 4 << 30;

/// The member that marks a reference.
const BLOB_KEY: &str = "$blob";
const TYPE_KEY: &str = "type";
const SIZE_KEY: &str = "size";

/// How deep values may nest once all references are resolved. A value that was read as JSON nests half as deep at most.
const MAX_DEPTH: usize = 256;

/// What the contents of a blob are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobKind {
    /// UTF-8 text.
    String,
    /// Bytes as they are.
    Bytes,
    /// Compact JSON of a list or an object.
    Json,
}

impl BlobKind {
    /// The word in references.
    pub const fn as_str(self) -> &'static str {
        match self {
            BlobKind::String => "string",
            BlobKind::Bytes => "bytes",
            BlobKind::Json => "json",
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => BlobKind::String,
            Value::Bytes(_) => BlobKind::Bytes,
            _ => BlobKind::Json,
        }
    }
}

/// What stands in a document in the place of a large value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobRef {
    /// SHA-256 of the contents, as `sha256sum` prints it.
    pub digest: Digest,
    /// What the contents are.
    pub kind: BlobKind,
    /// Bytes of the contents.
    pub size: u64,
}

impl BlobRef {
    /// Whether this object is a reference, and which: it has a member `$blob`.
    ///
    /// # Errors
    /// It has one, and is none.
    pub fn read(object: &Object) -> Result<Option<BlobRef>, BlobError> {
        let Some(marker) = object.get(BLOB_KEY) else { return Ok(None) };
        let reference = || {
            let kinds = [BlobKind::String, BlobKind::Bytes, BlobKind::Json];
            let word = object.get(TYPE_KEY)?.as_str()?;
            let size = match object.get(SIZE_KEY)? {
                Value::Int(size) => u64::try_from(*size).ok()?,
                _ => return None,
            };
            let kind = kinds.into_iter().find(|kind| kind.as_str() == word)?;
            (object.len() == 3).then_some(BlobRef { digest: marker.as_str()?.parse().ok()?, kind, size })
        };
        reference().map(Some).ok_or(BlobError::Malformed)
    }
}

impl From<BlobRef> for Value {
    fn from(reference: BlobRef) -> Value {
        let members = [
            (BLOB_KEY, Value::from(reference.digest.to_string())),
            (TYPE_KEY, Value::from(reference.kind.as_str())),
            (SIZE_KEY, Value::from(reference.size)),
        ];
        Value::from(members.into_iter().map(|(name, value)| (Arc::from(name), value)).collect::<Object>())
    }
}

impl fmt::Display for BlobRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.digest)
    }
}

/// A large value on its way out of a document.
#[derive(Clone, Debug)]
pub struct Blob {
    /// What stands in its place.
    pub reference: BlobRef,
    /// Its contents. Those of text and bytes are shared with the value.
    pub contents: Bytes,
}

/// Why references cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// An object has a member `$blob`, and is no reference.
    #[error(
        "an object with a member `$blob` refers to a large value, and needs exactly `$blob` (64 hexadecimal digits), `type` (`string`, `bytes` or `json`) and `size`"
    )]
    Malformed,
    /// The contents could not be had.
    #[error("the blob {digest} {problem}")]
    Missing {
        /// Which.
        digest: Digest,
        /// Why, to be read behind its digest: `is not there`.
        problem: String,
    },
    /// The contents are not what the reference says.
    #[error("the blob {digest} is not what refers to it: {problem}")]
    Unlike {
        /// Which.
        digest: Digest,
        /// In what.
        problem: String,
    },
    /// References stand for more than [`MAX_ATTACHED`].
    #[error("the references stand for more than {} GiB in all", MAX_ATTACHED >> 30)]
    TooLarge,
    /// Values nest too deep.
    #[error("the references nest too deep")]
    TooDeep,
}

/// Takes large values out of documents. A value that several steps hand on is looked at once.
pub(crate) struct Detaching<'k> {
    /// None when no more is to be taken out.
    threshold: Option<usize>,
    keep: &'k mut dyn FnMut(&Blob) -> bool,
    /// What was taken out, by where it lies in memory. The value is held, so that nothing else gets its place.
    seen: HashMap<(usize, usize), (Value, BlobRef)>,
    /// All that is kept: several values may have the same contents.
    kept: HashSet<BlobRef>,
}

/// What became of a value.
struct Detached {
    /// None where it stays as it is.
    value: Option<Value>,
    /// Bytes of its JSON; where that is over the threshold, any number that is as well.
    size: usize,
}

impl<'k> Detaching<'k> {
    pub(crate) fn new(threshold: usize, keep: &'k mut dyn FnMut(&Blob) -> bool) -> Self {
        Detaching { threshold: Some(threshold), keep, seen: HashMap::new(), kept: HashSet::new() }
    }

    /// Makes the value one that a document can hold.
    pub(crate) fn detach(&mut self, value: &mut Value) {
        if let Some(other) = self.look(value).value {
            *value = other;
        }
    }

    fn look(&mut self, value: &Value) -> Detached {
        match value {
            Value::List(_) | Value::Object(_) => self.container(value),
            Value::String(text) if self.is_over(text.len()) => self.replaced(value, value),
            Value::Bytes(bytes) if self.is_over(bytes.len()) => self.replaced(value, value),
            _ => None,
        }
        .unwrap_or_else(|| Detached { value: None, size: self.measure(value) })
    }

    fn container(&mut self, value: &Value) -> Option<Detached> {
        if let Some((_, reference)) = self.seen.get(&place(value)) {
            return Some(self.detached(Value::from(*reference)));
        }
        let mut size = 2;
        let mut count = 0;
        let Ok(changed) = rebuilt(value, &escaped_name, &mut |name, member| {
            let is_leaf = !matches!(member, Value::List(_) | Value::Object(_));
            // What is over the threshold already is not measured further; only what is large in it is still looked for.
            let looked = match (self.is_over(size) && is_leaf, member) {
                (true, Value::String(text)) if !self.is_over(text.len()) => None,
                (true, Value::Bytes(bytes)) if !self.is_over(bytes.len()) => None,
                (true, Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_)) => None,
                _ => Some(self.look(member)),
            };
            let name = match name {
                Some(name) if !self.is_over(size) => self.counted(name) + 1 + usize::from(level(name).is_some()),
                _ => 0,
            };
            let (value, member) = looked.map_or((None, 0), |looked| (looked.value, looked.size));
            size = size.saturating_add(name + usize::from(count > 0)).saturating_add(member);
            count += 1;
            Ok::<_, Infallible>(value)
        });
        let replaced = match &changed {
            _ if !self.is_over(size) => None,
            Some(shown) => self.replaced(value, shown),
            None => self.replaced(value, value),
        };
        Some(replaced.unwrap_or(Detached { value: changed, size }))
    }

    /// A reference in the place of a value that looks like `shown` in a document; none where its contents are not kept.
    fn replaced(&mut self, value: &Value, shown: &Value) -> Option<Detached> {
        if let Some((_, reference)) = self.seen.get(&place(value)) {
            return Some(self.detached(Value::from(*reference)));
        }
        let contents = shown.to_bytes();
        let (digest, kind) = (Digest::of(&contents), BlobKind::of(value));
        let reference = BlobRef { digest, kind, size: contents.len() as u64 };
        if !self.kept.contains(&reference) && !(self.keep)(&Blob { reference, contents }) {
            self.threshold = None;
            return None;
        }
        self.kept.insert(reference);
        self.seen.insert(place(value), (value.clone(), reference));
        Some(self.detached(Value::from(reference)))
    }

    fn detached(&self, value: Value) -> Detached {
        Detached { size: self.measure(&value), value: Some(value) }
    }

    fn is_over(&self, size: usize) -> bool {
        self.threshold.is_some_and(|threshold| size > threshold)
    }

    /// Bytes of compact JSON; where they are over the threshold, a number that is as well.
    fn measure(&self, value: &Value) -> usize {
        match value {
            // `{"$base64":"…"}`, without making it.
            Value::Bytes(bytes) => BYTES_KEY.len() + 7 + bytes.len().div_ceil(3) * 4,
            other => self.counted(other),
        }
    }

    fn counted(&self, value: &(impl Serialize + ?Sized)) -> usize {
        let Some(enough) = self.threshold else { return 0 };
        let mut counter = Counter { counted: 0, enough };
        // The one error there can be is that it was enough.
        let _ = serde_json::to_writer(&mut counter, value);
        counter.counted
    }
}

/// Where a value lies in memory: equal for values that share their contents.
fn place(value: &Value) -> (usize, usize) {
    match value {
        Value::String(text) => (Arc::as_ptr(text) as usize, 0),
        Value::Bytes(bytes) => (bytes.as_ptr() as usize, bytes.len()),
        Value::List(list) => (Arc::as_ptr(list) as usize, 0),
        Value::Object(object) => (Arc::as_ptr(object) as usize, 0),
        _ => (0, 0),
    }
}

/// How many `$` stand before the word of a reserved name: 1 for `$blob`; none where the name is not reserved.
fn level(name: &str) -> Option<usize> {
    let word = name.trim_start_matches('$');
    let reserved = [BLOB_KEY, BYTES_KEY].iter().any(|key| key.strip_prefix('$') == Some(word));
    (reserved && word.len() < name.len()).then(|| name.len() - word.len())
}

/// The name of a member, as a document has it, where that is another.
fn escaped_name(name: &str) -> Option<Arc<str>> {
    level(name).map(|_| format!("${name}").into())
}

/// … and back.
fn unescaped_name(name: &str) -> Option<Arc<str>> {
    level(name).filter(|level| *level > 1).and_then(|_| name.get(1..)).map(Arc::from)
}

/// Gives what is to take the place of a member, by its name where it has one; none where it stays.
type Each<'e, E> = dyn FnMut(Option<&str>, &Value) -> Result<Option<Value>, E> + 'e;

/// A list or an object with other members and other names of members; none where nothing is another.
fn rebuilt<E>(
    value: &Value,
    rename: &dyn Fn(&str) -> Option<Arc<str>>,
    each: &mut Each<'_, E>,
) -> Result<Option<Value>, E> {
    match value {
        Value::List(list) => {
            let mut changed: Option<Vec<Value>> = None;
            for (index, item) in list.iter().enumerate() {
                if let Some(other) = each(None, item)?
                    && let Some(slot) = changed.get_or_insert_with(|| list.to_vec()).get_mut(index)
                {
                    *slot = other;
                }
            }
            Ok(changed.map(Value::from))
        }
        Value::Object(object) => {
            let mut changed: Option<Object> = None;
            for (index, (name, member)) in object.iter().enumerate() {
                let other = (rename(name), each(Some(name), member)?);
                if changed.is_none() && matches!(other, (None, None)) {
                    continue;
                }
                let before =
                    || object.iter().take(index).map(|(name, member)| (name.clone(), member.clone())).collect();
                let members = changed.get_or_insert_with(before);
                members.insert(other.0.unwrap_or_else(|| name.clone()), other.1.unwrap_or_else(|| member.clone()));
            }
            Ok(changed.map(Value::from))
        }
        _ => Ok(None),
    }
}

/// Counts what is written, and ends the writing when that is more than enough.
struct Counter {
    counted: usize,
    enough: usize,
}

impl io::Write for Counter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.counted += data.len();
        if self.counted > self.enough { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(data.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value as documents write it, with all of it in its place: members that could be taken for references are escaped.
pub fn escaped(value: &Value) -> Value {
    let mut keep = |_: &Blob| false;
    Detaching { threshold: None, ..Detaching::new(0, &mut keep) }.look(value).value.unwrap_or_else(|| value.clone())
}

/// A value as it was before its large parts were taken out: `fetch` gives the contents of a blob, or says what is wrong with it (`is not
/// there`). Whoever fetches compares the digest.
///
/// # Errors
/// Contents that cannot be had or are not what the reference says, an object with `$blob` that is no reference, or references that stand
/// for more than [`MAX_ATTACHED`].
pub fn attach_blobs(
    value: &Value,
    fetch: &mut dyn FnMut(&BlobRef) -> Result<Bytes, String>,
) -> Result<Value, BlobError> {
    let mut attaching = Attaching { fetch, known: HashMap::new() };
    let mut extent = Extent::default();
    Ok(attaching.attach(value, 0, &mut extent)?.unwrap_or_else(|| value.clone()))
}

struct Attaching<'f> {
    fetch: &'f mut dyn FnMut(&BlobRef) -> Result<Bytes, String>,
    known: HashMap<BlobRef, (Value, Extent)>,
}

/// How much references stand for.
#[derive(Clone, Copy, Default)]
struct Extent {
    /// Bytes, each as often as it occurs.
    bytes: u64,
    /// How deep it goes, from where it is looked at.
    deepest: usize,
}

impl Extent {
    fn add(&mut self, bytes: u64, deepest: usize) -> Result<(), BlobError> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.deepest = self.deepest.max(deepest);
        match (self.bytes > MAX_ATTACHED, self.deepest > MAX_DEPTH) {
            (false, false) => Ok(()),
            (true, _) => Err(BlobError::TooLarge),
            (_, true) => Err(BlobError::TooDeep),
        }
    }
}

impl Attaching<'_> {
    fn attach(&mut self, value: &Value, depth: usize, extent: &mut Extent) -> Result<Option<Value>, BlobError> {
        extent.add(0, depth)?;
        if let Value::Object(object) = value
            && let Some(reference) = BlobRef::read(object)?
        {
            return self.resolve(reference, depth, extent).map(Some);
        }
        rebuilt(value, &unescaped_name, &mut |_, member| self.attach(member, depth + 1, extent))
    }

    fn resolve(&mut self, reference: BlobRef, depth: usize, extent: &mut Extent) -> Result<Value, BlobError> {
        if let Some((value, inner)) = self.known.get(&reference) {
            extent.add(inner.bytes, depth + inner.deepest)?;
            return Ok(value.clone());
        }
        let BlobRef { digest, kind, size } = reference;
        // Before it is fetched: what is too large is not.
        extent.add(size, depth)?;
        let contents = (self.fetch)(&reference).map_err(|problem| BlobError::Missing { digest, problem })?;
        let unlike = |problem: String| BlobError::Unlike { digest, problem };
        if contents.len() as u64 != size {
            return Err(unlike(format!("it has {} bytes, not {size}", contents.len())));
        }
        let mut inner = Extent { bytes: size, deepest: 0 };
        let value = match kind {
            BlobKind::Bytes => Value::Bytes(contents),
            BlobKind::String => match String::from_utf8(contents.into()) {
                Ok(text) => Value::from(text),
                Err(_) => return Err(unlike("it is not UTF-8 text".to_owned())),
            },
            BlobKind::Json => {
                let shown = Value::from_json(&contents).map_err(|error| unlike(format!("it is not JSON: {error}")))?;
                drop(contents);
                let mut from_here = Extent { bytes: size, deepest: depth };
                let value = self.attach(&shown, depth, &mut from_here)?.unwrap_or(shown);
                inner = Extent { bytes: from_here.bytes, deepest: from_here.deepest - depth };
                extent.add(inner.bytes - size, from_here.deepest)?;
                value
            }
        };
        self.known.insert(reference, (value.clone(), inner));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Store(HashMap<Digest, Bytes>);

    impl Store {
        fn detach(&mut self, value: &Value, threshold: usize) -> Value {
            let mut value = value.clone();
            Detaching::new(threshold, &mut |blob| {
                assert_eq!(blob.reference.digest, Digest::of(&blob.contents));
                self.0.insert(blob.reference.digest, blob.contents.clone());
                true
            })
            .detach(&mut value);
            value
        }

        fn attach(&self, value: &Value) -> Result<Value, BlobError> {
            let fetch = |reference: &BlobRef| self.0.get(&reference.digest).cloned().ok_or("is not there".to_owned());
            attach_blobs(value, &mut { fetch })
        }
    }

    fn json(text: &str) -> Value {
        Value::from_json(text.as_bytes()).unwrap()
    }

    fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
        Value::from(members.into_iter().map(|(name, value)| (Arc::from(name), value)).collect::<Object>())
    }

    #[test]
    fn one_byte_over_the_threshold_is_out() {
        for (small, large) in [
            (Value::from("x".repeat(100)), Value::from("x".repeat(101))),
            (Value::Bytes(vec![7; 100].into()), Value::Bytes(vec![7; 101].into())),
            (
                Value::from(vec![Value::from(1_i64); 49]),
                Value::from(vec![Value::from(10_i64), Value::from("x".repeat(94))]),
            ),
            (object([("k\n", Value::from("\u{1}".repeat(15)))]), object([("k", Value::from("é".repeat(47)))])),
        ] {
            let mut store = Store::default();
            assert_eq!(store.detach(&small, 100), small);
            assert!(store.0.is_empty());
            let out = store.detach(&large, 100);
            assert!(out.get(BLOB_KEY).is_some(), "{out:?}");
            assert_eq!(store.attach(&out), Ok(large));
        }
    }

    #[test]
    fn the_innermost_goes_out_first() {
        let rows = Value::from((0..100_i64).map(Value::from).collect::<Vec<_>>());
        let text = Value::from("t".repeat(60));
        let value = object([("rows", rows.clone()), ("text", text.clone()), ("count", Value::from(100_i64))]);
        let mut store = Store::default();
        let out = store.detach(&value, 250);
        assert_eq!(out.get("count"), Some(&Value::from(100_i64)));
        assert_eq!(out.get("rows").unwrap().get("type"), Some(&Value::from("json")));
        assert_eq!(out.get("text"), Some(&text));
        // Where what is left is still too much, it goes out as a whole, with references in it.
        let mut store = Store::default();
        let out = store.detach(&value, 150);
        assert_eq!(out.get("type"), Some(&Value::from("json")));
        assert_eq!(store.0.len(), 2);
        assert_eq!(store.attach(&out).unwrap().to_json(), value.to_json());
    }

    #[test]
    fn data_is_never_taken_for_a_reference() {
        let reference = BlobRef { digest: Digest::of(b""), kind: BlobKind::String, size: 0 };
        for data in [
            Value::from(reference),
            object([("$blob", Value::Null)]),
            object([("$$blob", Value::from(1_i64)), ("$blob", Value::from(2_i64)), ("blob", Value::from(3_i64))]),
            object([("$base64", Value::from("AAAA"))]),
            object([("$base64", Value::from("no base64"))]),
        ] {
            let store = &mut Store::default();
            let out = store.detach(&Value::from(vec![data.clone()]), 1000);
            let read = Value::from_json(out.to_json().as_bytes()).unwrap();
            assert_eq!(store.attach(&read), Ok(Value::from(vec![data])), "{}", out.to_json());
        }
        assert_eq!(Store::default().detach(&json(r#"[{"$blob":1}]"#), 1000).to_json(), r#"[{"$$blob":1}]"#);
    }

    #[test]
    fn what_is_not_kept_stays() {
        let large = Value::from("x".repeat(50));
        let value = Value::from(vec![Value::from("y".repeat(40)), large.clone(), object([("$blob", large)])]);
        let mut tries = 0;
        let mut out = value.clone();
        Detaching::new(30, &mut |_| {
            tries += 1;
            tries == 1
        })
        .detach(&mut out);
        assert_eq!(tries, 2);
        let Value::List(items) = &out else { panic!("no list") };
        assert!(items[0].get(BLOB_KEY).is_some());
        assert_eq!(items[1].as_str().map(str::len), Some(50));
        assert!(items[2].get("$$blob").is_some());
    }

    #[test]
    fn what_is_shared_is_kept_once() {
        let shared = Value::from("x".repeat(1000));
        let list = Value::from(vec![Value::from(1_i64); 1000]);
        let mut count = 0;
        let mut keep = |_: &Blob| {
            count += 1;
            true
        };
        let mut detaching = Detaching::new(100, &mut keep);
        for value in [&shared, &list, &Value::from("x".repeat(1000))] {
            let mut copies = [value.clone(), value.clone(), object([("a", value.clone())])];
            copies.iter_mut().for_each(|copy| detaching.detach(copy));
        }
        // The text, the list, and each once more in the object that holds its reference.
        assert_eq!(count, 4);
    }

    #[test]
    fn references_that_cannot_be_resolved_say_why() {
        let store = Store(HashMap::from([(Digest::of(b"\xff"), Bytes::from_static(b"\xff"))]));
        let of = |digest: Digest, kind, size| store.attach(&Value::from(BlobRef { digest, kind, size }));
        let there = Digest::of(b"\xff");
        assert!(matches!(of(Digest::of(b""), BlobKind::Bytes, 0), Err(BlobError::Missing { .. })));
        assert!(matches!(of(there, BlobKind::Bytes, 2), Err(BlobError::Unlike { .. })));
        assert!(matches!(of(there, BlobKind::String, 1), Err(BlobError::Unlike { .. })));
        assert!(matches!(of(there, BlobKind::Json, 1), Err(BlobError::Unlike { .. })));
        assert_eq!(of(there, BlobKind::Bytes, 1), Ok(Value::Bytes(Bytes::from_static(b"\xff"))));
        assert_eq!(of(there, BlobKind::Bytes, MAX_ATTACHED + 1), Err(BlobError::TooLarge));
        for none in [r#"{"$blob":1}"#, r#"{"$blob":"00","type":"bytes","size":1}"#] {
            assert_eq!(store.attach(&json(none)), Err(BlobError::Malformed));
        }
        let mut more = BlobRef { digest: there, kind: BlobKind::Bytes, size: 1 }.into();
        if let Value::Object(members) = &mut more {
            Arc::make_mut(members).insert("also".into(), Value::Null);
        }
        assert_eq!(store.attach(&more), Err(BlobError::Malformed));
    }

    /// A few kilobytes that stand for more than any machine has.
    #[test]
    fn references_to_references_are_bounded() {
        let mut store = Store::default();
        let mut value = Value::from("x".repeat(1000));
        let mut chain = Vec::new();
        for _ in 0..64 {
            let contents = value.to_bytes();
            let kind = BlobKind::of(&value);
            let reference = BlobRef { digest: Digest::of(&contents), kind, size: contents.len() as u64 };
            store.0.insert(reference.digest, contents);
            chain.push(Value::from(reference));
            value = Value::from(vec![Value::from(reference), Value::from(reference)]);
        }
        assert_eq!(store.attach(&value), Err(BlobError::TooLarge));
        // One in the other, whichever is looked at first.
        let mut store = Store::default();
        let mut value = Value::from(vec![Value::Null]);
        let mut chain = Vec::new();
        for _ in 0..=MAX_DEPTH {
            let contents = value.to_bytes();
            let reference =
                BlobRef { digest: Digest::of(&contents), kind: BlobKind::Json, size: contents.len() as u64 };
            store.0.insert(reference.digest, contents);
            chain.push(Value::from(reference));
            value = Value::from(vec![Value::from(reference)]);
        }
        assert_eq!(store.attach(&value), Err(BlobError::TooDeep));
        assert_eq!(store.attach(&Value::from(chain.clone())), Err(BlobError::TooDeep));
        assert!(store.attach(&Value::from(chain[..MAX_DEPTH / 2].to_vec())).is_ok());
    }

    mod any_document {
        use proptest::prelude::*;

        use super::*;

        fn values() -> impl Strategy<Value = Value> {
            let leaf = prop_oneof![
                Just(Value::Null),
                any::<bool>().prop_map(Value::from),
                any::<i64>().prop_map(Value::from),
                any::<u64>().prop_map(Value::from),
                (-1e300..1e300).prop_map(Value::Float),
                ".{0,60}".prop_map(Value::from),
                prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| Value::Bytes(bytes.into())),
            ];
            let name = prop_oneof![
                Just("$blob".to_owned()),
                Just("$$base64".to_owned()),
                Just("$base64".to_owned()),
                Just("type".to_owned()),
                ".{0,4}",
            ];
            leaf.prop_recursive(5, 60, 6, move |inner| {
                prop_oneof![
                    prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                    prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                        Value::from(members.into_iter().map(|(name, value)| (name.into(), value)).collect::<Object>())
                    }),
                ]
            })
        }

        proptest! {
            /// Through JSON, as documents go.
            #[test]
            fn is_the_same_with_its_blobs_put_back(value in values(), threshold in 0usize..200) {
                let mut store = Store::default();
                let written = store.detach(&value, threshold).to_json();
                let back = store.attach(&Value::from_json(written.as_bytes()).unwrap()).unwrap();
                prop_assert_eq!(back.to_json(), value.to_json());
                prop_assert_eq!(back.digest(), value.digest());
                prop_assert_eq!(back, value);
            }

            /// What is measured is what is written.
            #[test]
            fn is_within_the_threshold(value in values(), threshold in 0usize..200) {
                let out = Store::default().detach(&value, threshold);
                let escaped = Store::default().detach(&value, usize::MAX);
                let is_out = matches!(&out, Value::Object(object) if BlobRef::read(object).is_ok_and(|it| it.is_some()));
                match (&value, &out) {
                    (Value::String(text), _) => prop_assert_eq!(is_out, text.len() > threshold),
                    (Value::Bytes(bytes), _) => prop_assert_eq!(is_out, bytes.len() > threshold),
                    (Value::List(_) | Value::Object(_), _) if !is_out => prop_assert!(out.to_json().len() <= threshold),
                    (Value::List(_) | Value::Object(_), _) => prop_assert!(escaped.to_json().len() > threshold),
                    _ => prop_assert!(!is_out),
                }
            }
        }
    }
}
