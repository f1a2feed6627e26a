//! Reads Rust source just closely enough for the tidy checks.
//!
//! A few dozen lines of lexer instead of a parser crate: the checks ask only whether a byte
//! is code, comment or the inside of a string, and whether a line belongs to test code.

/// One source file, with everything that is not code blanked out.
pub(crate) struct RustSource<'a> {
    text: &'a str,
    code: String,
    starts: Vec<usize>,
    tests: Vec<(usize, usize)>,
    all_test: bool,
}

impl<'a> RustSource<'a> {
    /// Reads the file at `path`, whose name decides whether all of it is test code.
    pub(crate) fn read(path: &str, text: &'a str) -> Self {
        let code = blank(text);
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let tests = test_regions(&code);
        Self { text, code, starts, tests, all_test: is_test_path(path) }
    }

    /// The file as it is.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The file with comments and the insides of strings replaced by spaces; offsets are
    /// those of [`text`](Self::text).
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// The line number, from 1, of a byte offset.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// Whether the byte belongs to a test: a test file or an item under `#[cfg(test)]`.
    pub(crate) fn is_test(&self, offset: usize) -> bool {
        self.all_test || self.tests.iter().any(|(from, to)| (*from..*to).contains(&offset))
    }

    /// Where the bracket opened at `open` closes, in the code.
    pub(crate) fn closing(&self, open: usize) -> Option<usize> {
        closing(self.code.as_bytes(), open)
    }
}

/// Whether `word` stands at `at` in `code` on its own, not inside a longer identifier.
pub(crate) fn is_word(code: &str, at: usize, word: &str) -> bool {
    let bytes = code.as_bytes();
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let before = at.checked_sub(1).and_then(|index| bytes.get(index)).is_some_and(part);
    let after = bytes.get(at + word.len()).is_some_and(part);
    !before && !after
}

fn is_test_path(path: &str) -> bool {
    let mut parts = path.split('/');
    let name = parts.next_back().unwrap_or(path);
    parts.any(|part| part == "tests" || part == "testkit") || name == "tests.rs" || name.ends_with("_tests.rs")
}

fn closing(code: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn test_regions(code: &str) -> Vec<(usize, usize)> {
    code.match_indices("#[cfg(test)]")
        .chain(code.match_indices("#[cfg(all(test"))
        .filter_map(|(from, _)| {
            let rest = &code[from..];
            let body = rest.find('{')?;
            match rest.find(';') {
                Some(end) if end < body => Some((from, from + end)),
                _ => Some((from, closing(code.as_bytes(), from + body)?)),
            }
        })
        .collect()
}

/// What the lexer is inside of.
enum Inside {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text { raw: Option<usize> },
}

fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut inside = Inside::Code;
    let mut at = 0;
    while at < bytes.len() {
        let (next, taken, keep) = step(bytes, at, &inside);
        for byte in &bytes[at..at + taken] {
            out.push(if keep || *byte == b'\n' { *byte } else { b' ' });
        }
        at += taken;
        if let Some(next) = next {
            inside = next;
        }
    }
    // Only whole characters of code are kept, and the rest is spaces: always UTF-8.
    String::from_utf8(out).unwrap_or_default()
}

/// What happens at one position: the new state, the bytes taken, whether they are code.
fn step(bytes: &[u8], at: usize, inside: &Inside) -> (Option<Inside>, usize, bool) {
    let rest = &bytes[at..];
    match inside {
        Inside::Code if rest.starts_with(b"//") => (Some(Inside::LineComment), 2, false),
        Inside::Code if rest.starts_with(b"/*") => (Some(Inside::BlockComment { depth: 1 }), 2, false),
        Inside::Code if rest[0] == b'"' => (Some(Inside::Text { raw: None }), 1, true),
        Inside::Code if rest[0] == b'\'' => (None, character(rest), false),
        Inside::Code if rest[0] == b'r' && !follows_identifier(bytes, at) => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            if rest.get(1 + hashes) == Some(&b'"') {
                (Some(Inside::Text { raw: Some(hashes) }), 2 + hashes, true)
            } else {
                (None, 1, true)
            }
        }
        Inside::Code => (None, 1, true),
        Inside::LineComment if rest[0] == b'\n' => (Some(Inside::Code), 1, true),
        Inside::LineComment => (None, 1, false),
        Inside::BlockComment { depth } if rest.starts_with(b"*/") => match depth {
            1 => (Some(Inside::Code), 2, false),
            _ => (Some(Inside::BlockComment { depth: depth - 1 }), 2, false),
        },
        Inside::BlockComment { depth } if rest.starts_with(b"/*") => {
            (Some(Inside::BlockComment { depth: depth + 1 }), 2, false)
        }
        Inside::Text { raw: None } if rest[0] == b'\\' => (None, rest.len().min(2), false),
        Inside::Text { raw: None } if rest[0] == b'"' => (Some(Inside::Code), 1, true),
        Inside::Text { raw: Some(hashes) } if rest[0] == b'"' => {
            let closed = rest[1..].iter().take(*hashes).filter(|b| **b == b'#').count();
            if closed == *hashes { (Some(Inside::Code), 1 + hashes, true) } else { (None, 1, false) }
        }
        Inside::BlockComment { .. } | Inside::Text { .. } => (None, 1, false),
    }
}

/// The length of a character literal, or 1 for the quote of a lifetime.
fn character(rest: &[u8]) -> usize {
    let Some(first) = rest.get(1) else { return 1 };
    if *first == b'\\' {
        let end = rest.iter().skip(3).position(|byte| *byte == b'\'');
        return end.map_or(1, |end| end + 4);
    }
    let width = match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 1 }
}

fn follows_identifier(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|index| bytes[index]) else {
        return false;
    };
    // `br"…"` and `cr"…"` are strings too.
    if matches!(before, b'b' | b'c') {
        return at.checked_sub(2).is_some_and(|index| bytes[index].is_ascii_alphanumeric() || bytes[index] == b'_');
    }
    before.is_ascii_alphanumeric() || before == b'_'
}

#[cfg(test)]
mod tests {
    use super::{RustSource, is_word};

    fn code(text: &str) -> String {
        RustSource::read("a.rs", text).code().to_owned()
    }

    #[test]
    fn comments_and_strings_are_blanked_and_offsets_stay() {
        let text = "a /* x /* y */ z */ b // c\n\"d\\\"e\" f r#\"g\"h\"# i";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        let words: Vec<_> = code.split_whitespace().collect();
        assert_eq!(words, ["a", "b", "\"", "\"", "f", "r#\"", "\"#", "i"]);
    }

    #[test]
    fn lifetimes_are_not_characters() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}").trim_end().len(), 23);
        assert!(!code("let q = '\"'; let z = 1;").contains('"'));
        assert!(code("let q = '\\''; let z = 1;").contains("let z = 1;"));
        assert!(code("let q = '\\u{e4}'; let z = 1;").contains("let z = 1;"));
        assert!(code("let q = 'ä'; let z = 1;").contains("let z = 1;"));
    }

    #[test]
    fn an_identifier_that_ends_in_r_opens_no_raw_string() {
        assert!(code("macro_for\"x\" y").ends_with(" y"));
        assert!(code("br\"\\\" y").ends_with(" y"));
    }

    #[test]
    fn test_modules_and_test_files_are_test_code() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n";
        let source = RustSource::read("src/a.rs", text);
        let at = |needle: &str| source.is_test(text.find(needle).unwrap());
        assert!(!at("fn a"));
        assert!(at("fn b"));
        assert!(!at("fn c"));
        assert!(RustSource::read("src/lane/tests.rs", "fn a() {}").is_test(0));
        assert!(RustSource::read("broker/tests/wire.rs", "fn a() {}").is_test(0));
    }

    #[test]
    fn a_declared_test_module_ends_at_its_semicolon() {
        let text = "#[cfg(test)]\nmod tests;\nfn c() { x() }\n";
        let source = RustSource::read("src/a.rs", text);
        assert!(source.is_test(0));
        assert!(!source.is_test(text.find("fn c").unwrap()));
    }

    #[test]
    fn words_stand_alone() {
        assert!(is_word("a body b", 2, "body"));
        assert!(!is_word("a body_len", 2, "body"));
        assert!(!is_word("nobody", 2, "body"));
    }
}
