use std::fs;
use std::path::{Path, PathBuf};

use wasmill_artifact::{ArtifactError, MAX_TEXT_SIZE, MAX_UNIT_SIZE, Sources, load};
use wasmill_model::{Builtin, Code, Digest, Interface, Location, UnitSource, UnitSpec};
use wasmill_unit::Unit;

const TEXT: &str = r#"(module (func (export "one") (result i32) i32.const 1))"#;

fn spec(source: UnitSource, sha256: Option<Digest>) -> UnitSpec {
    UnitSpec { source, sha256, location: Location::default() }
}

fn at(base: &Path, path: &str) -> Result<Unit, ArtifactError> {
    load(&spec(UnitSource::Path(PathBuf::from(path)), None), base, &Sources::default())
}

fn base64(text: &str) -> Result<Unit, ArtifactError> {
    load(&spec(UnitSource::Base64(text.to_owned()), None), Path::new(""), &Sources::default())
}

fn wat(text: &str) -> Result<Unit, ArtifactError> {
    load(&spec(UnitSource::Wat(text.to_owned()), None), Path::new(""), &Sources::default())
}

fn binary() -> Vec<u8> {
    wat::parse_str(TEXT).unwrap()
}

#[test]
fn files_are_told_apart_by_content() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.wasm"), binary()).unwrap();
    fs::write(folder.path().join("one.wat"), TEXT).unwrap();
    fs::write(folder.path().join("binary.wat"), binary()).unwrap();
    fs::write(folder.path().join("text.wasm"), TEXT).unwrap();
    for name in ["one.wasm", "one.wat", "binary.wat"] {
        let unit = at(folder.path(), name).unwrap();
        assert_eq!(unit.interface(), Interface::Core, "{name}");
        assert_eq!(unit.digest(), Digest::of(&binary()), "{name}");
    }
    let error = at(folder.path(), "text.wasm").unwrap_err();
    assert_eq!(error.code(), Code::CorruptUnit);
    assert!(error.to_string().contains("text.wasm"), "{error}");
    assert!(error.help().unwrap().contains(".wat"));
}

#[test]
fn a_missing_file_is_named_with_what_is_like_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stats.wasm"), binary()).unwrap();
    fs::create_dir(folder.path().join("units")).unwrap();
    fs::write(folder.path().join("units/count.wasm"), binary()).unwrap();

    let error = at(folder.path(), "statz.wasm").unwrap_err().diagnostic();
    assert_eq!(error.code, Code::UnitNotFound);
    assert!(error.message.contains(&folder.path().join("statz.wasm").display().to_string()), "{}", error.message);
    assert_eq!(error.help.as_deref(), Some("did you mean `stats.wasm`?"));
    assert_eq!(at(folder.path(), "stats.wat").unwrap_err().help().as_deref(), Some("did you mean `stats.wasm`?"));

    let error = at(folder.path(), "modules/deep/count.wasm").unwrap_err();
    let help = error.help().unwrap();
    assert!(help.contains(&format!("`{}` does not exist", folder.path().join("modules").display())), "{help}");
    assert!(at(folder.path(), "nothing-like-it.wasm").unwrap_err().help().unwrap().contains("relative"));
    // A file where a folder is expected.
    assert_eq!(at(folder.path(), "stats.wasm/x.wasm").unwrap_err().code(), Code::UnitNotFound);

    let error = at(folder.path(), "units").unwrap_err();
    assert!(matches!(&error, ArtifactError::Directory { units, .. } if units == &["count.wasm"]), "{error:?}");
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_says_so() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.wasm");
    fs::write(&path, binary()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    match at(folder.path(), "secret.wasm") {
        Err(error) => assert!(matches!(error, ArtifactError::Denied { .. }), "{error:?}"),
        // Root reads everything.
        Ok(_) => assert!(fs::File::open(&path).is_ok()),
    }
}

#[test]
fn what_is_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("big.wasm")).unwrap();
    // The larger one would take more memory than there is.
    for size in [MAX_UNIT_SIZE + 1, 1 << 43] {
        file.set_len(size).unwrap();
        let error = at(folder.path(), "big.wasm").unwrap_err();
        assert!(matches!(error, ArtifactError::TooLarge { limit: MAX_UNIT_SIZE, .. }), "{error:?}");
    }
    let error = wat(&" ".repeat(MAX_TEXT_SIZE as usize + 1)).unwrap_err();
    assert!(matches!(error, ArtifactError::TooLarge { limit: MAX_TEXT_SIZE, .. }), "{error:?}");
}

#[test]
fn text_errors_have_a_position_in_the_text() {
    let error = wat("(module\n  (func (export \"f\") (result i32)\n    i32.konst 1))").unwrap_err();
    let ArtifactError::Wat { line, column, message, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*line, *column), (3, 5));
    assert!(message.contains("unknown operator"), "{message}");
    assert_eq!(error.code(), Code::WatSyntax);
    assert_eq!(
        error.to_string(),
        format!("`wat:` is not valid WebAssembly text: {message} (line 3, column 5 of the text)")
    );

    // A line that is too long for the parser to show.
    let long = format!("(module (func {} bogus))", "nop ".repeat(200));
    let ArtifactError::Wat { line: 1, column, message, .. } = wat(&long).unwrap_err() else { panic!() };
    assert!(column > 500 && !message.contains("<anon>"), "{column} {message}");
    // A name that nothing has.
    let ArtifactError::Wat { line: 1, column: 27, .. } = wat("(module (export \"f\" (func $f)))").unwrap_err() else {
        panic!("{:?}", wat("(module (export \"f\" (func $f)))"))
    };
    // Text that parses and is not valid.
    let error = wat("(module (func (result i32)))").unwrap_err();
    assert!(matches!(error, ArtifactError::Invalid { .. }), "{error:?}");

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("latin.wat"), b"(module\n ;; caf\xe9\n)").unwrap();
    let error = at(folder.path(), "latin.wat").unwrap_err();
    assert!(matches!(error, ArtifactError::Wat { line: 2, column: 8, .. }), "{error:?}");
    assert!(error.to_string().contains("latin.wat"));
}

#[test]
fn deep_text_is_refused_not_overflowed() {
    for open in ["(", "(module ", "(component ", "(block ", "(;"] {
        let _ = wat(&open.repeat(100_000));
        let _ = wat(&format!("(module (func {}))", open.repeat(100_000)));
    }
}

#[test]
fn base64_is_lenient_about_form_only() {
    use base64::Engine as _;

    // Bytes that make both alphabets differ.
    let text = format!("{} (@custom \"x\" \"\\ff\\fe\\fb\\ef\\be\\fa\"))", &TEXT[..TEXT.len() - 1]);
    let binary = wat::parse_str(text).unwrap();
    let standard = base64::engine::general_purpose::STANDARD.encode(&binary);
    let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&binary);
    assert_ne!(standard.trim_end_matches('='), url_safe);
    let mut wrapped = String::from("\n  ");
    for chunk in standard.as_bytes().chunks(20) {
        wrapped.push_str(std::str::from_utf8(chunk).unwrap());
        wrapped.push_str("\r\n\t");
    }
    for form in [&standard, &url_safe, &wrapped, &format!("data:application/wasm;base64,{standard}")] {
        assert_eq!(base64(form).unwrap().digest(), Digest::of(&binary), "{form}");
    }
    for bad in ["", "  ", "AGFzb*==", "A"] {
        let error = base64(bad).unwrap_err();
        assert_eq!(error.code(), Code::Base64, "{bad}: {error}");
    }
    assert_eq!(base64("aGVsbG8=").unwrap_err().code(), Code::CorruptUnit);
}

#[test]
fn digests_are_of_the_binary() {
    let digest = Digest::of(&binary());
    assert!(load(&spec(UnitSource::Wat(TEXT.to_owned()), Some(digest)), Path::new(""), &Sources::default()).is_ok());
    let other = Digest::of(b"other");
    let error =
        load(&spec(UnitSource::Wat(TEXT.to_owned()), Some(other)), Path::new(""), &Sources::default()).unwrap_err();
    assert_eq!(
        error,
        ArtifactError::DigestMismatch { origin: "the unit in `wat:`".to_owned(), declared: other, actual: digest }
    );
    let diagnostic = error.diagnostic();
    assert_eq!(diagnostic.code, Code::DigestMismatch);
    assert!(diagnostic.help.unwrap().contains(&digest.to_string()));

    // A damaged file is told by its digest before it is told by its bytes.
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = binary();
    damaged.pop();
    fs::write(folder.path().join("one.wasm"), &damaged).unwrap();
    let declared = spec(UnitSource::Path("one.wasm".into()), Some(digest));
    assert_eq!(load(&declared, folder.path(), &Sources::default()).unwrap_err().code(), Code::DigestMismatch);
    let same = spec(UnitSource::Path("one.wasm".into()), Some(Digest::of(&damaged)));
    assert_eq!(load(&same, folder.path(), &Sources::default()).unwrap_err().code(), Code::CorruptUnit);
}

/// The units of `guests/builtin` (`processors`) are part of the library: small, with the C ABI, and asking for nothing.
#[test]
fn built_in_units_need_no_file() {
    for builtin in Builtin::ALL {
        let unit = load(&spec(UnitSource::Builtin(builtin), None), Path::new("nowhere"), &Sources::default()).unwrap();
        assert_eq!(unit.interface(), Interface::Bytes, "{}", builtin.as_str());
        assert!(unit.info().imports.is_empty(), "{}", builtin.as_str());
        assert!(unit.bytes().len() < 200 * 1024, "{}", builtin.as_str());
    }
}
