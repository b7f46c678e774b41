//! Text to a unit: WebAssembly text and base64.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wasmill_artifact::{Sources, load as load_unit};
use wasmill_model::{UnitSource, UnitSpec};

/// Loading never panics, and base64 of bytes is those bytes.
pub fn load(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    load_from(UnitSource::Wat(text.clone()));
    load_from(UnitSource::Base64(text));
    let direct = wasmill_unit::Unit::from_binary(data.to_vec()).ok().map(|unit| unit.digest());
    assert_eq!(load_from(UnitSource::Base64(STANDARD.encode(data))), direct);
}

fn load_from(source: UnitSource) -> Option<wasmill_model::Digest> {
    let spec = UnitSpec { source, sha256: None, location: wasmill_model::Location::default() };
    match load_unit(&spec, Path::new(""), &Sources::default()) {
        Ok(unit) => Some(unit.digest()),
        Err(error) => {
            assert!(!error.diagnostic().message.is_empty());
            None
        }
    }
}
