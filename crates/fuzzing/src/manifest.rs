//! Text to a pipeline.

use wasmill_manifest::{Format, parse};

/// Reading a manifest never panics; what is wrong has a message, and is the same each time.
pub fn manifest(data: &[u8]) {
    let Some((format, text)) = data.split_first() else { return };
    let format = match format % 3 {
        0 => Format::Yaml,
        1 => Format::Json,
        _ => Format::Toml,
    };
    let text = String::from_utf8_lossy(text);
    let first = parse("pipeline.yaml", &text, format);
    if let Err(diagnostics) = &first {
        assert!(!diagnostics.0.is_empty(), "no pipeline, and nothing wrong");
        assert!(diagnostics.0.iter().all(|diagnostic| !diagnostic.message.is_empty()));
    }
    assert_eq!(parse("pipeline.yaml", &text, format), first);
}
