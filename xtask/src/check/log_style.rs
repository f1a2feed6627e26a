//! Log lines read alike: a constant message in lower case, everything that varies in fields.
//!
//! A constant message can be searched for and counted. Fields whose name says that they carry
//! what a user wrote or a secret are refused here, because a log is the first thing that
//! leaves a machine.

use anyhow::Result;

use super::{Finding, Outcome};
use crate::rust_source::{RustSource, is_word};
use crate::tree::Tree;

const MACROS: [&str; 5] = ["trace!(", "debug!(", "info!(", "warn!(", "error!("];

const SECRET: [&str; 9] =
    ["authorization", "body", "credentials", "jwt", "passwd", "password", "payload", "secret", "token"];

pub(crate) fn check(tree: &Tree) -> Result<Outcome> {
    let mut findings = Vec::new();
    for (file, text) in tree.texts(".rs") {
        let source = RustSource::read(file, text);
        for (at, opening) in MACROS.iter().flat_map(|opening| source.code().match_indices(opening)) {
            let name = &opening[..opening.len() - 2];
            let open = at + opening.len() - 1;
            if source.is_test(at) || !is_word(source.code(), at, name) {
                continue;
            }
            let Some(close) = source.closing(open) else {
                continue;
            };
            for advice in of_call(&source, open + 1, close) {
                findings.push(Finding::new(file, source.line(at), advice));
            }
        }
    }
    findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(Outcome::found(findings))
}

fn of_call(source: &RustSource<'_>, from: usize, to: usize) -> Vec<String> {
    let mut advice = Vec::new();
    let mut message = None;
    for (from, to) in arguments(source.code(), from, to) {
        let code = &source.code()[from..to];
        if message.is_some() {
            advice.push("the message takes no arguments; make them fields".to_owned());
            break;
        }
        if let Some(literal) = literal(code) {
            message = Some(&source.text()[from + literal.0..from + literal.1]);
        } else if let Some(secret) = secret_field(&source.text()[from..to], code) {
            advice.push(format!("`{secret}` may be what a user wrote or a secret; log its length or leave it out"));
        }
    }
    match message {
        None => advice.push("end the call with a constant message in quotes".to_owned()),
        Some(text) if text.replace("{{", "").contains('{') => {
            advice.push("the message must be constant; what varies goes into fields".to_owned());
        }
        Some(text) if !starts_lower(text) => {
            advice.push(format!("the message \"{text}\" starts with a capital letter"));
        }
        Some(_) => {}
    }
    advice
}

/// The arguments between two offsets, split at the commas that are not nested.
fn arguments(code: &str, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut start = from;
    for (at, byte) in code.bytes().enumerate().take(to).skip(from) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                found.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push((start, to));
    found
        .into_iter()
        .map(|(from, to)| {
            let part = &code[from..to];
            let trimmed = part.trim_start();
            (to - trimmed.len(), from + part.trim_end().len())
        })
        .filter(|(from, to)| from < to)
        .collect()
}

/// Where the text of an argument lies that is nothing but a string literal.
fn literal(code: &str) -> Option<(usize, usize)> {
    let open = code.find('"')?;
    let close = code.rfind('"')?;
    let plain = code[..open].chars().all(|c| c == 'r' || c == '#') && code[close + 1..].chars().all(|c| c == '#');
    let one = open < close && !code[open + 1..close].contains('"');
    (plain && one).then_some((open + 1, close))
}

/// The name by which a field's argument gives itself away.
fn secret_field(text: &str, code: &str) -> Option<String> {
    let is_name = |part: &str| part.chars().all(|c| c.is_alphanumeric() || "_.\"".contains(c));
    let assign = code.find('=').filter(|at| is_name(text[..*at].trim()) && !code[at + 1..].starts_with('='));
    let (name, value) = match assign {
        Some(at) => (text[..at].trim(), text[at + 1..].trim()),
        None => ("", text.trim()),
    };
    let last = |path: &str| {
        let path = path.trim_start_matches(['%', '?', '&', '*', ' ']);
        is_name(path).then(|| path.trim_matches('"').rsplit('.').next().map(str::to_owned))?
    };
    [name, value].into_iter().filter_map(last).find(|name| SECRET.contains(&name.as_str()))
}

/// Lower case, or a word that is an abbreviation (`TLS`), or no letter at all.
fn starts_lower(text: &str) -> bool {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
    let capital = word.chars().next().is_some_and(char::is_uppercase);
    let abbreviation = word.len() > 1 && !word.chars().any(char::is_lowercase);
    !text.is_empty() && (!capital || abbreviation)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::planted;

    fn advice(call: &str) -> Vec<String> {
        let text = format!("//! A.\nfn a() {{\n    {call};\n}}\n");
        let (_directory, tree) = planted::tree(&[("src/a.rs", &text)]);
        let found = check(&tree).unwrap().findings;
        assert!(found.iter().all(|finding| finding.line == 3));
        found.into_iter().map(|finding| finding.advice).collect()
    }

    #[test]
    fn good_calls_pass() {
        for call in [
            "info!(user = %u, device, \"connected\")",
            "tracing::warn!(error = ?error, \"TLS certificate not reloaded\")",
            "debug!(target: \"wire\", bytes = body.len(), %peer, \"packet read\",)",
            "info!(\n        tokens = 3,\n        ok = a == b,\n        \"bucket filled\"\n    )",
            "anyhow_error!(\"Not ours {x}\")",
            "error!(text = \"A, B\", \"2 { is fine when doubled {{\")",
        ] {
            let found = advice(call);
            if call.starts_with("error!") {
                assert_eq!(found.len(), 1, "{call}: {found:?}");
            } else {
                assert!(found.is_empty(), "{call}: {found:?}");
            }
        }
    }

    #[test]
    fn messages_that_vary_are_found() {
        assert_eq!(advice("info!(\"user {u} connected\")").len(), 1);
        assert_eq!(advice("info!(\"user {} connected\", u)").len(), 2);
        assert_eq!(advice("info!(user = %u)").len(), 1);
        assert_eq!(advice("info!(\"{{braces}} are text\")").len(), 0);
    }

    #[test]
    fn capitals_are_found() {
        assert_eq!(advice("info!(\"Connected\")").len(), 1);
    }

    #[test]
    fn secrets_are_found() {
        for call in [
            "info!(password = %p, \"login\")",
            "info!(%token, \"login\")",
            "info!(text = ?message.body, \"stored\")",
            "info!(http.authorization = x, \"called\")",
            "info!(\"secret\" = x, \"called\")",
        ] {
            assert_eq!(advice(call).len(), 1, "{call}");
        }
    }

    #[test]
    fn tests_may_log_what_they_like() {
        let text = "//! A.\n#[cfg(test)]\nmod tests {\n fn a() { info!(\"A {x}\") }\n}\n";
        let (_directory, tree) = planted::tree(&[("src/a.rs", text)]);
        assert!(check(&tree).unwrap().findings.is_empty());
    }
}
