//! Which files are in the repository?

use std::fs;
use std::path::{Path, PathBuf};

/// What is built or installed, not written.
const OTHERS: [&str; 7] =
    [".git", ".tools", ".venv", "dist", "node_modules", "target", "__pycache__"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// By its path from the root.
pub(crate) fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files whose names end so, by their paths from the root, sorted.
pub(crate) fn files(endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    look_into(&root(), &mut |path| {
        let path = path.strip_prefix(root()).expect("below the root").to_string_lossy();
        if endings.iter().any(|ending| path.ends_with(ending)) {
            found.push(path.into_owned());
        }
    });
    found.sort();
    assert!(!found.is_empty(), "no {endings:?}");
    found
}

fn look_into(folder: &Path, see: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() && !OTHERS.iter().any(|other| name == *other) {
            look_into(&path, see);
        } else if kind.is_file() {
            see(&path);
        }
    }
}
