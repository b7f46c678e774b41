//! `go.mod`: the module's name, and what it requires of others.

/// What glue and trust have to know of a module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) path: Option<String>,
    /// The modules that the Go command would have to fetch.
    pub(super) requires: Vec<String>,
}

impl Module {
    pub(super) fn read(text: &str) -> Self {
        let mut module = Module::default();
        let mut replaced = Vec::new();
        let mut block = None;
        for line in text.lines() {
            let line = line.split("//").next().unwrap_or_default().trim();
            let (verb, rest) = match block {
                Some(_) if line == ")" => {
                    block = None;
                    continue;
                }
                Some(verb) => (verb, line),
                None => line.split_once(char::is_whitespace).unwrap_or((line.trim_end_matches('('), "")),
            };
            if rest.trim() == "(" || line.ends_with('(') {
                block = Some(verb.trim());
                continue;
            }
            let mut words = rest.split_whitespace().map(|word| word.trim_matches('"').to_owned());
            match (verb, words.next()) {
                ("module", Some(path)) => module.path = Some(path),
                ("require", Some(path)) => module.requires.push(path),
                // What stands in the folder itself is not fetched.
                ("replace", Some(path)) if words.any(|word| word.starts_with("./")) => replaced.push(path),
                _ => {}
            }
        }
        module.requires.retain(|path| !replaced.contains(path));
        module
    }
}

#[cfg(test)]
mod tests {
    use super::Module;

    #[test]
    fn what_is_required_is_found_in_every_form() {
        let text = "module \"example.com/m\" // mine\n\ngo 1.22\nrequire a.b/c v1.0.0\nrequire (\n\td.e/f v0.1.0 // indirect\n\tg.h/i v2.0.0\n)\n\
            require(\n x.y/z v1.0.0\n)\nreplace g.h/i => ./local\n";
        let module = Module::read(text);
        assert_eq!(module.path.as_deref(), Some("example.com/m"));
        assert_eq!(module.requires, ["a.b/c", "d.e/f", "x.y/z"]);
        assert_eq!(Module::read(""), Module::default());
    }
}
