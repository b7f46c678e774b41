//! JavaScript and TypeScript with packages of others.

use std::path::Path;
use std::sync::Arc;

use wasmill_artifact::BuildCache;
use wasmill_model::{Language, SourceText, SourceUnit};
use wasmill_toolchain::{BuildError, Mode, Settings, ToolName, Toolchain};

use crate::workshop::{build, code, folder, refused, toolchain};

const LOCAL: [(&str, &str); 4] = [
    (
        "local/package.json",
        r#"{"name":"local","version":"1.0.0","main":"lib/index.js","exports":{".":"./lib/index.js","./esm":"./esm.mjs"}}"#,
    ),
    // As old packages are: not strict, and with a part of Node.js that it does without.
    (
        "local/lib/index.js",
        "state = require('./state');\nexports.add = function add(n) {\n  if (n < 0) throw new RangeError('negative');\n  return state.sum += n;\n};\n\
         try { require('fs') } catch {}\n",
    ),
    ("local/lib/state.js", "module.exports = { sum: 0 };\n"),
    (
        "local/esm.mjs",
        "import state from './lib/state.js';\nexport const sum = () => state.sum;\nexport default class Sum {}\n",
    ),
];

const PACKAGE: &str = r#"{"private":true,"type":"module","dependencies":{"local":"file:./local"}}"#;

fn source(language: Language, folder: &Path) -> SourceUnit {
    SourceUnit { text: SourceText::Path(folder.into()), trusted: true, ..code(language, "") }
}

fn with_local(files: &[(&str, &str)]) -> tempfile::TempDir {
    folder(&[files, &LOCAL, &[("package.json", PACKAGE)]].concat())
}

#[test]
fn packages_are_part_of_the_script_and_places_are_the_users() {
    let files = with_local(&[
        (
            "main.js",
            "import { add } from \"local\";\nimport local from 'local';\nimport Sum, * as esm from \"local/esm\";\nimport { twice } from \"./lib/twice.cjs\";\n\n\
             export async function main(n) {\n  const later = await import(\"local/esm\");\n  \
             return [add(n), local.add(n), twice(n), esm.sum(), later.sum(), Object.keys(esm), Sum.name];\n}\n",
        ),
        (
            "lib/twice.cjs",
            "const local = require(\"local\");\nexports.twice = (n) => { local.add(n); return local.add(n); };\n",
        ),
    ]);
    let unit = build(&source(Language::JavaScript, files.path())).unwrap();
    // All of them have the one state.
    assert_eq!(unit.call(r#"{"n":2}"#).unwrap(), r#"[2,4,8,8,8,["default","sum"],"Sum"]"#);
    assert_eq!(unit.call(r#"{"n":-1}"#).unwrap_err(), "RangeError: negative (main.js:8:15)");
}

#[test]
fn a_package_of_the_registry_is_fetched() {
    let files = folder(&[
        (
            "src/main.ts",
            "import ms, { type StringValue } from \"ms\";\n\nexport const main = (text: string) => ms(text as StringValue);\n",
        ),
        ("package.json", r#"{"dependencies":{"ms":"2.1.3"}}"#),
    ]);
    assert_eq!(
        build(&source(Language::TypeScript, files.path())).unwrap().call(r#"{"text":"2 days"}"#).unwrap(),
        "172800000"
    );
}

#[test]
fn packages_of_others_need_trust_and_others_do_not() {
    let files = with_local(&[("main.js", "export const main = () => 1;\n")]);
    assert_eq!(
        refused(&SourceUnit { trusted: false, ..source(Language::JavaScript, files.path()) }),
        "not trusted: `package.json` has dependencies (`local`): `npm install` would fetch them, and run what they bring, on this machine"
    );
    let alone = folder(&[
        ("main.js", "import { one } from \"./one.js\";\nexport const main = () => one;\n"),
        ("one.js", "export const one = 1;\n"),
        ("package.json", r#"{"type":"module","dependencies":{},"devDependencies":{"typescript":"5"}}"#),
    ]);
    let unit = build(&SourceUnit { trusted: false, ..source(Language::JavaScript, alone.path()) }).unwrap();
    assert_eq!(unit.call("{}").unwrap(), "1");
}

#[test]
fn what_is_missing_is_said() {
    let said = |files: &[(&str, &str)]| refused(&source(Language::TypeScript, with_local(files).path()));
    let main = |text: &'static str| [("main.ts", text)];
    assert_eq!(
        said(&main(
            "import { add } from \"local\";\n\nimport { x } from \"not-there\";\nexport const main = () => add(x);\n"
        )),
        "main.ts:3:19: Could not resolve \"not-there\""
    );
    assert_eq!(
        said(&main("import { readFileSync } from \"node:fs\";\nexport const main = () => readFileSync(\"x\");\n")),
        "main.ts:1:30: Could not resolve \"node:fs\": it is a part of Node.js, which scripts do not have"
    );
    let locked = said(&[("main.ts", "result = 1"), ("package-lock.json", r#"{"lockfileVersion":3,"packages":{}}"#)]);
    assert!(
        locked.starts_with("package.json: npm could not install what `package.json` names: code EUSAGE; "),
        "{locked}"
    );

    let gone = folder(&[("main.js", "result = 1"), ("package.json", r#"{"dependencies":{"gone":"file:./gone.tgz"}}"#)]);
    let gone = refused(&source(Language::JavaScript, gone.path()));
    assert!(gone.starts_with("package.json: npm could not install what `package.json` names: code ENOENT; "), "{gone}");
    assert!(gone.contains("gone.tgz"), "{gone}");
}

#[test]
fn packages_are_put_together_once() {
    let kept = tempfile::tempdir().unwrap();
    let cache = Some(Arc::new(BuildCache::open(kept.path().join("builds")).unwrap()));
    let settings = Settings { cache, ..toolchain(Mode::Release).settings().clone() };
    let files = with_local(&[(
        "main.js",
        "import { add } from \"local\";\nexport const main = (n) => add(n);\nexport const other = () => add(7);\n",
    )]);
    let source = source(Language::JavaScript, files.path());
    assert!(!Toolchain::new(settings.clone()).build(&source, Path::new(".")).unwrap().cached);

    // Without npm: it is not asked again, whatever function is wanted.
    let mut without = settings.clone();
    without.tools.named.insert(ToolName::Npm, "/no/npm".into());
    let without = Toolchain::new(without);
    assert!(without.build(&source, Path::new(".")).unwrap().cached);
    let other = SourceUnit { function: Some("other".into()), ..source.clone() };
    assert!(!without.build(&other, Path::new(".")).unwrap().cached);
    // What was built for who trusts it is not for who does not.
    let error = without.build(&SourceUnit { trusted: false, ..source.clone() }, Path::new(".")).unwrap_err();
    assert!(matches!(error, BuildError::NotTrusted { .. }), "{error}");
    std::fs::write(files.path().join("local/lib/state.js"), "module.exports = { sum: 1 };\n").unwrap();
    let error = without.build(&source, Path::new(".")).unwrap_err();
    assert!(matches!(error, BuildError::Missing { tool: ToolName::Npm, .. }), "{error}");
}
