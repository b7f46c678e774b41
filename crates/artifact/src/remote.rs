//! From a manifest's reference to a validated unit, wherever it is.

use std::path::Path;

use wasmill_model::{Digest, UnitSource, UnitSpec};
use wasmill_unit::{InspectError, Unit};

use crate::load::identify;
use crate::{ArtifactError, FetchError, Sources, fetch, load_local};

/// Loads a unit as [`load_local`] does, or fetches it: a URL is a binary's; `sources` say how it is fetched and kept.
///
/// This blocks, for as long as [`Sources::timeout`] where something is fetched; several units are loaded on several threads.
///
/// # Errors
/// What is wrong with the source; [`ArtifactError::diagnostic`] makes it readable.
pub fn load(spec: &UnitSpec, base: &Path, sources: &Sources) -> Result<Unit, ArtifactError> {
    match &spec.source {
        UnitSource::Url(text) => load_url(text, spec.sha256, sources),
        _ => load_local(spec, base),
    }
}

/// A unit at a URL: the one that is kept, or else what the server gives.
fn load_url(text: &str, declared: Option<Digest>, sources: &Sources) -> Result<Unit, ArtifactError> {
    let url = fetch::parse(text)?;
    let Some(declared) = declared else {
        if !sources.allow_unpinned {
            return Err(ArtifactError::Unpinned { origin: fetch::origin(&url) });
        }
        let (origin, binary) = fetch::fetch(url, sources)?;
        return identify_fetched(origin, &binary, None);
    };
    // What is damaged is as if it were not there, and is written over.
    if let Some(kept) = sources.units.as_ref().and_then(|units| units.read(&declared))
        && let Ok(unit) = Unit::from_binary(kept)
        && unit.digest() == declared
    {
        return Ok(unit);
    }
    let (origin, binary) = fetch::fetch(url, sources)?;
    let unit = identify_fetched(origin, &binary, Some(declared))?;
    if let Some(units) = &sources.units {
        units.store(&declared, &binary);
    }
    Ok(unit)
}

/// … which came from a server: a web page in its place says more than its digest.
fn identify_fetched(origin: String, binary: &bytes::Bytes, declared: Option<Digest>) -> Result<Unit, ArtifactError> {
    if !binary.starts_with(b"\0asm")
        && let Err(InspectError::NotWasm { looks_like }) = Unit::from_binary(binary.clone())
    {
        return Err(ArtifactError::Fetch { origin, error: FetchError::NotWebAssembly { looks_like } });
    }
    identify(origin, binary, declared)
}
