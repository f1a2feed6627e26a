//! The files of the repository as the checks see them.
//!
//! Walks the directory instead of asking git, so that the checks also run on a tree that is
//! no git checkout (a source archive, the planted trees of the tests). What git ignores here
//! is named in `IGNORED`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Directory names that hold no source, at any depth.
const IGNORED: [&str; 7] = [".git", "target", "node_modules", "__pycache__", ".venv", "artifacts", "corpus"];

/// A repository: where it is and every source file in it.
pub(crate) struct Tree {
    root: PathBuf,
    files: Vec<String>,
    texts: BTreeMap<String, String>,
}

impl Tree {
    /// Lists the files under `root` and reads those that are text the checks look at.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        walk(root, "", &mut files)?;
        files.sort();
        let mut texts = BTreeMap::new();
        for file in files.iter().filter(|file| is_checked_text(file)) {
            let text =
                fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file} as UTF-8 text"))?;
            texts.insert(file.clone(), text);
        }
        Ok(Self { root: root.to_owned(), files, texts })
    }

    /// Where the repository is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Every file, relative to the root, `/` between the levels, sorted.
    pub(crate) fn files(&self) -> &[String] {
        &self.files
    }

    /// Whether `path` is a file or a directory of the tree.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let directory = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file == path || file.starts_with(&directory))
    }

    /// The text of one file, if the tree has it.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(String::as_str)
    }

    /// All text files whose name ends in `suffix`, with their text.
    pub(crate) fn texts<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.texts
            .iter()
            .filter(move |(file, _)| file.ends_with(suffix))
            .map(|(file, text)| (file.as_str(), text.as_str()))
    }
}

/// The repository that this binary was compiled in.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    match here.parent() {
        Some(root) if root.join("Cargo.toml").is_file() => Ok(root.to_owned()),
        _ => bail!("{} is not inside the workspace any more", here.display()),
    }
}

fn is_checked_text(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    match name.rsplit_once('.') {
        Some((_, extension)) => {
            matches!(extension, "rs" | "md" | "toml" | "sh" | "py" | "js" | "mjs" | "proto" | "yml" | "yaml")
        }
        None => name == "run",
    }
}

fn walk(root: &Path, below: &str, files: &mut Vec<String>) -> Result<()> {
    let directory = root.join(below);
    let entries = fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            bail!("a file name below {} is not UTF-8", directory.display());
        };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !IGNORED.contains(&name) && path != "data" {
                walk(root, &path, files)?;
            }
        } else if kind.is_file() && !name.ends_with(".log") {
            files.push(path);
        }
    }
    Ok(())
}

/// Planted trees for the tests of the checks.
#[cfg(test)]
pub(crate) mod planted {
    use super::{Path, Tree, fs};

    /// Writes the files into a new temporary directory and opens it.
    pub(crate) fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let directory = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
            fs::write(path, text).unwrap();
        }
        let tree = Tree::open(directory.path()).unwrap();
        (directory, tree)
    }
}

#[cfg(test)]
mod tests {
    use super::planted;

    #[test]
    fn build_output_and_logs_are_not_source() {
        let (_directory, tree) = planted::tree(&[
            ("src/a.rs", "//! A.\n"),
            ("target/debug/b.rs", "b"),
            ("interop/node_modules/c.md", "c"),
            ("run.log", "d"),
            ("data/journal.rs", "e"),
            ("libs/data/f.rs", "//! F.\n"),
        ]);
        assert_eq!(tree.files(), ["libs/data/f.rs", "src/a.rs"]);
        assert_eq!(tree.text("src/a.rs"), Some("//! A.\n"));
        assert!(tree.contains("libs/data"));
        assert!(!tree.contains("libs/dat"));
    }
}
