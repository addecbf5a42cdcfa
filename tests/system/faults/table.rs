//! The table of `docs/reliability.md` and the tests are about the same faults.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn of_the_documentation_names_every_test_and_no_other() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(tests.join("../docs/reliability.md")).unwrap();
    let named: BTreeSet<&str> = table
        .split('`')
        .filter(|word| word.starts_with("faults::") || word.starts_with("abuse::"))
        .collect();

    let mut there = BTreeSet::new();
    let mut read = |module: &str, path: &Path| {
        let source = std::fs::read_to_string(path).unwrap();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if ["#[tokio::test]", "#[test]"].contains(&line) {
                let signature = lines.next().unwrap();
                let name = signature.split("fn ").nth(1).unwrap();
                let name = name.split('(').next().unwrap();
                there.insert(format!("{module}::{name}"));
            }
        }
    };
    for entry in std::fs::read_dir(tests.join("system/faults")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if is_source && !["mod", "table"].contains(&module) {
            read(&format!("faults::{module}"), &path);
        }
    }
    read("abuse", &tests.join("system/abuse.rs"));
    let there: BTreeSet<&str> = there.iter().map(String::as_str).collect();
    assert_eq!(named, there);
}
