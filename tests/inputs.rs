//! The table of inputs as people have them names tests that exist.

use std::path::Path;

#[test]
fn every_row_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("tests/INPUTS.md")).expect("the table");
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| input |"));
    let mut count = 0;
    for row in rows {
        let named = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default().trim_matches('`');
        let (file, test) = named.split_once("::").unwrap_or_else(|| panic!("no test is named: {row}"));
        let (path, place) = match file.ends_with(".txt") {
            true => (root.join("tests/study_file").join(file), format!("=== {test}\n")),
            false => (root.join(file), format!("fn {test}(")),
        };
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(&place), "{file} has no {test}: {row}");
        count += 1;
    }
    assert!(count > 40, "only {count} rows were found");
}
